"""Tensors of a Keras model that no input changes, as `Parameter` and `Constant`.

Keras has no layers for them. They stand in models as arrays among the arguments of operations, or
as an Embedding of places that are the same for every sample; `export --to keras` writes them so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from modelspec.exchange.keras.calls import PAIRWISE, Call
from modelspec.exchange.keras.hdf5 import Array
from modelspec.exchange.keras.masks import prune
from modelspec.exchange.keras.model import Model, Node, Part, Slice, Tensor, tensors
from modelspec.exchange.keras.words import rounded

if TYPE_CHECKING:
    from modelspec.exchange.keras.graphs import Graph

#: Operations that add an array to zeros.
SUMS = ("Add", "LogicalOr")


def take_in(model: Model) -> None:
    """Write Embeddings of known places as `Parameter`, and arrays added to zeros as `Constant`."""
    found = Found(model)
    for part in model.parts:
        if len(part.nodes) == 1:
            found.look(part, part.nodes[0])
    used = {one.part for one in tensors(model.outputs)}
    used |= {one.part for part in model.parts for node in part.nodes for one in node.tensors()
             if part.name not in found.known}  # fmt: skip
    for part in model.parts:
        value = found.known.get(part.name)
        if part.name in used and part.kind in SUMS and value is not None:
            become(part, "Constant", {"name": part.name, "value": value.tolist()})
    prune(model, set(found.known) - used)


class Found:
    """The tensors of one model that are known: a number for each place, without the batch."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.known: dict[str, Array] = {}

    def look(self, part: Part, node: Node) -> None:
        """Note what a part gives, where that is known."""
        first = node.args[0] if node.args else None
        if not isinstance(first, Tensor):
            return
        value = self.known.get(first.part)
        if part.is_operation and part.kind == "ZerosLike" and self.is_one(first):
            self.known[part.name] = np.zeros((), part.config.get("dtype") or "float32")
        elif value is None:
            return
        elif part.kind == "ExpandDims" and part.config.get("axis") == -1:
            self.known[part.name] = value[..., None]
        elif part.kind in SUMS and part.is_operation and not value.any():
            self.add(part, value, node.args[1])
        elif part.kind == "Embedding" and part.config.get("mask_zero") is not True:
            self.look_up(part, value)

    def is_one(self, tensor: Tensor) -> bool:
        """Whether it is one number of each sample."""
        part = self.model.by_name[tensor.part]
        if part.kind != "GetItem" or len(part.nodes) != 1:
            return False
        key = part.nodes[0].args[1] if len(part.nodes[0].args) > 1 else None
        if not isinstance(key, list) or not key or not isinstance(key[0], Slice):
            return False
        whole = (key[0].start, key[0].stop, key[0].step) == (None, None, None)
        return whole and key[1:] == [0] * (len(key) - 1) and tensor.shape == (None,)

    def add(self, part: Part, zeros: Array, other: Any) -> None:
        if isinstance(other, list) and len(other) == 1:
            added = np.array(other[0], zeros.dtype)
            if added.ndim == zeros.ndim:
                self.known[part.name] = added

    def look_up(self, part: Part, places: Array) -> None:
        """An Embedding of all its rows in order is a parameter."""
        config = part.config
        rows, width = config["input_dim"], config["output_dim"]
        whole = (rows,) if places.ndim else ()
        if places.shape != whole or (places != np.arange(rows)).any():
            return
        sizes = [*whole, width]
        reader = self.only_reader(part)
        if reader is not None and reader.kind == "Reshape" and reader.is_operation:
            sizes = list(reader.config["newshape"])[1:]
            give_way(self.model, reader, part)
        told = {key: config.get(f"embeddings_{key}") for key in
                ("initializer", "regularizer", "constraint")}  # fmt: skip
        kept: dict[str, Any] = {
            key: config[key] for key in ("name", "trainable", "dtype") if key in config
        }
        become(part, "Parameter", {**kept, "shape": sizes, **told})

    def only_reader(self, part: Part) -> Part | None:
        """The operation that alone reads a part."""
        if any(one.part == part.name for one in tensors(self.model.outputs)):
            return None
        readers = [
            other for other in self.model.parts for node in other.nodes
            if any(one.part == part.name for one in node.tensors())
        ]  # fmt: skip
        return readers[0] if len(readers) == 1 else None


def give_way(model: Model, gone: Part, part: Part) -> None:
    """Take a part out, and let its readers read another one."""
    model.parts.remove(gone)
    places = [node.tensors() for other in model.parts for node in other.nodes]
    for tensor in (one for found in (*places, tensors(model.outputs)) for one in found):
        if tensor.part == gone.name:
            tensor.part, tensor.node, tensor.index = part.name, 0, 0


def become(part: Part, kind: str, config: dict[str, Any]) -> None:
    """Make a layer that is called on nothing out of a part."""
    part.kind, part.module, part.config, part.nodes = kind, None, config, [Node([], {})]


def write(graph: Graph, name: str, made: Call, node: Node) -> None:
    """Write arrays among the operands of an operation as entries of their own."""
    for port in sorted(PAIRWISE & set(made.arguments)):
        written = made.arguments[port]
        beside = next(iter(node.tensors()), None)
        value = as_constant(written, beside) if isinstance(written, list) else None
        if value is not None:
            held = graph.names.free(f"{name}_constant")
            graph.layers[held] = {"type": "Constant", "value": value}
            graph.texts[held, 0] = graph.before = held
            del made.arguments[port]
            ports = {**made.ports, port: Tensor(held, 0, 0)}
            made.ports = {key: ports[key] for key in sorted(ports)}


def as_constant(written: list[Any], beside: Tensor | None) -> list[Any] | None:
    """An array among an operation's arguments as the value of a `Constant`, without the batch:
    it broadcasts against a tensor. None where samples would differ.
    """
    value = np.array(rounded(written))
    rank = value.ndim if beside is None or beside.shape is None else len(beside.shape)
    if value.ndim == rank:
        return value[0].tolist() if len(value) == 1 else None
    while value.ndim < rank - 1:
        value = value[None]
    found: list[Any] = value.tolist()
    return found
