"""The text around a place that libyaml finds at fault."""

from __future__ import annotations

from .text import Span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .parser import Builder, Open


class Spot:
    """What libyaml said, and the text around the place it said it of."""

    def __init__(self, error: Any, mark: Any, builder: Builder) -> None:
        self.problem: str = error.problem or ""
        self.context: str = error.context or ""
        self.builder = builder
        self.source = builder.source
        lines = self.source.lines
        self.line = min(mark.line + 1, len(lines))
        self.text = lines[self.line - 1]
        self.column = mark.column + 1 if mark.line < len(lines) else len(self.text) + 1
        self.char = self.text[self.column - 1 : self.column]
        self.head = self.text[: self.column - 1]
        opening = error.context_mark
        self.opening = None if opening is None else self.at(opening.line + 1, opening.column + 1)

    def open_bracket(self) -> Open | None:
        """The innermost bracket that is open at the fault."""
        stack = self.builder.stack
        for opened in reversed(stack):
            start = opened.node.span
            if opened.flow and self.source.lines[start.line - 1][start.column - 1] in "[{":
                return opened
        return None

    def at(self, line: int, column: int) -> Span:
        return Span(self.source, line, column, line, column + 1)

    def here(self) -> Span:
        return self.at(self.line, self.column)

    def word_here(self) -> Span:
        """The text that begins at the fault or, where libyaml began to read it as more, before."""
        start = self.opening.column if self.opening and self.opening.line == self.line else None
        start = start or self.column
        ends = ",]}" if self.open_bracket() is not None else ""
        stop = start
        while stop <= len(self.text) and self.text[stop - 1] not in ends:
            stop += 1
        text = self.text[start - 1 : stop - 1].split(" #")[0].rstrip()
        return Span(self.source, self.line, start, self.line, start + max(1, len(text)))

    def at_end(self) -> bool:
        """Whether nothing but blanks follows the fault."""
        after = [self.text[self.column - 1 :], *self.source.lines[self.line :]]
        return not any(map(str.strip, after))

    def aligned(self) -> bool:
        """Whether the fault stands in the column where the collection around it began."""
        return self.opening is not None and self.opening.column == self.column

    def entry_before(self) -> Span:
        """From the first word of the line to the fault, or that word where the fault is it."""
        start = len(self.text) - len(self.text.lstrip()) + 1
        stop = self.column
        if stop <= start:
            line = self.text[start - 1 :]
            word = line.split(": ")[0].rstrip(":") if ":" in line else line
            stop = start + max(1, len(word.rstrip()))
        return Span(self.source, self.line, start, self.line, stop)
