"""Plain tables: columns as wide as their cells, the last one wrapped where the line is full."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(
    heads: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[int] = (), room: int
) -> str:
    """The rows below their heads, `right` columns flush right, in lines of at most `room`."""
    listed = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(heads, *listed, strict=True)]
    start = sum(widths[:-1]) + 2 * (len(widths) - 1)
    last = max(20, room - start)
    lines = [_line(heads, widths, right)]
    lines.append("─" * min(max(room, start), max(len(lines[0]), start + min(widths[-1], last))))
    for row in listed:
        first, *rest = _wrapped(row[-1], last)
        lines.append(_line([*row[:-1], first], widths, right))
        lines += [" " * start + more for more in rest]
    return "\n".join(lines)


def _line(cells: Sequence[str], widths: Sequence[int], right: Iterable[int]) -> str:
    flush = set(right)
    padded = [
        cell.rjust(width) if at in flush else cell.ljust(width)
        for at, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(padded).rstrip()


def _wrapped(text: str, room: int) -> list[str]:
    lines, line = [], ""
    for word in text.split(" "):
        if line and len(line) + 1 + len(word) > room:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line]
