"""Short ways to read a text, and to see what is said of it."""

from __future__ import annotations

from typing import Any

from modelspec.source.diagnostics import Diagnostic, Rejected
from modelspec.source.render import full
from modelspec.source.text import Source
from modelspec.source.tree import parse, to_plain


def read(text: str) -> Any:
    return to_plain(parse(Source("spec.yaml", text)))


def refused(text: str) -> list[Diagnostic]:
    try:
        parse(Source("spec.yaml", text))
    except Rejected as rejected:
        return rejected.diagnostics
    raise AssertionError(f"not refused: {text[:200]!r}")


def codes(text: str) -> list[str]:
    return [diagnostic.code for diagnostic in refused(text)]


def message(text: str) -> str:
    return "\n\n".join(full(one, color=False, width=100) for one in refused(text)) + "\n"
