"""The YAML tree and its two doors: `parse` in, `write` out."""

from __future__ import annotations

from .nodes import Entry, Mapping, Node, Scalar, Sequence, from_plain, to_plain
from .parser import parse
from .writer import write

__all__ = [
    "Entry",
    "Mapping",
    "Node",
    "Scalar",
    "Sequence",
    "from_plain",
    "parse",
    "to_plain",
    "write",
]
