"""JSON Lines from a stream: rows are handed on as they arrive."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

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


class Line(NamedTuple):
    """A line of a stream, and its number."""

    number: int
    record: bytes


class Arrived:
    """Lines that came from a stream."""

    resident = True
    columns: tuple[str, ...] = ()

    def __init__(self, name: str, records: list[Line]) -> None:
        self.name, self.records = name, [one.record for one in records]
        self.numbers = [one.number for one in records]

    def __len__(self) -> int:
        return len(self.records)

    def take(self, indices: Indices, columns: list[str]) -> dict[str, Array]:
        return taken([self.records[i] for i in indices.tolist()], indices, columns, self)

    def place(self, index: int) -> str:
        return f"{self.name}, line {self.numbers[index]}"


def read_stream(
    stream: BinaryIO,
    wanted: list[Wanted],
    encoders: dict[str, State],
    batch_size: int = 256,
    name: str = "<stdin>",
    *,
    least: int = 1,
) -> Iterator[dict[str, Tensor]]:
    """Batches of the lines as they arrive, at most `batch_size` each; raises Rejected.

    What is there is handed on at once, unless `least` says how many lines belong together: all
    batches but the last have as many. Good lines before a bad one are handed on before the error.
    """
    feeds = [feed_of(one, encoders) for one in wanted]
    for lines in together(arriving(stream, name), least):
        for at in range(0, len(lines), batch_size):
            yield from checked(feeds, Arrived(name, lines[at : at + batch_size]), least)


def together(pieces: Iterator[list[Line]], least: int) -> Iterator[list[Line]]:
    """Lines in pieces whose lengths `least` divides, but for the last."""
    held: list[Line] = []
    for piece in pieces:
        held += piece
        whole = len(held) - len(held) % least
        if whole:
            yield held[:whole]
            held = held[whole:]
    if held:
        yield held


def checked(feeds: list[Feed], rows: Arrived, least: int) -> Iterator[dict[str, Tensor]]:
    every = np.arange(len(rows))
    try:
        yield read(feeds, rows, every)
    except Rejected:
        if least > 1:
            raise  # no line is a batch by itself
        for index in every:
            yield read(feeds, rows, np.array([index]))
        raise  # each is fine alone, but not together


def arriving(stream: BinaryIO, name: str) -> Iterator[list[Line]]:
    """Lines as soon as they are there; blank ones end a piece."""
    some = getattr(stream, "read1", stream.read)
    rest, number = b"", 1
    while data := some(AT_ONCE):
        *lines, rest = (rest + data).split(b"\n")
        yield from filled(lines, number)
        number += len(lines)
        if len(rest) > LONGEST:
            bad_file(name, f"line {number} is longer than {LONGEST >> 20} MiB")
    yield from filled([rest], number)


def filled(lines: list[bytes], number: int) -> Iterator[list[Line]]:
    """Runs of lines that are not blank; the first line has this number."""
    run: list[Line] = []
    for at, line in enumerate([*lines, b""], number):
        if line.strip():
            run.append(Line(at, line))
        elif run:
            yield run
            run = []
