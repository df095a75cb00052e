"""The kinds of arguments: what may stand there, read from the tree into a plain value."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, overload

from modelspec.source.tree import Mapping, Scalar, Sequence

if TYPE_CHECKING:
    from modelspec.source.tree import Node

T = TypeVar("T")


class Required:
    """The default of an argument that has none."""

    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED = Required()


class Mismatch(Exception):
    """What stands there is not of the kind. `fact` says what it is, `node` where."""

    def __init__(self, fact: str, node: Node, help: tuple[str, ...] = ()) -> None:
        super().__init__(fact)
        self.fact, self.node, self.help = fact, node, help


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
        return "this is a string"
    return f"this is {node.text}"


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
        if self.null and isinstance(node, Scalar) and node.value is None:
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

    def limits(self) -> dict[str, float]:
        named = {
            "minimum": self.min,
            "maximum": self.max,
            "exclusiveMinimum": self.above,
            "exclusiveMaximum": self.below,
        }
        return {key: limit for key, limit in named.items() if limit is not None}


class Int(Number[int]):
    def value(self, node: Node, reader: Reader, owner: Any) -> int:
        if isinstance(node, Scalar) and isinstance(node.value, int | float):
            number = node.value
            if not isinstance(number, bool) and math.isfinite(number) and number == int(number):
                if not self.within(number):
                    raise Mismatch(f"this is {node.text}", node)
                return int(number)
        raise Mismatch(fact(node), node)

    def noun(self) -> str:
        return "an integer" + bounds(self.min, self.above, self.max, self.below)

    def json_schema(self) -> dict[str, Any]:
        return {"type": "integer", **self.limits()}


class Float(Number[float]):
    def value(self, node: Node, reader: Reader, owner: Any) -> float:
        if isinstance(node, Scalar) and isinstance(node.value, int | float):
            number = node.value
            if not isinstance(number, bool):
                if math.isnan(number) or not self.within(number):
                    raise Mismatch(f"this is {node.text}", node)
                return float(number)
        raise Mismatch(fact(node), node)

    def noun(self) -> str:
        return "a number" + bounds(self.min, self.above, self.max, self.below)

    def json_schema(self) -> dict[str, Any]:
        return {"type": "number", **self.limits()}


class Bool(Kind[bool]):
    def value(self, node: Node, reader: Reader, owner: Any) -> bool:
        if isinstance(node, Scalar) and isinstance(node.value, bool):
            return node.value
        help: tuple[str, ...] = ()
        if isinstance(node, Scalar) and node.text.lower() in ("yes", "on", "y"):
            help = ("write `true`: YAML 1.2 reads `yes` and `on` as strings",)
        elif isinstance(node, Scalar) and node.text.lower() in ("no", "off", "n"):
            help = ("write `false`: YAML 1.2 reads `no` and `off` as strings",)
        raise Mismatch(fact(node), node, help)

    def noun(self) -> str:
        return "true or false"

    def json_schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


class Text(Kind[str]):
    """Any string."""

    def value(self, node: Node, reader: Reader, owner: Any) -> str:
        if isinstance(node, Scalar) and isinstance(node.value, str):
            return node.value
        raise Mismatch(fact(node), node)

    def noun(self) -> str:
        return "a string"

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string"}


class Path(Text):
    """A path, relative to the file that names it; read as `(text, folder of that file)`."""

    def noun(self) -> str:
        return "a path"


class Choice(Kind[Any]):
    """One of a few values (strings, or numbers)."""

    def __init__(self, doc: str, *options: Any, default: Any = REQUIRED, null: bool = False):
        super().__init__(doc, default=default, null=null)
        self.options = options

    def value(self, node: Node, reader: Reader, owner: Any) -> Any:
        if isinstance(node, Scalar):
            if node.value in self.options and not isinstance(node.value, bool):
                return node.value
            if isinstance(node.value, str):
                from modelspec.source.suggest import did_you_mean

                words = [o for o in self.options if isinstance(o, str)]
                raise Mismatch(f"this is `{node.value}`", node, did_you_mean(node.value, words))
        raise Mismatch(fact(node), node)

    def noun(self) -> str:
        shown = [f"`{option}`" for option in self.options]
        return shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + " or " + shown[-1]

    def json_schema(self) -> dict[str, Any]:
        return {"enum": list(self.options)}


class ListOf(Kind[list[Any]]):
    """A list, or where `single` is set one item alone stands for a list of it."""

    def __init__(
        self,
        doc: str,
        item: Kind[Any],
        *,
        default: Any = REQUIRED,
        null: bool = False,
        single: bool = False,
        length: int | None = None,
    ) -> None:
        super().__init__(doc, default=default, null=null)
        self.item, self.single, self.length = item, single, length

    def value(self, node: Node, reader: Reader, owner: Any) -> list[Any]:
        if isinstance(node, Sequence):
            if self.length is not None and len(node.items) != self.length:
                raise Mismatch(f"this has {len(node.items)}", node)
            return [self.item.read(item, reader, owner) for item in node.items]
        if self.single:
            return [self.item.read(node, reader, owner)]
        raise Mismatch(fact(node), node)

    def noun(self) -> str:
        count = "" if self.length is None else f"{self.length} items, "
        listed = f"a list ({count}each {self.item.describe()})"
        return f"{self.item.describe()}, or {listed}" if self.single else listed

    def json_schema(self) -> dict[str, Any]:
        listed: dict[str, Any] = {"type": "array", "items": self.item.json_schema()}
        if self.length is not None:
            listed |= {"minItems": self.length, "maxItems": self.length}
        return {"anyOf": [self.item.json_schema(), listed]} if self.single else listed


class Sizes(Kind[tuple[int, ...]]):
    """One integer for each spatial axis (the word's `rank`), or a single one for all of them."""

    def __init__(
        self, doc: str, *, default: Any = REQUIRED, null: bool = False, min: int = 1
    ) -> None:
        super().__init__(doc, default=default, null=null)
        self.item = Int(doc, min=min)

    def value(self, node: Node, reader: Reader, owner: Any) -> tuple[int, ...]:
        rank: int = owner.rank
        if isinstance(node, Sequence):
            if len(node.items) != rank:
                raise Mismatch(f"this has {len(node.items)}, not {rank}", node)
            return tuple(self.item.read(item, reader, owner) for item in node.items)
        return (self.item.read(node, reader, owner),) * rank

    def noun(self) -> str:
        return f"{self.item.noun()}, or one for each spatial axis"

    def json_schema(self) -> dict[str, Any]:
        item = self.item.json_schema()
        return {"anyOf": [item, {"type": "array", "items": item, "minItems": 1, "maxItems": 3}]}


class Dims(Kind[tuple[Any, ...]]):
    """A shape: a list of dimensions, each an integer, null or a word."""

    def __init__(
        self, doc: str, *, default: Any = REQUIRED, null: bool = False, wildcard: bool = False
    ) -> None:
        super().__init__(doc, default=default, null=null)
        self.lowest = -1 if wildcard else 0

    def value(self, node: Node, reader: Reader, owner: Any) -> tuple[Any, ...]:
        if not isinstance(node, Sequence):
            raise Mismatch(fact(node), node, (f"write a list: [{node.text}]",) if isinstance(
                node, Scalar) and isinstance(node.value, int) else ())  # fmt: skip
        return tuple(self.dim(item) for item in node.items)

    def dim(self, node: Node) -> Any:
        if isinstance(node, Scalar):
            value = node.value
            if value is None:
                return None
            if isinstance(value, int) and not isinstance(value, bool):
                if value < self.lowest:
                    raise Mismatch(f"{value} is not a size", node)
                return value
            if isinstance(value, str) and value.isidentifier():
                return value
        raise Mismatch(f"{fact(node)}, not a size", node)

    def noun(self) -> str:
        return "a shape, such as [28, 28, 1]"

    def json_schema(self) -> dict[str, Any]:
        return {"type": "array", "items": {"type": ["integer", "string", "null"]}}


class Table(Kind[dict[Any, Any]]):
    """A mapping from keys (strings or numbers) to values of one kind."""

    def __init__(
        self, doc: str, item: Kind[Any], *, default: Any = REQUIRED, null: bool = False
    ) -> None:
        super().__init__(doc, default=default, null=null)
        self.item = item

    def value(self, node: Node, reader: Reader, owner: Any) -> dict[Any, Any]:
        if not isinstance(node, Mapping):
            raise Mismatch(fact(node), node)
        return {e.key.value: self.item.read(e.value, reader, owner) for e in node.entries}

    def noun(self) -> str:
        return f"a mapping (each value {self.item.describe()})"

    def json_schema(self) -> dict[str, Any]:
        return {"type": "object", "additionalProperties": self.item.json_schema()}


class Named(Kind[Any]):
    """A word of another group: by name, or `{type: Name, argument: value}`."""

    def __init__(self, doc: str, group: str, *, default: Any = REQUIRED, null: bool = False):
        super().__init__(doc, default=default, null=null)
        self.group = group

    def value(self, node: Node, reader: Reader, owner: Any) -> Any:
        return reader.word(self.group, node)

    def noun(self) -> str:
        singular = {"losses": "loss", "regularizers": "regularizer"}.get(
            self.group, self.group.rstrip("s")
        )
        return f"{'an' if singular[0] in 'aeiou' else 'a'} {singular}"

    def json_schema(self) -> dict[str, Any]:
        return {"$ref": f"#/$defs/{self.group}"}


class Either(Kind[Any]):
    """The first of several kinds that fits."""

    def __init__(self, doc: str, *kinds: Kind[Any], default: Any = REQUIRED, null: bool = False):
        super().__init__(doc, default=default, null=null)
        self.kinds = kinds

    def value(self, node: Node, reader: Reader, owner: Any) -> Any:
        last: Mismatch | None = None
        for kind in self.kinds:
            try:
                return kind.read(node, reader, owner)
            except Mismatch as mismatch:
                last = mismatch
        raise Mismatch(fact(node), node, last.help if last else ())

    def noun(self) -> str:
        return " or ".join(kind.describe() for kind in self.kinds)

    def json_schema(self) -> dict[str, Any]:
        return {"anyOf": [kind.json_schema() for kind in self.kinds]}


class Entry(Kind[Any]):
    """A layer or a graph, written like any entry: `{type: LSTM, units: 32}`, `{use: encoder}`."""

    def value(self, node: Node, reader: Reader, owner: Any) -> Any:
        return reader.entry(node)

    def noun(self) -> str:
        return "a layer entry, such as {type: Dense, units: 8} or {use: name}"

    def json_schema(self) -> dict[str, Any]:
        return {"$ref": "#/$defs/entry"}


class Anything(Kind[Any]):
    """Any plain value, handed on as it is."""

    def value(self, node: Node, reader: Reader, owner: Any) -> Any:
        from modelspec.source.tree import to_plain

        return to_plain(node)

    def noun(self) -> str:
        return "a plain value"


def initializer(doc: str, default: str | None = REQUIRED) -> Named:  # type: ignore[assignment]
    return Named(doc, "initializers", default=default)


def regularizer(doc: str) -> Named:
    return Named(doc, "regularizers", default=None)


def constraint(doc: str) -> Named:
    return Named(doc, "constraints", default=None)


def activation(doc: str, default: str | None = None) -> Named:
    return Named(doc, "activations", default=default, null=True)
