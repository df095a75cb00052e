"""The order of a model's parts as Keras finds it when it loads the file.

Where weights lie in a file follows from it: each layer is counted among those of its class. Keras
sorts by the longest way to an output, and then by when it came across a part on its way from the
outputs to the inputs. Masks are ways too.
"""

from __future__ import annotations

from collections.abc import Iterable

from modelspec.exchange.keras.order import depths, reached
from modelspec.exchange.keras_file.parts import Functional, Node, Part, Value, values


def in_order(model: Functional) -> list[Part]:
    """The parts in Keras's order; parts and calls that no output needs are left out."""
    nodes, met = reached(called(values(model.ends())), needed)
    _, depth = depths(nodes, needed)
    for value in model.inputs:  # an input is there though nothing reads it
        if value.node.part not in depth:
            depth[value.node.part], met[value.node.part] = 0, -1
    kept = {node for _, node in nodes}
    for part in depth:
        part.nodes = [node for node in part.nodes if node in kept or part.kind == "InputLayer"]
    return sorted(depth, key=lambda part: (-depth[part], met[part]))


def needed(call: tuple[Part, Node]) -> list[tuple[Part, Node]]:
    """The calls whose outputs a call is called on."""
    return called(call[1].values())


def called(found: Iterable[Value]) -> list[tuple[Part, Node]]:
    return [(value.node.part, value.node) for value in found]
