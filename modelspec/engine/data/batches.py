"""The order of samples, and batches in that order."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from torch import Tensor

from modelspec.engine.data.rows import Indices
from modelspec.engine.data.samples import Samples

#: Batches of samples in memory are gathered this many bytes at a time, then sliced.
BLOCK = 1 << 22
MOST = 64


def order(n: int, seed: int, epoch: int, shuffle: bool) -> Indices:
    """The order of `n` samples in an epoch: a pure function of its arguments."""
    if not shuffle:
        return np.arange(n)
    key = [seed % (1 << 64), epoch]
    return np.random.Generator(np.random.Philox(key=key)).permutation(n)


def batches(
    samples: Samples, batch_size: int, order: Indices, start: int = 0
) -> Iterator[tuple[int, dict[str, Tensor]]]:
    """Batches from position `start` of the order on: (position of its first sample, tensors).

    The last batch holds what is left. Files are read one batch ahead, in a thread.
    """
    make = _ahead if samples.streams else _sliced
    yield from make(samples, batch_size, order, start)


def _sliced(
    samples: Samples, size: int, order: Indices, start: int
) -> Iterator[tuple[int, dict[str, Tensor]]]:
    together = size * min(MOST, max(1, BLOCK // max(1, size * samples.sample_bytes)))
    for first in range(start, len(order), together):
        block = samples.batch(order[first : first + together])
        for at in range(first, min(first + together, len(order)), size):
            yield at, {n: t[at - first : at - first + size] for n, t in block.items()}


def _ahead(
    samples: Samples, size: int, order: Indices, start: int
) -> Iterator[tuple[int, dict[str, Tensor]]]:
    with ThreadPoolExecutor(max_workers=1) as reader:
        upcoming = None
        for at in range(start, len(order), size):
            current = upcoming or reader.submit(samples.batch, order[at : at + size])
            upcoming = None
            if at + size < len(order):
                upcoming = reader.submit(samples.batch, order[at + size : at + 2 * size])
            yield at, current.result()
