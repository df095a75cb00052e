"""The order of a model's parts as Keras finds it when it loads the file.

Where weights lie in a file follows from it: each layer is counted among those of its class. Keras
sorts by the longest way to an output, and then by when it came across a part on its way from the
outputs to the inputs. Masks are ways too.
"""

from __future__ import annotations

from modelspec.exchange.keras_file.parts import Functional, Node, Part, values


def in_order(model: Functional) -> list[Part]:
    """The parts in Keras's order; parts and calls that no output needs are left out."""
    nodes, met = reached(model)
    depths = depths_of(nodes)
    for value in model.inputs:  # an input is there though nothing reads it
        if value.node.part not in depths:
            depths[value.node.part], met[value.node.part] = 0, -1
    kept = set(nodes)
    for part in depths:
        part.nodes = [node for node in part.nodes if node in kept or part.kind == "InputLayer"]
    return sorted(depths, key=lambda part: (-depths[part], met[part]))


def reached(model: Functional) -> tuple[list[Node], dict[Part, int]]:
    """The calls that the outputs need, each after those it needs, and when each part was met."""
    found: dict[Node, None] = {}
    met: dict[Part, int] = {}
    for end in values(model.ends()):
        waiting = [(end.node, iter(end.node.values()))] if end.node not in found else []
        met.setdefault(end.node.part, len(met))
        while waiting:
            node, needed = waiting[-1]
            value = next(needed, None)
            if value is None:
                found[node] = None
                waiting.pop()
            elif value.node not in found:
                met.setdefault(value.node.part, len(met))
                waiting.append((value.node, iter(value.node.values())))
    return list(found), met


def depths_of(nodes: list[Node]) -> dict[Part, int]:
    """How far each part lies from the outputs, by the longest way."""
    depths: dict[Part, int] = {}
    calls: dict[Node, int] = {}
    for node in reversed(nodes):
        depth = max(calls.get(node, 0), depths.get(node.part, 0))
        depths[node.part] = calls[node] = depth
        for value in node.values():
            calls[value.node] = max(calls.get(value.node, 0), depth + 1)
    return depths
