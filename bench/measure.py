"""Interleaved measurements: every round runs every side once, so that all meet the same machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

Side = Callable[[], object]


def interleaved(sides: Mapping[str, Side], rounds: int, warm: int = 1) -> dict[str, list[float]]:
    """Seconds of each side, round by round; `warm` rounds before them do not count."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(-warm, rounds):
        for name, side in sides.items():
            started = time.perf_counter()
            side()
            if number >= 0:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def median_ratio(ours: list[float], theirs: list[float]) -> float:
    """The median over rounds of `theirs / ours`: above 1, ours is faster."""
    return statistics.median(t / o for o, t in zip(ours, theirs, strict=True))


def table(title: str, head: list[str], rows: list[list[str]]) -> None:
    """A table on stdout: names on the left, numbers on the right."""
    print(f"\n{title}")
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, *rows]:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        print("  " + "   ".join(cells).rstrip(), flush=True)
