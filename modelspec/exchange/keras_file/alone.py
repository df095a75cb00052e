"""Attentions that read tensors of their own, so that no one else loses a mask.

Keras's MultiHeadAttention takes the mask off the very tensors that it is called on. A tensor that
others read too is handed to it by a layer that multiplies it by one: that one's mask is lost alone.
"""

from __future__ import annotations

from modelspec.exchange.keras.forgotten import AS_IT_IS
from modelspec.exchange.keras_file.parts import Functional, Node, Part, Value, values

TAKES_OFF = "MultiHeadAttention"


def read_alone(model: Functional) -> None:
    """Put a layer between an attention and each tensor with a mask that others read too."""
    nodes = [node for part in model.parts for node in part.nodes]
    readers = read_by(model, nodes)
    for node in nodes:
        if node.part.kind == TAKES_OFF:
            shared = [v for v in node.values() if v.masked and readers[itself(v)] != {node}]
            own = {value: times_one(model, value, node.part) for value in dict.fromkeys(shared)}
            node.args = [own.get(one, one) for one in node.args]
            node.kwargs = {key: own.get(one, one) for key, one in node.kwargs.items()}


def read_by(model: Functional, nodes: list[Node]) -> dict[Value, set[Node | None]]:
    """Who reads each tensor; None reads those that leave the model."""
    found: dict[Value, set[Node | None]] = {}
    for node in nodes:
        for value in () if node.part.kind in AS_IT_IS else node.values():
            found.setdefault(itself(value), set()).add(node)
    for value in values(model.ends()):
        found.setdefault(itself(value), set()).add(None)
    return found


def itself(value: Value) -> Value:
    """The tensor that a value may be one with."""
    while value.node.part.kind in AS_IT_IS:
        value = value.node.args[0]
    return value


def times_one(model: Functional, value: Value, reader: Part) -> Value:
    """A value times one, with the same mask."""
    config = {"trainable": True, "dtype": reader.config["dtype"], "scale": 1.0, "offset": 0.0}
    part = model.add(f"{reader.name}_reads", "keras.layers", "Rescaling", config)
    made = Value(Node(part, [value], {}), 0, value.shape, value.dtype)
    made.mask, made.masked = value.mask, True
    return made
