"""A block made of runs that are alike: what is equal in them, and a parameter for what is not."""

from __future__ import annotations

from collections import Counter
from typing import Any

from modelspec.catalog.words import find
from modelspec.exchange.motifs.items import Item, Kind, Line, Wire, spelt, titles, written
from modelspec.exchange.motifs.search import BLOCK, INPUT, OUTPUT, outside, tidy
from modelspec.language.kinds import REQUIRED

#: A value that is this many times another is written so: `${4 * filters}`.
MOST_TIMES = 8
#: What a parameter, and a block in a block cost a reader, in characters.
PARAM, NESTED = 8, 250
#: Arguments that name a number best, where it stands in several.
TELLING = ("filters", "units")


class Misfit(Exception):
    """These runs make no block."""


class Param:
    """What differs between the runs: its values, a run each, and where it stands first."""

    def __init__(self, values: list[Any], item: int, key: Any) -> None:
        self.values = values
        self.places = [(item, key)]  # the items and arguments that hold it
        self.name = ""
        counts = Counter(map(spelt, values))
        self.default = max(values, key=lambda one: counts[spelt(one)])

    @property
    def place(self) -> tuple[int, Any]:
        """Where it stands: in an argument that says what it is, if it is in one."""
        told = [one for one in self.places if keyword(one[1]) in TELLING]
        return (told or self.places)[0]

    @property
    def argument(self) -> str:
        """The argument that it is given to, or the parameter of the block that is called."""
        return keyword(self.place[1])


class Hole:
    """A parameter in the place of a value, or a multiple of it."""

    def __init__(self, param: Param, times: int) -> None:
        self.param, self.times = param, times

    def __repr__(self) -> str:
        return f"{id(self.param)} {self.times}"


class Template:
    """A block: items with holes, inputs, outputs (the first is what a call stands for)."""

    def __init__(self, runs: list[list[Item]], line: Line) -> None:
        self.runs = runs
        self.params: list[Param] = []
        self.name = ""
        #: Names within the block, and which items are written as one entry: `naming` fills them.
        self.labels: list[str] = []
        self.input_names: list[str] = []
        self.groups: list[list[int]] = []
        self.depth: int = 1 + max(one.block.depth if one.block else 0 for one in runs[0])
        self.hoists = hoisted(runs)
        self.inputs = outside(runs[0])
        kinds = [line.kind(wire) for wire in self.inputs]
        self.input_kinds: list[Kind] = [kind for kind in kinds if kind is not None]
        if len(self.input_kinds) < len(kinds):
            raise Misfit
        self.outputs: list[Wire] = []
        self.holes: list[Hole] = []
        self.items = [self.item(at) for at in range(len(runs[0]))]
        self.relate()

    # -- what it is made of ----------------------------------------------------------------

    def item(self, at: int) -> Item:
        """The item that stands for those at one place of the runs."""
        column = [run[at] for run in self.runs]
        first = column[0]
        made = Item(first.name, first.head, {})
        made.form, made.learns, made.kinds = first.form, first.learns, first.kinds
        for key in dict.fromkeys(key for one in column for key in one.args):
            if key == "trainable" and self.hoists:
                continue
            text = first.texts.get(key)
            if text is not None and all(one.texts.get(key) == text for one in column):
                made.args[key] = first.args[key]
            else:
                made.args[key] = self.unified([given(one, key) for one in column], at, key)
        cls = find("layers", str(first.head[1])) if first.head[0] == "type" else None
        order = list(cls.arguments) if cls else []
        made.args = dict(
            sorted(
                made.args.items(),
                key=lambda one: order.index(one[0]) if one[0] in order else len(order),
            )
        )
        made.texts = {key: spelt(value) for key, value in made.args.items()}
        times = [one.times or 1 for one in column]
        if set(times) != {1}:
            made.times = self.unified(times, at, "repeat")
        return made

    def unified(self, values: list[Any], item: int, key: Any) -> Any:
        """One value for all runs: the same, the same around what differs, or a hole."""
        first = values[0]
        if len(set(map(spelt, values))) == 1:
            return first
        if all(isinstance(one, list) and len(one) == len(first) for one in values):
            parts = list(zip(*values, strict=True))
            if len({spelt(part) for part in parts if len(set(map(spelt, part))) > 1}) > 1:
                return self.hole(values, item, key)  # two things in it differ: it is one thing
            return [self.unified(list(part), item, key) for part in parts]
        if all(isinstance(v, dict) and v.keys() == first.keys() for v in values) and (
            len({spelt(one.get("type")) for one in values}) == 1
        ):
            return {k: self.unified([v[k] for v in values], item, k) for k in first}
        return self.hole(values, item, key)

    def hole(self, values: list[Any], item: int, key: Any) -> Hole:
        param = next((one for one in self.params if spelt(one.values) == spelt(values)), None)
        if param is None:
            param = Param(values, item, key)
            self.params.append(param)
        else:
            param.places.append((item, key))
        self.holes.append(Hole(param, 1))
        return self.holes[-1]

    def relate(self) -> None:
        """Write parameters that are multiples of others so: `${4 * filters}`."""
        bases = [
            one
            for one in self.params
            if not any(multiple(one.values, other.values) for other in self.params)
        ]
        for param in [one for one in self.params if one not in bases]:
            times, _, base = max(
                (multiple(param.values, one.values), -at, one) for at, one in enumerate(bases)
            )
            if not times:
                continue
            self.params.remove(param)
            for hole in self.holes:
                if hole.param is param:
                    hole.param, hole.times = base, times

    # -- what it is used as ----------------------------------------------------------------

    def wire(self, read: list[list[Wire]]) -> None:
        """Say which tensors leave it: all that some run's surroundings read."""
        numbers: list[dict[Any, int]] = [
            {item: at for at, item in enumerate(run)} for run in self.runs
        ]
        inner = {wire: Wire(f"#{at}") for at, wire in enumerate(self.inputs)}
        for at, item in enumerate(self.items):
            item.wires = [
                inner.get(wire) or Wire(self.items[numbers[0][wire.source]], wire.output)
                for wire in self.runs[0][at].wires
            ]
        found = dict.fromkeys(
            (number[wire.source], wire.output)
            for number, wires in zip(numbers, read, strict=True)
            for wire in wires
        )
        ordered = sorted(found, key=lambda one: (-one[0], str(one[1])))
        if not tidy(len(self.inputs), len(ordered)):
            raise Misfit
        self.outputs = [Wire(self.items[at], output) for at, output in ordered]

    def call(self, at: int) -> tuple[Item, dict[Wire, Wire]]:
        """The call in the place of a run, and where the run's tensors are now."""
        run = self.runs[at]
        made = Item("", ("block", self), {param: param.values[at] for param in self.params})
        if self.hoists and any(one.frozen for one in run):
            made.args["trainable"] = False
        made.learns = any(one.learns for one in run)
        made.inside = run
        made.titles = titles(run)
        made.wires = outside(run)
        count = len(made.wires)
        made.form = ("one",) if count == 1 else ("list", count)
        made.size = 24 + sum(
            len(p.argument) + 4 + written(p.values[at])
            for p in self.params
            if spelt(p.values[at]) != spelt(p.default)
        )
        moved = {}
        for number, wire in enumerate(self.outputs):
            assert isinstance(wire.source, Item)
            place = self.items.index(wire.source)
            old = Wire(run[place], wire.output)
            new = Wire(made, wire if number else "")
            moved[old] = new
            made.kinds[new.output] = run[place].kinds[wire.output]
        return made, moved

    def harm(self) -> int:
        """What makes it harder to read than its length tells, in characters."""
        ports = (len(self.inputs) - 1) * INPUT + (len(self.outputs) - 1) * OUTPUT
        nested = NESTED if self.depth > 1 else 0
        return ports * len(self.runs) + PARAM * len(self.params) ** 2 + nested

    def cost(self) -> int:
        """About how many characters the block and its calls take."""
        body = sum(
            len(one.name) // 2 + 12 + sum(shown_argument(k, v) for k, v in one.args.items())
            for one in self.items
        )
        calls = 0
        for at in range(len(self.runs)):
            given = [p for p in self.params if spelt(p.values[at]) != spelt(p.default)]
            calls += 36 + sum(len(p.argument) + 4 + written(p.values[at]) for p in given)
            calls += (len(self.inputs) - 1) * 24
        return BLOCK + body + calls


def keyword(key: Any) -> str:
    """An argument's name, or that of a block's parameter."""
    return key if isinstance(key, str) else str(key.name or key.argument)


def hoisted(runs: list[list[Item]]) -> bool:
    """Whether each run learns as a whole or not at all, so that its call says it."""
    for run in runs:
        if len({one.frozen for one in run if one.learns}) > 1:
            return False
    return any(one.frozen for run in runs for one in run)


def habit(run: list[Item]) -> Any:
    """What a run says of training: all or nothing, or which of its items are frozen."""
    learners = [one.frozen for one in run if one.learns]
    return "whole" if len(set(learners)) < 2 else tuple(one.frozen for one in run)


def given(item: Item, key: Any) -> Any:
    """An argument, or what it is when it is left out; raises Misfit where that cannot be said."""
    if key in item.args:
        return item.args[key]
    if key == "trainable":
        return True
    cls = find("layers", str(item.head[1])) if item.head[0] == "type" else None
    kind = None if cls is None else cls.arguments.get(key)
    if kind is None or kind.default is REQUIRED:
        raise Misfit
    if kind.default is not None and not isinstance(kind.default, bool | int | float | str):
        raise Misfit
    return kind.default


def multiple(values: list[Any], of: list[Any]) -> int:
    """How many times the others the values are, all alike; 0 where they are not."""
    if not all(type(one) is int and one > 0 for one in (*values, *of)):
        return 0
    times = values[0] // of[0]
    fits = all(one == times * other for one, other in zip(values, of, strict=True))
    return times if fits and 1 < times <= MOST_TIMES else 0


def shown_argument(key: Any, value: Any) -> int:
    """About how many characters an argument takes; none where it is the default of a block's."""
    if isinstance(key, Param) and spelt(value) == spelt(key.default):
        return 0
    return len(keyword(key)) + 4 + shown(value)


def shown(value: Any) -> int:
    """About how many characters a value takes, holes included."""
    if isinstance(value, Hole):
        return len(value.param.argument) + 5 + (4 if value.times > 1 else 0)
    if isinstance(value, dict):
        return sum(len(str(k)) + 2 + shown(v) for k, v in value.items()) + 2
    return sum(shown(v) + 2 for v in value) + 2 if isinstance(value, list) else written(value)


__all__ = ["Hole", "Kind", "Misfit", "Param", "Template", "habit"]
