"""Certain fixes: made where a word is a slip away from the only one that fits, and put in place."""

from __future__ import annotations

import re

from .diagnostics import Edit
from .suggest import certain
from .text import Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from .diagnostics import Diagnostic
    from .suggest import Candidates
    from .text import Source


def respelled(
    word: str,
    span: Span,
    candidates: Iterable[str] | Candidates,
    taken: Container[str] = (),
) -> Edit | None:
    """The edit that corrects a word which stands at `span` as it is; None where it is not sure.

    Plain words alone: what came from `${...}` or an escape does not stand there as it is.
    """
    if span.text.strip("\"'") != word:
        return None
    meant = certain(word, candidates, taken)
    return None if meant is None else Edit(span, meant)


def respelled_inside(word: str, span: Span, candidates: Iterable[str]) -> Edit | None:
    """The edit that corrects a word within the text at `span`, where it stands once: a name in an
    expression, a part of a dotted name. None where it is not sure.
    """
    text, one = span.text, re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")
    meant = certain(word, candidates) if span.line == span.end_line else None
    if meant is None or len(one.findall(text)) != 1:
        return None
    return Edit(span, one.sub(lambda match: meant, text))


def added(entry: str, mapping: Span) -> Edit | None:
    """The edit that adds an entry to the mapping at a place; None where it is not plain how."""
    source, line = mapping.source, mapping.line
    text = source.lines[line - 1] if line <= len(source.lines) else ""
    if text[mapping.column - 1 : mapping.column] == "{":
        line = mapping.end_line
        inside = source.lines[line - 1][: mapping.end_column - 2].rstrip()
        empty = inside.endswith(("{", ",")) or not inside
        return None if empty else insertion(source, line, len(inside) + 1, f", {entry}")
    if re.fullmatch(r"[\w-]+: +[^\s#&*!|>{[][^\n]*", text[mapping.column - 1 :]) is None:
        return None
    end = "\r\n" if "\r\n" in source.text else "\r" if "\r" in source.text else "\n"
    more = f"{end}{' ' * (mapping.column - 1)}{entry}"
    return insertion(source, line, len(text) + 1, more)


def insertion(source: Source, line: int, column: int, text: str) -> Edit:
    return Edit(Span(source, line, column, line, column), text)


def edits(diagnostics: Iterable[Diagnostic], source: Source) -> list[Edit]:
    """The certain fixes within one text, each once, none within another, in order of place."""
    found: dict[tuple[int, int, int, int], Edit] = {}
    for diagnostic in diagnostics:
        fix = diagnostic.fix
        if fix is not None and fix.span.source.path == source.path:
            found.setdefault(fix.span.order, fix)
    kept: list[Edit] = []
    for order in sorted(found):
        if not kept or kept[-1].span.order[2:] <= order[:2]:
            kept.append(found[order])
    return kept


def applied(source: Source, fixes: Iterable[Edit]) -> str:
    """The text with the fixes in it, and not a character else changed."""
    text, starts = source.text, source.line_starts
    for fix in sorted(fixes, key=lambda fix: fix.span.order, reverse=True):
        span = fix.span
        begin = starts[span.line - 1] + span.column - 1
        end = starts[span.end_line - 1] + span.end_column - 1
        text = text[:begin] + fix.replacement + text[end:]
    return text
