"""JSON Lines from a stream: rows are handed on as they arrive."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from torch import Tensor

from modelspec.engine.data.arrays import bad_file
from modelspec.engine.data.encoders import State
from modelspec.engine.data.feed import Feed, feed_of, read
from modelspec.engine.data.jsonl import taken
from modelspec.engine.data.lines import LONGEST
from modelspec.engine.data.rows import Array, Indices
from modelspec.engine.data.wanted import Wanted
from modelspec.source.diagnostics import Rejected

AT_ONCE = 1 << 16  # bytes


class Arrived:
    """Lines that came from a stream, from line `first` on."""

    resident = True
    columns: tuple[str, ...] = ()

    def __init__(self, name: str, records: list[bytes], first: int) -> None:
        self.name, self.records, self.first = name, records, first

    def __len__(self) -> int:
        return len(self.records)

    def take(self, indices: Indices, columns: list[str]) -> dict[str, Array]:
        return taken([self.records[i] for i in indices.tolist()], indices, columns, self)

    def place(self, index: int) -> str:
        return f"{self.name}, line {self.first + index}"


def read_stream(
    stream: BinaryIO,
    wanted: list[Wanted],
    encoders: dict[str, State],
    batch_size: int = 256,
    name: str = "<stdin>",
) -> Iterator[dict[str, Tensor]]:
    """Batches of the lines as they arrive, at most `batch_size` each; raises Rejected.

    What is there is handed on at once: nothing waits for a batch to fill. Good lines before a bad
    one are handed on before the error.
    """
    feeds = [feed_of(one, encoders) for one in wanted]
    for first, records in arriving(stream, name):
        for at in range(0, len(records), batch_size):
            piece = Arrived(name, records[at : at + batch_size], first + at)
            yield from checked(feeds, piece)


def checked(feeds: list[Feed], rows: Arrived) -> Iterator[dict[str, Tensor]]:
    every = np.arange(len(rows))
    try:
        yield read(feeds, rows, every)
    except Rejected:
        for index in every:
            yield read(feeds, rows, np.array([index]))
        raise  # each is fine alone, but not together


def arriving(stream: BinaryIO, name: str) -> Iterator[tuple[int, list[bytes]]]:
    """Lines as soon as they are there: (number of the first, lines); blank ones end a piece."""
    some = getattr(stream, "read1", stream.read)
    rest, number = b"", 1
    while data := some(AT_ONCE):
        *lines, rest = (rest + data).split(b"\n")
        yield from filled(lines, number)
        number += len(lines)
        if len(rest) > LONGEST:
            bad_file(name, f"line {number} is longer than {LONGEST >> 20} MiB")
    yield from filled([rest], number)


def filled(lines: list[bytes], number: int) -> Iterator[tuple[int, list[bytes]]]:
    """Runs of lines that are not blank."""
    run: list[bytes] = []
    for at, line in enumerate([*lines, b""]):
        if line.strip():
            run.append(line)
        elif run:
            yield number + at - len(run), run
            run = []
