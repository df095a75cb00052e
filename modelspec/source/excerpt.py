"""One source line on a terminal, with what is said of its parts beneath it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .diagnostics import Label
    from .render import Style
    from .text import Source

TAB = 4
_CUT = "..."


class Mark:
    """A label as cells of the terminal: from `start`, `length` wide."""

    __slots__ = ("start", "length", "text", "primary")

    def __init__(self, start: int, length: int, text: str, primary: bool) -> None:
        self.start = start
        self.length = length
        self.text = text
        self.primary = primary

    @property
    def stop(self) -> int:
        return self.start + self.length

    def shift(self, begin: int, end: int, left: int, right: int) -> None:
        """Moves it to where its cells stand in a cut line; under the dots if they are cut off."""
        if self.stop <= begin and left:
            self.start, self.length = 0, left
        elif self.start >= end and right:
            self.start, self.length = end - begin + left, right
        else:
            stop = min(self.stop, end)
            self.start = max(self.start, begin)
            self.length = max(1, stop - self.start)
            self.start += left - begin

    def shown(self, style: Style, severity: str, text: str) -> str:
        return style(severity if self.primary else "secondary", text)

    @property
    def underline(self) -> str:
        return ("^" if self.primary else "-") * self.length


class Excerpt:
    """A line, and the labels that begin on it."""

    __slots__ = ("text", "marks")

    def __init__(
        self, source: Source, line: int, labels: list[tuple[Label, bool]], width: int
    ) -> None:
        raw = source.lines[line - 1] if line <= len(source.lines) else ""
        width = max(width, 20)
        # A line of a million characters costs no more than the part of it that is shown.
        skip = max(0, labels[0][0].span.column - 1 - 2 * width) if len(raw) > 8 * width else 0
        raw = raw[skip : skip + 8 * width]
        cells, edges = _cells(raw)
        self.marks = [_mark(label, primary, raw, edges, skip) for label, primary in labels]
        self.text = "".join(cells).rstrip()
        if edges[-1] > width:
            self._cut(cells, edges, width)

    def lines(self, style: Style, severity: str) -> list[str]:
        """The line itself, then the lines of marks and their texts."""
        out = [self.text]
        for row in _rows(self.marks):
            out += _row_lines(row, style, severity)
        return out

    def _cut(self, cells: list[str], edges: list[int], width: int) -> None:
        """Keeps the part around the marks, or around the first where they are far apart."""
        room = width - 2 * len(_CUT)
        leftmost = min(mark.start for mark in self.marks)
        apart = max(mark.stop for mark in self.marks) - leftmost > room
        start = self.marks[0].start if apart else leftmost
        extent = 0 if apart else max(mark.stop + len(mark.text) for mark in self.marks) - start
        begin = max(0, min(start - max(0, min(room // 3, room - extent)), edges[-1] - room))
        first = next(i for i, edge in enumerate(edges) if edge >= begin)
        begin = edges[first]
        last = max((i for i, edge in enumerate(edges) if edge <= begin + room), default=first)
        left = _CUT if first else ""
        right = _CUT if last < len(cells) else ""
        self.text = left + "".join(cells[first:last]) + right
        for mark in self.marks:
            mark.shift(begin, edges[last], len(left), len(right))


def safe(text: str) -> str:
    """A text that no terminal can be misled by: what is invisible or moves the cursor is spelled.

    An escape sequence, a bidirectional override, a zero-width space: each as `<U+202E>`.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else f"<U+{ord(char):04X}>" for char in text)


def _cells(text: str) -> tuple[list[str], list[int]]:
    """What to print for each character, and the column of the terminal that each begins in."""
    if text.isascii() and text.isprintable():
        return list(text), list(range(len(text) + 1))
    cells, edges, column = [], [0], 0
    for char in text:
        if char == "\t":
            cell = " " * (TAB - column % TAB)
            column += len(cell)
        elif char.isprintable():
            cell = char
            column += _width(char)
        else:
            cell = safe(char)
            column += len(cell)
        cells.append(cell)
        edges.append(column)
    return cells, edges


def _width(char: str) -> int:
    if char.isascii():
        return 1
    import unicodedata

    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _mark(label: Label, primary: bool, raw: str, edges: list[int], skip: int) -> Mark:
    """The label as cells of a line whose first `skip` characters are left out."""
    span = label.span
    first = max(0, span.column - 1 - skip)
    start = min(first, len(raw))
    stop = span.end_column - 1 - skip if span.end_line == span.line else len(raw.rstrip())
    stop = max(start, min(stop, len(raw)))
    past = 0 if skip else min(first - start, 1)  # a place right of the line's end
    begin = edges[start] + past
    text = safe(" ".join(label.text.split("\n")))
    return Mark(begin, max(1, edges[stop] - begin), text, primary)


def _rows(marks: list[Mark]) -> list[list[Mark]]:
    """Marks that do not overlap share a row. The primary's row comes first."""
    rows: list[list[Mark]] = []
    for mark in marks:
        for row in rows:
            if all(mark.stop < other.start or other.stop < mark.start for other in row):
                row.append(mark)
                break
        else:
            rows.append([mark])
    return rows


def _row_lines(row: list[Mark], style: Style, severity: str) -> list[str]:
    """The underlines, the rightmost one's text beside it, the others' hanging beneath theirs."""
    row = sorted(row, key=lambda mark: mark.start)
    pieces = [(mark.start, mark, mark.underline) for mark in row]
    out = [_laid_out(pieces, style, severity)]
    if row[-1].text:
        out[0] += " " + row[-1].shown(style, severity, row[-1].text)
    hanging = [mark for mark in row[:-1] if mark.text]
    if hanging:
        out.append(_laid_out([(mark.start, mark, "|") for mark in hanging], style, severity))
    while hanging:
        lowest = hanging.pop()
        bars = [(mark.start, mark, "|") for mark in hanging]
        out.append(_laid_out([*bars, (lowest.start, lowest, lowest.text)], style, severity))
    return out


def _laid_out(pieces: list[tuple[int, Mark, str]], style: Style, severity: str) -> str:
    out, column = "", 0
    for start, mark, text in pieces:
        out += " " * (start - column) + mark.shown(style, severity, text)
        column = start + len(text)
    return out
