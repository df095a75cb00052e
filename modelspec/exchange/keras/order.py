"""The calls of a model in an order in which each comes after those it needs."""

from __future__ import annotations

from modelspec.exchange.keras.faults import Odd
from modelspec.exchange.keras.model import Model, Part, tensors

Called = tuple[Part, int]


def in_order(model: Model) -> list[Called]:
    """As they read best: a chain is followed as long as it goes. Raises `Odd` for a circle."""
    waiting = [(part, at) for part in model.parts for at in range(len(part.nodes))]
    ready = {(t.part, t.node) for t in tensors(model.inputs)}
    needs = needed(waiting)
    readers = read_by(waiting)
    left = dict.fromkeys((part.name, at) for part, at in waiting)
    found: list[Called] = []
    queue = waiting[::-1]
    while queue:
        part, at = queue.pop()
        if (part.name, at) not in left or not needs[part.name, at] <= ready:
            continue
        del left[part.name, at]
        ready.add((part.name, at))
        found.append((part, at))
        queue += readers.get((part.name, at), [])[::-1]
    if left:
        raise Odd(f"the calls in `{model.name}` go round in a circle")
    return found


def by_depth(model: Model) -> list[Called]:
    """As Keras runs them: those first that are farthest from the end."""
    listed = in_order(model)
    readers = read_by(listed)
    depth: dict[tuple[str, int], int] = {}
    for part, at in reversed(listed):
        after = [depth[other.name, call] for other, call in readers.get((part.name, at), [])]
        depth[part.name, at] = 1 + max(after, default=-1)
    places = {part.name: place for place, part in enumerate(model.parts)}
    return sorted(listed, key=lambda one: (-depth[one[0].name, one[1]], places[one[0].name]))


def needed(calls: list[Called]) -> dict[tuple[str, int], set[tuple[str, int]]]:
    """The calls that each is called on."""
    return {
        (part.name, at): {(t.part, t.node) for t in part.nodes[at].tensors()} for part, at in calls
    }


def read_by(calls: list[Called]) -> dict[tuple[str, int], list[Called]]:
    """The calls that are called on each, in their order."""
    readers: dict[tuple[str, int], list[Called]] = {}
    for part, at in calls:
        for need in dict.fromkeys((t.part, t.node) for t in part.nodes[at].tensors()):
            readers.setdefault(need, []).append((part, at))
    return readers
