"""Replacing runs by calls of blocks, as long as the spec gets shorter by it."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from modelspec.exchange.motifs.items import Change, Item, Line, Wire, titles
from modelspec.exchange.motifs.search import Found, Place, Search, last_readers, outer, torn
from modelspec.exchange.motifs.template import Misfit, Template, habit

#: Of each line, the tensors of its items that are read, and how far down.
Readers = dict[Line, dict[Item, list[tuple[Wire, int]]]]
#: A block may call blocks that call none.
DEEPEST = 2
#: From how many runs a plan chooses.
CHOICES = 4


class Choice(NamedTuple):
    """A run to make a block of: its length, and where it stands, by line and item."""

    length: int
    places: list[tuple[int, int]]


class Plans:
    """What there is to choose from after certain choices, looked for once."""

    def __init__(self) -> None:
        self.known: dict[tuple[int, ...], list[Choice]] = {}


class Folding:
    """The lines of a spec, and the blocks that have been made of them.

    `plan` says which of the runs that save something is taken first, second, and so on: 0 the one
    that saves most, which is also what holds behind the plan's end.
    """

    def __init__(self, lines: list[Line], plan: tuple[int, ...], plans: Plans) -> None:
        self.lines, self.plan, self.plans = lines, plan, plans
        self.templates: list[Template] = []
        self.taken: tuple[int, ...] = ()
        self.harm = 0  # what makes them harder to read than their length tells
        self.widths: list[int] = []  # how many choices there were

    def run(self) -> None:
        """Make blocks until none is worth it."""
        while self.step():
            pass
        for line in self.lines:
            unmerge(line)

    def step(self) -> bool:
        """Make the next block; False where none saves anything."""
        if self.taken not in self.plans.known:
            self.plans.known[self.taken] = self.choices()
        choices = self.plans.known[self.taken]
        if not choices:
            return False
        at = self.plan[len(self.taken)] if len(self.taken) < len(self.plan) else 0
        at = min(at, len(choices) - 1)
        self.widths.append(len(choices))
        self.taken += (at,)
        self.take(choices[at])
        return True

    def take(self, choice: Choice) -> None:
        places = [Place(self.lines[number], at) for number, at in choice.places]
        last = {line: last_readers(line) for line in dict.fromkeys(one.line for one in places)}
        template = made_of(places, choice.length, last)
        self.templates.append(template)
        self.harm += template.harm() + sum(torn(*place, choice.length) for place in places)
        changes: dict[Line, list[Change]] = {place.line: [] for place in places}
        wires: dict[Wire, Wire] = {}
        for number, (line, at) in enumerate(places):
            call, moved = template.call(number)
            changes[line].append(Change(at, at + choice.length, [call]))
            wires |= moved
        for line, made in changes.items():
            line.replace(made, wires)
        for line in self.lines:
            merge(line, blocks=True)

    def choices(self) -> list[Choice]:
        """The runs that save something, best first."""
        search = Search(self.lines, DEEPEST)
        numbers = {line: at for at, line in enumerate(self.lines)}
        made = [one for one in (self.made(search, found) for found in search.found()) if one]
        made.sort(key=lambda one: -one[0])
        kept: list[Found] = []
        for gain, found in made:
            if gain > 0 and len(kept) < CHOICES and not any(turned(found, one) for one in kept):
                kept.append(found)
        return [
            Choice(found.length, [(numbers[line], at) for line, at in found.places])
            for found in kept
        ]

    def made(self, search: Search, found: Found) -> tuple[int, Found] | None:
        """How many characters the block of a run saves; None where it can be none."""
        runs = [line.items[at : at + found.length] for line, at in found.places]
        habits = Counter(map(habit, runs))
        usual = max(habits, key=lambda one: habits[one])
        places = [
            place for place, run in zip(found.places, runs, strict=True) if habit(run) == usual
        ]
        if len(places) < 2:
            return None
        try:
            template = made_of(places, found.length, search.last)
        except Misfit:
            return None
        gain = sum(one.size for run in template.runs for one in run) - template.cost()
        gain -= template.harm() + sum(torn(*place, found.length) for place in places)
        return gain, found._replace(places=places)


def turned(one: Found, other: Found) -> bool:
    """Whether two runs are the same circle of items, begun in another place."""
    (line, at), (other_line, other_at) = one.places[0], other.places[0]
    return line is other_line and one.length == other.length and abs(at - other_at) < one.length


def made_of(places: list[Place], length: int, last: Readers) -> Template:
    """The block of runs; raises Misfit."""
    template = Template([line.items[at : at + length] for line, at in places], places[0].line)
    template.wire([outer(*place, length, last[place.line]) for place in places])
    return template


def merge(line: Line, blocks: bool = False) -> bool:
    """Take equal items in a row, each called on the one before alone, as one with a count; False
    where there are none.
    """
    readers = Counter(wire for item in line.items for wire in item.wires)
    readers.update(line.outputs.values())
    read = Counter(wire.source for wire in readers)
    changes: list[Change] = []
    wires: dict[Wire, Wire] = {}
    at = 0
    while at < len(line.items):
        end = at + 1
        while end < len(line.items) and follows(line.items[end - 1], line.items[end]):
            before = line.items[end - 1]
            if readers[Wire(before)] != 1 or read[before] != 1:
                break
            end += 1
        if end - at > 1 and (not blocks or line.items[at].block):
            made = together(line.items[at:end])
            changes.append(Change(at, end, [made]))
            wires |= {Wire(made.copies[-1], out): Wire(made, out) for out in made.kinds}
        at = end
    line.replace(changes, wires)
    return bool(changes)


def follows(one: Item, other: Item) -> bool:
    """Whether two items are equal but for their names, and the second is called on the first."""
    return (
        other.wires == [Wire(one)]
        and one.head == other.head
        and one.head[0] != "use"
        and one.form == other.form == ("one",)
        and one.times is other.times is None
        and one.texts == other.texts
    )


def together(copies: list[Item]) -> Item:
    first, last = copies[0], copies[-1]
    made = Item(first.name, first.head, first.args)
    made.form, made.wires, made.learns = first.form, first.wires, first.learns
    made.kinds, made.copies, made.times = last.kinds, copies, len(copies)
    made.titles = titles(copies)
    made.size = sum(one.size for one in copies) if first.block is None else first.size + 11
    return made


def unmerge(line: Line) -> None:
    """Write layers in a row, which no block took, one by one again, under their names."""
    changes: list[Change] = []
    wires: dict[Wire, Wire] = {}
    for at, item in enumerate(line.items):
        if item.times is not None and item.block is None:
            item.copies[0].wires = item.wires
            changes.append(Change(at, at + 1, item.copies))
            wires |= {Wire(item, out): Wire(item.copies[-1], out) for out in item.kinds}
    line.replace(changes, wires)
