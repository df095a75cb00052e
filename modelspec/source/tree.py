"""The YAML tree and its two doors: `parse` in, `write` out."""

from __future__ import annotations

from .nodes import Entry, Mapping, Scalar, Sequence, from_plain, to_plain
from .parser import parse
from .writer import write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .nodes import Node as Node

__all__ = ["Entry", "Mapping", "Scalar", "Sequence", "from_plain", "parse", "to_plain", "write"]
