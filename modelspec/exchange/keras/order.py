"""The calls of a model in an order in which each comes after those it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from modelspec.exchange.keras.faults import Odd
from modelspec.exchange.keras.model import Model, Part, Tensor, tensors

Called = tuple[Part, int]
Call = TypeVar("Call", bound=tuple[Any, Any])  # a part, and which of its calls it is
Needed = Callable[[Call], Iterable[Call]]  # those whose outputs a call is called on


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
    """The calls that the outputs need, as Keras runs them: those first that are farthest from the
    outputs.
    """
    in_order(model)  # which refuses a circle

    def calls(found: Iterable[Tensor]) -> list[Called]:
        return [(model.by_name[one.part], one.node) for one in found]

    def needed(call: Called) -> list[Called]:
        part, at = call
        return [] if part.is_input else calls(part.nodes[at].flat())

    depth, _ = depths(reached(calls(tensors(model.outputs)), needed)[0], needed)
    return [one for one in sorted(depth, key=lambda one: -depth[one]) if not one[0].is_input]


def reached(lasts: Iterable[Call], needed: Needed[Call]) -> tuple[list[Call], dict[Any, int]]:
    """The calls that `lasts` need, each after those it needs itself, and when each part was met."""
    found: dict[Call, None] = {}
    met: dict[Any, int] = {}
    for last in lasts:
        waiting = [(last, iter(needed(last)))] if last not in found else []
        met.setdefault(last[0], len(met))
        while waiting:
            call, others = waiting[-1]
            other = next(others, None)
            if other is None:
                found[call] = None
                waiting.pop()
            elif other not in found:
                met.setdefault(other[0], len(met))
                waiting.append((other, iter(needed(other))))
    return list(found), met


def depths(calls: list[Call], needed: Needed[Call]) -> tuple[dict[Call, int], dict[Any, int]]:
    """How far each call and each part lies from the outputs, by the longest way. The calls come in
    the order in which Keras comes across them, which is that of those equally far.
    """
    of_parts: dict[Any, int] = {}
    of_calls: dict[Call, int] = {}
    for call in reversed(calls):
        depth = max(of_calls.setdefault(call, 0), of_parts.get(call[0], 0))
        of_parts[call[0]] = of_calls[call] = depth
        for other in needed(call):
            of_calls[other] = max(of_calls.get(other, 0), depth + 1)
    return of_calls, of_parts


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
