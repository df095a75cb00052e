"""Samples as batches of tensors: all in memory where they fit, else read as they are asked for."""

from __future__ import annotations

import sys
from typing import Any, NoReturn, Protocol

import numpy as np
import torch
from torch import Tensor

from modelspec.engine.data.feed import Feed, read
from modelspec.engine.data.rows import Indices, Rows
from modelspec.engine.data.seen import Seen
from modelspec.engine.data.wanted import refuse
from modelspec.language.shapes import show
from modelspec.model.machine import physical_memory

#: Samples of files that stream are kept in memory up to this many bytes as tensors.
KEPT = 1 << 28
#: What is read at a time while they are filled: bytes as tensors, and rows, as texts are larger.
PIECE, ROWS = 1 << 24, 8192
#: Samples looked at first: they say how large one is, and most faults show in them at once.
PROBE = 64
#: torch selects rows of no other unsigned integers than uint8.
SIGNED = {torch.uint16: torch.int16, torch.uint32: torch.int32}


class Samples(Protocol):
    """`batch` gives tensors by name, (len(indices), ...), and texts as arrays of Python's strings;
    `streams` says that it reads files. `seen` holds what was noted of targets on the way.
    """

    streams: bool
    sample_bytes: int
    seen: dict[str, Seen]

    def __len__(self) -> int: ...

    def batch(self, indices: Indices) -> dict[str, Any]: ...


class Loaded:
    """Samples in memory."""

    streams = False

    def __init__(self, tensors: dict[str, Any], seen: dict[str, Seen]) -> None:
        self.tensors, self.seen = tensors, seen
        self.sample_bytes = sum(bytes_of(t[:1]) for t in tensors.values())

    def __len__(self) -> int:
        return len(next(iter(self.tensors.values())))

    def batch(self, indices: Indices) -> dict[str, Any]:
        rows = torch.from_numpy(indices)
        return {
            name: chosen(held, rows) if isinstance(held, Tensor) else held[indices]
            for name, held in self.tensors.items()
        }


def bytes_of(samples: Any) -> int:
    """How much memory some samples take."""
    if isinstance(samples, Tensor):
        return samples.nbytes
    return int(samples.nbytes) + sum(map(sys.getsizeof, samples.reshape(-1).tolist()))


def chosen(tensor: Tensor, rows: Tensor) -> Tensor:
    signed = SIGNED.get(tensor.dtype)
    if signed is None:
        return tensor.index_select(0, rows)
    return tensor.view(signed).index_select(0, rows).view(tensor.dtype)


class Streamed:
    """Samples `start` to `stop` of rows, read and encoded batch by batch."""

    streams = True

    def __init__(
        self, feeds: list[Feed], rows: Rows, start: int, stop: int, seen: dict[str, Seen]
    ) -> None:
        self.feeds, self.rows, self.start, self.stop = feeds, rows, start, stop
        self.sample_bytes, self.seen = 0, seen

    def __len__(self) -> int:
        return self.stop - self.start

    def batch(self, indices: Indices) -> dict[str, Any]:
        return read(self.feeds, self.rows, indices + self.start)


def samples_of(feeds: list[Feed], rows: Rows, start: int, stop: int) -> Samples:
    """The samples `start` to `stop` (exclusive), in memory where they fit."""
    first = read(feeds, rows, np.arange(start, min(start + PROBE, stop)))
    size = sum(bytes_of(held) // len(held) for held in first.values())
    limit = physical_memory() // 4 if rows.resident else KEPT
    seen = noting(feeds)
    if size * (stop - start) > limit:
        note(seen, first)
        made = Streamed(feeds, rows, start, stop, seen)
        made.sample_bytes = size
        return made
    return Loaded(load(feeds, rows, start, stop, first, size, seen), seen)


def noting(feeds: list[Feed]) -> dict[str, Seen]:
    """What is to be noted of the targets: nothing yet."""
    targets = [feed.wanted for feed in feeds if feed.wanted.role == "target"]
    return {one.name: Seen(one.ignored) for one in targets if one.dtype != "string"}


def note(seen: dict[str, Seen], batch: dict[str, Any]) -> None:
    for name, one in seen.items():
        one.add(batch[name])


def load(
    feeds: list[Feed],
    rows: Rows,
    start: int,
    stop: int,
    first: dict[str, Any],
    size: int,
    seen: dict[str, Seen],
) -> dict[str, Any]:
    """All samples as tensors, filled piece by piece; targets are noted in `seen`."""
    tensors: dict[str, Any] = {
        name: torch.empty((stop - start, *one.shape[1:]), dtype=one.dtype)
        if isinstance(one, Tensor)
        else np.empty((stop - start, *one.shape[1:]), object)
        for name, one in first.items()
    }
    step = max(1, min(PIECE // max(1, size), ROWS))
    for at in range(start, stop, step):
        indices = np.arange(at, min(at + step, stop))
        pieces = read(feeds, rows, indices)
        for name, piece in pieces.items():
            if piece.shape[1:] != tensors[name].shape[1:]:
                refuse_uneven(name, first[name], piece, rows.place(at))
            tensors[name][at - start : at - start + len(piece)] = piece
        note(seen, pieces)
    return tensors


def refuse_uneven(name: str, first: Any, piece: Any, place: str) -> NoReturn:
    refuse(
        "ragged-row",
        f"`{name}` takes values of one shape",
        notes=[
            f"{place}: from here on {show(piece.shape[1:])}, and before {show(first.shape[1:])}"
        ],
        help=["pad the lists to one length"],
    )
