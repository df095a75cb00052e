"""Kinds of arguments that are one value: numbers, booleans, strings, choices."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, overload

from modelspec.source.scalars import plain
from modelspec.source.suggest import did_you_mean
from modelspec.source.tree import Mapping, Scalar, Sequence

if TYPE_CHECKING:
    from modelspec.source.tree import Node

T = TypeVar("T")
SUM = re.compile(r"[\d.]+(?:\s*(?:\*\*?|//?|[-+])\s*[\d.]+)+")


class Required:
    """The default of an argument that has none."""

    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED = Required()


class Mismatch(Exception):
    """What stands there is not of the kind. `fact` says what it is, `node` where.

    `meant` is what surely belongs there.
    """

    def __init__(
        self, fact: str, node: Node, help: tuple[str, ...] = (), meant: str | None = None
    ) -> None:
        super().__init__(fact)
        self.fact, self.node, self.help, self.meant = fact, node, help, meant


class Reported(Exception):
    """What stands there is wrong, and the reader has already said so."""


class Reader(Protocol):
    """What kinds need of those who know the whole language (see `catalog.words`)."""

    def word(self, group: str, node: Node) -> Any:
        """The word of that group written at `node`; raises Mismatch or Reported."""

    def entry(self, node: Node) -> Any:
        """The layer or graph written at `node`, for wrappers; raises Reported."""


def fact(node: Node) -> str:
    """What a node is, for the label under it."""
    if isinstance(node, Mapping):
        return "this is a mapping"
    if isinstance(node, Sequence):
        return "this is a list"
    value = node.value
    if value is None:
        return "this is null"
    if isinstance(value, bool):
        return f"`{node.text}` is a boolean"
    if isinstance(value, str):
        return f"`{value}` is a string" if 0 < len(value) < 40 else "this is a string"
    return f"this is {node.text}"


def arithmetic(node: Node) -> tuple[str, ...]:
    """Help where a sum stands as it is: `28 * 28`."""
    if isinstance(node, Scalar) and SUM.fullmatch(node.text):
        return (f'write "${{{node.text}}}"',)
    return ()


class Kind(Generic[T]):
    """An argument's kind: its meaning, its default, and how it is read.

    `null=True` lets the value be null; a default of None implies it.
    """

    name = ""

    def __init__(self, doc: str, *, default: Any = REQUIRED, null: bool = False) -> None:
        self.doc, self.default = doc, default
        self.null = null or default is None

    @overload
    def __get__(self, owner: None, type: Any) -> Kind[T]: ...
    @overload
    def __get__(self, owner: object, type: Any) -> T: ...
    def __get__(self, owner: object | None, type: Any) -> Kind[T] | T:
        # Values stand in the instance and win over this; only the class gets here.
        if owner is None:
            return self
        raise AttributeError(self.name)

    def read(self, node: Node, reader: Reader, owner: Any) -> Any:
        """The value at `node`; raises Mismatch. `owner` is the word's class."""
        if self.null and isinstance(node, Scalar) and node.is_null:
            return None
        return self.value(node, reader, owner)

    def value(self, node: Node, reader: Reader, owner: Any) -> T:
        raise NotImplementedError

    def noun(self) -> str:
        """What it is in a sentence: `an integer of at least 1`."""
        raise NotImplementedError

    def describe(self) -> str:
        return self.noun() + (" or null" if self.null else "")

    def json_schema(self) -> dict[str, Any]:
        """What a JSON Schema says of it; the reference to a group of words is `{"$ref": ...}`."""
        return {}


def bounds(low: float | None, above: float | None, high: float | None, below: float | None) -> str:
    parts = []
    if low is not None and high is not None:
        return f" from {low} to {high}"
    if low is not None:
        parts.append(f"of at least {low}")
    if above is not None:
        parts.append(f"above {above}")
    if high is not None:
        parts.append(f"of at most {high}")
    if below is not None:
        parts.append(f"below {below}")
    return " " + " and ".join(parts) if parts else ""


class Number(Kind[T]):
    """Numbers within bounds: `min` and `max` inclusive, `above` and `below` exclusive."""

    def __init__(
        self,
        doc: str,
        *,
        default: Any = REQUIRED,
        null: bool = False,
        min: float | None = None,
        max: float | None = None,
        above: float | None = None,
        below: float | None = None,
    ) -> None:
        super().__init__(doc, default=default, null=null)
        self.min, self.max, self.above, self.below = min, max, above, below

    def within(self, value: float) -> bool:
        return (
            (self.min is None or value >= self.min)
            and (self.max is None or value <= self.max)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )

    def misread(self, node: Node) -> Mismatch:
        """What is wrong with a value that is no such number, and what was likely meant."""
        if not isinstance(node, Scalar):
            only = node.items if isinstance(node, Sequence) and len(node) == 1 else []
            texts = [one.text for one in only if isinstance(one, Scalar)]
            return Mismatch(fact(node), node, tuple(f"write {text}" for text in texts))
        text = node.text.strip(", ")
        text = text.replace("_", "") if text[:1].isdigit() else text
        meant = plain(text) if isinstance(node.value, str) else node.value
        if isinstance(meant, bool) or not isinstance(meant, int | float):
            return Mismatch(fact(node), node, self.share(node) or arithmetic(node))
        if isinstance(node.value, str) and self.takes(meant):
            how = ", without quotes" if node.quoted else ""
            sure = text if node.span.text.strip("\"'") == node.text else None
            return Mismatch(fact(node), node, (f"write {text}{how}",), sure)
        percent = 5 <= meant <= 100 and meant == int(meant) and self.takes(meant / 100)
        if percent and 1 in (self.max, self.below):
            return Mismatch(fact(node), node, (f"{meant:g} % is {meant / 100:g}",))
        if self.divides(node):
            return Mismatch(
                f"this is {node.text}", node, ("`//` leaves the rest of a division out",)
            )
        return Mismatch(f"this is {node.text}", node, self.beside(meant))

    def divides(self, node: Scalar) -> bool:
        """Whether a division gave the number, and it would do but for its fraction."""
        value, written = node.value, node.span.text
        if not isinstance(value, float) or not math.isfinite(value):
            return False
        whole = self.takes(math.floor(value))
        return whole and "${" in written and "/" in written.replace("//", "")

    def share(self, node: Scalar) -> tuple[str, ...]:
        """Help for a percentage, `20%`, where a number stands."""
        percents = plain(node.text.removesuffix("%")) if node.text.endswith("%") else None
        if isinstance(percents, bool) or not isinstance(percents, int | float):
            return ()
        return (f"write {percents / 100:g}",) if self.takes(percents / 100) else ()

    def beside(self, value: float) -> tuple[str, ...]:
        """Help for a number that may not stand there."""
        return ()

    def takes(self, value: float) -> bool:
        """Whether this number may stand there."""
        return math.isfinite(value) and self.within(value)

    def limits(self) -> dict[str, float]:
        named = {
            "minimum": self.min,
            "maximum": self.max,
            "exclusiveMinimum": self.above,
            "exclusiveMaximum": self.below,
        }
        return {key: limit for key, limit in named.items() if limit is not None}


class Int(Number[int]):
    """A whole number; `3.0` is one."""

    def value(self, node: Node, reader: Reader, owner: Any) -> int:
        if isinstance(node, Scalar) and isinstance(node.value, int | float):
            number = node.value
            if not isinstance(number, bool) and self.takes(number):
                return int(number)
        raise self.misread(node)

    def takes(self, value: float) -> bool:
        return super().takes(value) and value == int(value)

    def beside(self, value: float) -> tuple[str, ...]:
        if not math.isfinite(value):
            return ()
        whole = {str(n) for n in (math.floor(value), math.ceil(value)) if self.takes(n)}
        return (f"write {' or '.join(sorted(whole))}",) if whole else ()

    def noun(self) -> str:
        return "an integer" + bounds(self.min, self.above, self.max, self.below)

    def json_schema(self) -> dict[str, Any]:
        return {"type": "integer", **self.limits()}


class Float(Number[float]):
    """A number, integers included."""

    def value(self, node: Node, reader: Reader, owner: Any) -> float:
        if isinstance(node, Scalar) and isinstance(node.value, int | float):
            number = node.value
            if not isinstance(number, bool) and not math.isnan(number) and self.within(number):
                return float(number)
        raise self.misread(node)

    def noun(self) -> str:
        return "a number" + bounds(self.min, self.above, self.max, self.below)

    def json_schema(self) -> dict[str, Any]:
        return {"type": "number", **self.limits()}


class Bool(Kind[bool]):
    """`true` or `false`."""

    def value(self, node: Node, reader: Reader, owner: Any) -> bool:
        if isinstance(node, Scalar) and isinstance(node.value, bool):
            return node.value
        text = node.span.text.lower() if isinstance(node, Scalar) else ""
        if text in ("yes", "on", "y"):
            help = ("write `true`: YAML 1.2 reads `yes` and `on` as strings",)
            raise Mismatch(fact(node), node, help, "true")
        if text in ("no", "off", "n"):
            help = ("write `false`: YAML 1.2 reads `no` and `off` as strings",)
            raise Mismatch(fact(node), node, help, "false")
        meant = {"1": "true", "0": "false"}.get(text, text.strip("\"'"))
        if meant in ("true", "false"):
            raise Mismatch(fact(node), node, (f"write {meant}",), meant)
        raise Mismatch(fact(node), node, did_you_mean(text, ("true", "false")))

    def noun(self) -> str:
        return "true or false"

    def json_schema(self) -> dict[str, Any]:
        return {"type": "boolean"}
