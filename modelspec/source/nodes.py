"""The YAML tree: scalars, sequences and mappings that know where they stand."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .scalars import Value
    from .text import Span


class Scalar:
    """One value. `text` is what was written, `quoted` whether in quotes (or as a block of text)."""

    __slots__ = ("value", "text", "quoted", "span")

    def __init__(self, value: Value, text: str, quoted: bool, span: Span) -> None:
        self.value = value
        self.text = text
        self.quoted = quoted
        self.span = span

    @property
    def is_null(self) -> bool:
        """Whether it was written as null; a value that could not be had was not."""
        return self.value is None and not self.quoted

    def __repr__(self) -> str:
        return f"Scalar({self.value!r})"


class Sequence:
    """A list of nodes."""

    __slots__ = ("items", "span")

    def __init__(self, items: list[Node], span: Span) -> None:
        self.items = items
        self.span = span

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Node]:
        return iter(self.items)

    def __repr__(self) -> str:
        return f"Sequence({self.items!r})"


class Entry:
    """A key and its value."""

    __slots__ = ("key", "value")

    def __init__(self, key: Scalar, value: Node) -> None:
        self.key = key
        self.value = value

    @property
    def span(self) -> Span:
        """From the key to the end of the value."""
        return self.key.span.to(self.value.span)

    def __repr__(self) -> str:
        return f"Entry({self.key.text!r}: {self.value!r})"


class Mapping:
    """Entries in the order they stand, found by the text of their keys."""

    __slots__ = ("entries", "span", "_index")

    def __init__(self, entries: list[Entry], span: Span) -> None:
        self.entries = entries
        self.span = span
        self._index: dict[str, Entry] | None = None

    def entry(self, key: str) -> Entry | None:
        """The entry whose key was written so, if there is one."""
        if self._index is None or len(self._index) != len(self.entries):
            self._index = {entry.key.text: entry for entry in reversed(self.entries)}
        return self._index.get(key)

    def get(self, key: str) -> Node | None:
        """The value under a key, if there is one."""
        entry = self.entry(key)
        return None if entry is None else entry.value

    def keys(self) -> list[str]:
        """The keys as they were written, in order."""
        return [entry.key.text for entry in self.entries]

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.entry(key) is not None

    def __repr__(self) -> str:
        return f"Mapping({self.entries!r})"


Node = Scalar | Sequence | Mapping


def to_plain(node: Node) -> Any:
    """The dicts, lists and values that a tree stands for. At most 100 levels deep, as parsed."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Sequence):
        return [to_plain(item) for item in node.items]
    return {entry.key.value: to_plain(entry.value) for entry in node.entries}


def from_plain(value: Any, span: Span) -> Node:
    """The tree of dicts, lists and values. All of it stands at `span`."""
    if isinstance(value, dict):
        return Mapping(
            [Entry(_scalar(key, span), from_plain(item, span)) for key, item in value.items()], span
        )
    if isinstance(value, (list, tuple)):
        return Sequence([from_plain(item, span) for item in value], span)
    return _scalar(value, span)


def _scalar(value: Any, span: Span) -> Scalar:
    if isinstance(value, str):
        return Scalar(value, value, True, span)
    if value is None or isinstance(value, (bool, int, float)):
        return Scalar(value, spelled(value), False, span)
    raise TypeError(f"a spec holds plain values, and {type(value).__name__} is none")


def spelled(value: int | float | bool | None) -> str:
    """How YAML 1.2 writes a value that is no string."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return int.__repr__(value)
    text = float.__repr__(value).replace("e-0", "e-").replace("e+0", "e+")
    return {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}.get(text, text)
