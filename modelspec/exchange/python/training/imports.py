"""What a script imports: only what it reads, sorted as usual."""

from __future__ import annotations

import re
from collections.abc import Iterable


def is_foreign(line: str) -> bool:
    return line.startswith(("import numpy", "import pyarrow", "from PIL"))


def ordered(lines: Iterable[str]) -> list[str]:
    """Imports as they are usually sorted."""
    return sorted(lines, key=lambda one: (one.startswith("from"), one.lower()))


def read(names: Iterable[str], text: str) -> str:
    """Those names that a text reads."""
    return ", ".join(name for name in names if re.search(rf"\b{name}\b", text))


def capitals_first(name: str) -> tuple[bool, str]:
    return name[0].islower(), name
