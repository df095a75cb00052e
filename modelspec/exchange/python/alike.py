"""One class for graphs that are made alike in several sizes: what differs becomes its arguments."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import takewhile
from typing import Any, NamedTuple

from modelspec.exchange.python.layout import characters, docstring, laid_out
from modelspec.exchange.python.writer import TAKEN, identifier

#: An integer that stands alone.
NUMBER = re.compile(r"(?<![\w.])\d+(?![\w.])")
#: What the arguments of a call are called, in order.
ARGUMENTS = {
    "nn.Linear": ("in_features", "out_features"),
    "nn.Conv": ("in_channels", "out_channels", "kernel_size"),
    "nn.BatchNorm": ("channels",),
    "nn.GroupNorm": ("groups", "channels"),
    "nn.LayerNorm": ("features",),
    "range": ("depth",),
}
#: The most arguments of a class that a spec does not call one.
MOST = 4
FIRST_LINE = "    def __init__(self) -> None:"

Values = tuple[int, ...]  # what stands at one place, in each of the classes


class Written(NamedTuple):
    """A class: its name, what it has in common with others that are made alike ("" for none),
    whether the name says that too, the parameters of its block, and its text from the docstring on.
    """

    name: str
    kin: str
    named: bool
    params: Mapping[str, Any]
    text: str


def joined(classes: Iterable[Written], taken: set[str]) -> list[str]:
    """The texts of all classes, those that are made alike and differ in sizes alone as one."""
    left = {one.name: one for one in classes}
    for kin in dict.fromkeys(one.kin for one in left.values() if one.kin):
        group = [one for one in left.values() if one.kin == kin]
        found = Sizes(group).text() if len(group) > 1 else None
        if found is None or (len(found[1]) > MOST and not group[0].named):
            continue
        text, arguments = found
        name = group[0].name if group[0].named else common_name([one.name for one in group], taken)
        calls = {
            one.name: f"{name}({', '.join(str(values[at]) for values in arguments)})"
            for at, one in enumerate(group)
        }
        whole = group[0]._replace(name=name, text=text, kin="")
        left = {
            name if n == group[0].name else n: whole if n == group[0].name else o
            for n, o in left.items()
            if n == group[0].name or n not in calls
        }
        left = {n: o._replace(text=called(o.text, calls)) for n, o in left.items()}
    return [f"class {one.name}(nn.Module):\n{one.text}" for one in left.values()]


def common_name(names: list[str], taken: set[str]) -> str:
    """What several names begin with; `Block` where that is nothing."""
    words = [re.findall(r"[A-Z][a-z_]*", name) for name in names]
    shared = [
        one[0] for one in takewhile(lambda one: len(set(one)) == 1, zip(*words, strict=False))
    ]
    base = found = "".join(shared) or "Block"
    count = 1
    while found in taken - set(names):
        count += 1
        found = f"{base}{count}"
    taken.add(found)
    return found


def called(text: str, calls: Mapping[str, str]) -> str:
    """A text with other calls of some classes."""
    names = "|".join(map(re.escape, calls))
    replaced = re.sub(rf"\b({names})\(\)", lambda found: calls[found[1]], text)
    return "\n".join(part for line in replaced.split("\n") for part in relaid(line))


def relaid(line: str) -> list[str]:
    """A line that may have grown too long."""
    if line.startswith('    """') and line.endswith('"""') and len(line) > 100:
        return docstring(line.strip().strip('"')).split("\n")
    code, _, comment = line.partition("  # ")
    return laid_out(code, comment) if comment or len(line) > 100 else [line]


class Sizes:
    """Classes that are made alike, line by line."""

    def __init__(self, group: list[Written]) -> None:
        self.group = group
        self.lines = list(zip(*(one.text.split("\n") for one in group), strict=False))
        self.names: dict[Values, str] = {}
        self.places: dict[Values, str] = {}  # sizes of images, which are told and not asked

    def text(self) -> tuple[str, list[Values]] | None:
        """The one text and what its arguments are for each class; None where more differs."""
        texts = [one.text for one in self.group]
        if len({NUMBER.sub("0", text) for text in texts}) > 1 or FIRST_LINE not in texts[0]:
            return None
        if any(self.differs(line) and not self.told(line[0]) for line in self.lines):
            return None
        self.name_all()
        asked = "".join(f", {name}: int" for name in self.names.values())
        head = FIRST_LINE.replace("self", f"self{asked}")
        made = [head if line[0] == FIRST_LINE else self.filled(line) for line in self.lines]
        parts = [part for line in made for part in relaid(line)]
        return "\n".join(parts), list(self.names)

    @staticmethod
    def differs(line: tuple[str, ...]) -> bool:
        """Whether the classes differ in the code of a line."""
        return len({text.partition("  # ")[0] for text in line}) > 1

    @staticmethod
    def told(line: str) -> bool:
        """Whether a line may differ: a docstring, a comment, an attribute that is made."""
        return line.lstrip().startswith(('"""', "#", "self.")) and not line.startswith(" " * 9)

    def numbers(self, line: tuple[str, ...]) -> list[tuple[int, Values]]:
        """The numbers of a line that differ, each with its place in the first class."""
        found = zip(*(NUMBER.finditer(text) for text in line), strict=True)
        listed = [(row[0].start(), tuple(int(one[0]) for one in row)) for row in found]
        return [(at, values) for at, values in listed if len(set(values)) > 1]

    def name_all(self) -> None:
        wishes: dict[Values, list[str]] = {}
        for line in self.lines:
            if self.differs(line) and line[0].lstrip().startswith("self."):
                for at, values in self.numbers(line):
                    wishes.setdefault(values, []).append(argument(line[0], at))
        for values, wished in wishes.items():
            name = self.parameter(values) or chosen(wished)
            count = sum(other.rstrip("_23456789") == name for other in self.names.values())
            self.names[values] = f"{name}_{count + 1}" if count else name

    def parameter(self, values: Values) -> str | None:
        """The block's own parameter that has these values."""
        for name in self.group[0].params:
            if name not in self.names.values():
                given = tuple(one.params.get(name) for one in self.group)
                if given == values and all(type(one) is int for one in given):
                    return f"{name}_" if name in TAKEN else identifier(name)
        return None

    def filled(self, line: tuple[str, ...]) -> str:
        """A line with names for the numbers that differ."""
        text, done, end = line[0], "", 0
        for at, values in self.numbers(line):
            number = NUMBER.match(text, at)
            assert number is not None
            done += text[end:at] + (self.names.get(values) or self.place(values))
            end = number.end()
        return done + text[end:]

    def place(self, values: Values) -> str:
        """What a size that no argument says is called in a comment."""
        for known, name in self.places.items():
            pairs = list(zip(known, values, strict=True))
            for shown, ratios in (
                (f"{name} // ", {a / b for a, b in pairs if b}),
                (f"{name} * ", {b / a for a, b in pairs if a}),
            ):
                (ratio, *others) = ratios or {0.5}
                if not others and ratio == int(ratio) and ratio >= 1:
                    return f"{shown}{int(ratio)}" if ratio > 1 else name
        self.places[values] = "size" if not self.places else f"size_{len(self.places) + 1}"
        return self.places[values]


def argument(line: str, at: int) -> str:
    """What the argument at a place of a line is called."""
    opened: list[int] = []
    for place, sign in characters(line[:at]):
        if sign in "([":
            opened.append(place)
        elif sign in ")]":
            opened.pop()
    start = opened[-1] if opened else -1
    given = line[start + 1 : at]
    keyword = re.search(r"(\w+)=$", given)
    if keyword is not None:
        return keyword[1]
    function = re.search(r"[\w.]+$", line[:start])
    for name, names in ARGUMENTS.items():
        place = given.count(", ")
        if function is not None and function[0].startswith(name) and place < len(names):
            return names[place]
    return "size"


def chosen(wished: list[str]) -> str:
    """One name for a number that stands at several places."""
    for both in ("channels", "features"):
        if {f"in_{both}", f"out_{both}"} <= set(wished):
            return both
    return next((name for name in wished if name.startswith(("in_", "out_"))), wished[0])
