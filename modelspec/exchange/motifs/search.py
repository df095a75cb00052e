"""Finding runs of items that recur with the same types and the same wiring.

Runs are told apart by classes: two runs are of one class when their items are alike one by one,
read the same places of the run, and read tensors from outside in the same pattern. The classes of
length n + 1 split those of length n, and a run that is alone in its class is dropped, so the work
follows what recurs.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

from modelspec.exchange.motifs.items import Item, Line, Wire, beginning, calls_others, skeleton

SHORTEST, LONG, LONGEST = 3, 24, 60
MOST_INPUTS, MOST_OUTPUTS = 2, 2
#: How many items are read at most, so that a very long spec is looked at less far.
WORK = 200_000
#: What a call takes, and a block besides its items, in characters; near enough to choose by.
CALL, BLOCK = 40, 80
#: What a further output or input of a call costs a reader, in characters.
OUTPUT, INPUT = 150, 20
#: What it costs, a run, to tear layers apart whose names hold them together, or to take some of
#: several, or layers whose names have nothing in common.
TORN, PART, LOOSE = 500, 8, 40
#: Layers that finish the one before, and layers that begin something new.
FINISHING = ("Activation", "ReLU", "LeakyReLU", "Dropout", "SpatialDropout2D")
MERGING = ("Add", "Concatenate", "MaxPooling2D", "AveragePooling2D", "ops.Add")
DIGITS = "0123456789"
SHORTLIST = 24


class Place(NamedTuple):
    """Where a run begins."""

    line: Line
    at: int


class Found(NamedTuple):
    """A run that recurs: its length, where it stands, and about what a block would save."""

    length: int
    places: list[Place]
    gain: int


class Token:
    """What an item is, whatever run it stands in."""

    __slots__ = ("chained", "item", "kind", "kinds", "reads")

    def __init__(self, item: Item, kind: Any, line: Line, at: dict[Item, int]) -> None:
        self.item, self.kind = item, kind
        #: Each tensor that it is called on: where its item stands (-1: an input), and the tensor.
        self.reads = [(at[w.source] if isinstance(w.source, Item) else -1, w) for w in item.wires]
        self.kinds = [line.kind(wire) for wire in item.wires]
        here = at[item]
        self.chained = self.reads == [(here - 1, Wire(line.items[here - 1]))] if here else False


class Search:
    """The runs of several lines that recur."""

    def __init__(self, lines: list[Line], deepest: int) -> None:
        self.lines, self.deepest = lines, deepest
        self.ids: dict[Any, int] = {}
        self.best: list[Found] = []
        self.least = 0  # what a run must promise to be among the best
        self.sizes = {line: [0, *accumulate(one.size for one in line.items)] for line in lines}
        self.tokens: dict[Line, list[Token]] = {}
        self.last: dict[Line, dict[Item, list[tuple[Wire, int]]]] = {}
        for line in lines:
            at = {item: number for number, item in enumerate(line.items)}
            self.tokens[line] = [
                Token(item, self.kind(item, line), line, at) for item in line.items
            ]
            self.last[line] = last_readers(line)

    def kind(self, item: Item, line: Line) -> int:
        """A number for what must be equal in items that are alike."""
        word, name = item.head
        outer = word == "use" or calls_others(list(item.args.values()))
        if (outer and line.path) or (item.block is not None and item.block.depth >= self.deepest):
            return self.number(("alone", item))
        nested = [(k, skeleton(v)) for k, v in item.args.items() if k in ("layer", "cell", "cells")]
        return self.number((word, name, item.form, item.args.get("dtype"), *map(repr, nested)))

    def number(self, key: Any) -> int:
        return self.ids.setdefault(key, len(self.ids))

    def found(self) -> list[Found]:
        """The runs that promise most, best first."""
        groups = [[Run(Place(line, at)) for line in self.lines for at in range(len(line.items))]]
        longest = max(SHORTEST + 1, min(LONGEST, WORK // max(1, len(groups[0]))))
        for length in range(1, longest + 1):
            grown: list[list[Run]] = []
            for group in groups:
                count = apart(group, length - 1)
                parts = list(self.split(group, length))
                if length > 1 and not any(self.further(p, length, count) for _, p in parts):
                    self.judge(length - 1, count)
                grown += [runs for runs, places in parts if len(places) > 1]
            groups = grown
            if not groups:
                break
        return self.best

    def split(self, group: list[Run], length: int) -> Iterator[tuple[list[Run], list[Place]]]:
        """The runs of one class, one item longer, by their classes then."""
        classes: dict[Any, list[Run]] = {}
        for run in group:
            tokens = self.tokens[run.place.line]
            at = run.place.at + length - 1
            if at < len(tokens):
                classes.setdefault(run.read(tokens[at]), []).append(run)
        for runs in classes.values():
            yield ended(runs, length), apart(runs, length)

    def further(self, places: list[Place], length: int, before: list[Place]) -> bool:
        """Whether runs are as many as before they grew, and no nested block came to them."""
        if len(places) < len(before):
            return False
        line, at = places[0]
        return line.items[at + length - 1].block is None

    def judge(self, length: int, places: list[Place]) -> None:
        """Keep a run where a block of it may be worth its lines, and among the best."""
        line, at = places[0]
        sizes, count = self.sizes[line], len(places)
        gain = (count - 1) * (sizes[at + length] - sizes[at]) - count * CALL - BLOCK
        if gain <= self.least:
            return
        items = line.items[at : at + length]
        if length < SHORTEST and (length < 2 or not any(one.times or one.block for one in items)):
            return
        inputs, outputs = len(outside(items)), len(outer(line, at, length, self.last[line]))
        if not tidy(inputs, outputs) or periodic(items):
            return
        gain -= count * ((outputs - 1) * OUTPUT + (inputs - 1) * INPUT)
        if gain <= self.least:
            return
        costs = [torn(*place, length) for place in places]
        size = sizes[at + length] - sizes[at]
        places = [place for place, cost in zip(places, costs, strict=True) if size > CALL + cost]
        gain -= sum(min(cost, size - CALL) for cost in costs)
        if gain > self.least and len(places) > 1:
            self.best.append(Found(length, places, gain))
            self.best.sort(key=lambda one: (-one.gain, -one.length))
            del self.best[SHORTLIST:]
            if len(self.best) == SHORTLIST:
                self.least = self.best[-1].gain


class Run:
    """A run that grows: the tensors from outside that it has read so far."""

    __slots__ = ("outside", "place")

    def __init__(self, place: Place) -> None:
        self.place = place
        self.outside: dict[Wire, int] = {}

    def read(self, token: Token) -> Any:
        """What tells the run's class, once it holds one more item."""
        start = self.place.at
        first = token.item is self.place.line.items[start]
        if token.chained and not first:
            return token.kind
        found: list[Any] = [token.kind]
        for (at, wire), kind in zip(token.reads, token.kinds, strict=True):
            if at >= start:
                found.append((at - start, wire.output))
            else:
                new = wire not in self.outside
                found.append((-1 - self.outside.setdefault(wire, len(self.outside)), new and kind))
        return tuple(found)


def ended(runs: list[Run], length: int) -> list[Run]:
    """Without long runs that are a shorter one three times over: the shorter one will do."""
    if length < LONG:
        return runs
    places = [run.place for run in runs]
    kept = [
        run
        for run, place, after in zip(runs, places, places[1:], strict=False)
        if place.line is not after.line or 3 * (after.at - place.at) > length
    ]
    return [*kept, runs[-1]]


def apart(runs: list[Run], length: int) -> list[Place]:
    """The places of runs that do not overlap, from the first on."""
    found: list[Place] = []
    for run in runs:
        place = run.place
        if not found or place.line is not found[-1].line or place.at >= found[-1].at + length:
            found.append(place)
    return found


def outer(line: Line, at: int, length: int, last: dict[Item, list[tuple[Wire, int]]]) -> list[Wire]:
    """The tensors of a run that are read outside of it."""
    return [
        wire
        for item in line.items[at : at + length]
        for wire, reader in last.get(item, ())
        if reader >= at + length
    ]


def outside(run: list[Item]) -> list[Wire]:
    """The tensors that a run reads and does not make, in order."""
    inside = set(run)
    return list(dict.fromkeys(w for one in run for w in one.wires if w.source not in inside))


def last_readers(line: Line) -> dict[Item, list[tuple[Wire, int]]]:
    """The tensors of each item that are read, and how far down; outputs are read at the end."""
    found = {wire: at for at, item in enumerate(line.items) for wire in item.wires}
    found |= dict.fromkeys(line.outputs.values(), len(line.items))
    made: dict[Item, list[tuple[Wire, int]]] = {}
    for wire, reader in found.items():
        if isinstance(wire.source, Item):
            made.setdefault(wire.source, []).append((wire, reader))
    return made


def torn(line: Line, at: int, length: int) -> int:
    """What it costs that a run tears apart what belongs together by its names, or by its types
    where Keras made the names.
    """
    items = line.items
    end = at + length
    run = [one.titles for one in items[at:end] if one.titles]
    depth = len(beginning(run))
    edges = [one for one in (at, end) if 0 < one < len(items)]
    ties = any(tied(items[edge - 1], items[edge]) for edge in edges)
    bonds = [len(beginning([items[e - 1].titles, items[e].titles])) for e in edges]
    bond = max(bonds, default=0)
    if bond > depth or (ties and bond == depth):
        return TORN
    if depth:
        if bond < depth:
            return 0
        # Some of `block_1`, `block_2`, ..., or a part of one.
        inner = {titles[depth] for titles in run if len(titles) > depth}
        numbered = {one for one in inner if one[-1:].isdigit()}
        return TORN if len({one.rstrip(DIGITS) for one in numbered}) < len(numbered) else PART
    if any(one[0] == other[0] for one, other in pairwise(run)):
        return TORN  # a part of one group, and a part of another
    ends = {one[-1][-1:] for one in run}
    return LOOSE if run and not (len(ends) == 1 and ends <= set(DIGITS)) else 0


def tied(one: Item, other: Item) -> bool:
    """Whether the second of two items finishes the first: what normalizes, activates or drops the
    output of a layer stands with it.
    """
    if bool(one.titles) != bool(other.titles) or other.wires != [Wire(one)]:
        return False
    kind, before = str(other.head[1]), str(one.head[1])
    follows = kind in FINISHING or (kind == "BatchNormalization" and before not in MERGING)
    return follows and one.block is None


def tidy(inputs: int, outputs: int) -> bool:
    """Whether a block has few ends; with several on both sides it is cut in the wrong place."""
    return 0 < inputs <= MOST_INPUTS and 0 < outputs <= MOST_OUTPUTS and 1 in (inputs, outputs)


def periodic(items: list[Item]) -> bool:
    """Whether a run is a shorter one several times over."""
    heads = [(one.head, one.form) for one in items]
    for period in range(1, len(heads) // 2 + 1):
        if len(heads) % period == 0 and heads == heads[:period] * (len(heads) // period):
            return True
    return False
