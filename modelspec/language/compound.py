"""Kinds of arguments made of others: lists, shapes, tables, words of another group."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

from modelspec.language.values import (
    REQUIRED,
    Int,
    Kind,
    Mismatch,
    Reader,
    Reported,
    arithmetic,
    fact,
)
from modelspec.source.scalars import plain
from modelspec.source.tree import Mapping, Node, Scalar, Sequence


def bracketed(node: Node, count: int = 1) -> tuple[str, ...]:
    """Help where one size, or a tuple as in Python, stands for a list of so many."""
    if not isinstance(node, Scalar):
        return ()
    inside = node.text.strip("() ").rstrip(", ")
    if isinstance(node.value, int) or re.fullmatch(r"[\w.]+(?:\s*,\s*[\w.]+)*", inside):
        listed = inside if "," in inside else ", ".join([inside] * count)
        return (f"write a list: [{listed.replace('None', 'null')}]",)
    return ()


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
        least: int = 0,
    ) -> None:
        super().__init__(doc, default=default, null=null)
        self.item, self.single, self.length, self.least = item, single, length, least

    def value(self, node: Node, reader: Reader, owner: Any) -> list[Any]:
        if isinstance(node, Sequence):
            if self.length is not None and len(node.items) != self.length:
                raise Mismatch(f"this has {len(node.items)}", node)
            if len(node.items) < self.least:
                raise Mismatch("this is empty", node)
            return self.items(node, reader, owner)
        if self.single:
            return [self.item.read(node, reader, owner)]
        raise Mismatch(fact(node), node, bracketed(node, self.length or 1))

    def items(self, node: Sequence, reader: Reader, owner: Any) -> list[Any]:
        """Each item's value; what is wrong inside one keeps none of the others from being read."""
        found = []
        for item in node.items:
            with suppress(Reported):
                found.append(self.item.read(item, reader, owner))
        if len(found) < len(node.items):
            raise Reported
        return found

    def noun(self) -> str:
        count = "" if self.length is None else f"{self.length} items, "
        count = f"at least {self.least}, " if self.least else count
        listed = f"a list ({count}each {self.item.describe()})"
        return f"{self.item.describe()}, or {listed}" if self.single else listed

    def json_schema(self) -> dict[str, Any]:
        listed: dict[str, Any] = {"type": "array", "items": self.item.json_schema()}
        if self.length is not None:
            listed |= {"minItems": self.length, "maxItems": self.length}
        if self.least:
            listed["minItems"] = self.least
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
                raise Mismatch(
                    f"this has {len(node.items)}, not {rank}", node, self.fitting(node, rank)
                )
            return tuple(self.item.read(item, reader, owner) for item in node.items)
        return (self.item.read(node, reader, owner),) * rank

    def fitting(self, node: Sequence, rank: int) -> tuple[str, ...]:
        """Help for a list of another length: as many of its first, or of it alone."""
        first = node.items[0] if node.items else None
        if not isinstance(first, Scalar) or not isinstance(first.value, int):
            return ()
        return (f"write [{', '.join([first.text] * rank)}], or {first.text} for every axis",)

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
            raise Mismatch(fact(node), node, bracketed(node))
        return tuple(self.dim(item) for item in node.items)

    def dim(self, node: Node) -> Any:
        if isinstance(node, Scalar):
            value = node.value
            if node.is_null:
                return None
            if isinstance(value, int) and not isinstance(value, bool):
                if value < self.lowest:
                    raise Mismatch(f"{value} is not a size", node)
                return value
            if value == "None":
                raise Mismatch("`None` is a string", node, ("write null for any size",), "null")
            if isinstance(value, str) and value.isidentifier():
                return value
        raise Mismatch(f"{fact(node)}, not a size", node, arithmetic(node))

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
        if isinstance(node, Scalar) and isinstance(plain(node.text), int | float):
            raise Mismatch(fact(node), node)  # a number in quotes is no name
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
        wrong: list[Mismatch] = []
        for kind in self.kinds:
            try:
                return kind.read(node, reader, owner)
            except Mismatch as mismatch:
                wrong.append(mismatch)
        best = next((one for one in wrong if one.meant is not None), wrong[-1])
        raise Mismatch(fact(node), node, best.help, best.meant if best.node is node else None)

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


class Function(Named):
    """An activation inside a layer: one that leaves shapes as they are."""

    def value(self, node: Node, reader: Reader, owner: Any) -> Any:
        word = super().value(node, reader, owner)
        if word.resizes:
            name = type(word).__name__.lower()
            layer = f"{{type: Activation, activation: {name}}}"
            raise Mismatch(f"`{name}` changes the shape", node, (f"add {layer} behind the layer",))
        return word


def activation(doc: str, default: str | None = None) -> Named:
    return Function(doc, "activations", default=default, null=True)
