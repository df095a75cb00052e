"""The data sets that come with the package, and samples made of random numbers."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from modelspec.engine.data.arrays import open_npz
from modelspec.engine.data.rows import Array, Arrays, Indices
from modelspec.engine.data.wanted import Wanted
from modelspec.engine.random import seed_of
from modelspec.language import dtypes

DIGITS = os.path.join(os.path.dirname(__file__), "..", "..", "data_sets", "digits.npz")
#: Images whose pairs are trained on, and images whose pairs are kept for validation: 4 to 1.
SEEN, UNSEEN = 1436, 359
UNKNOWN = 32  # the size of a dimension that the model leaves open
BLOCK_BYTES = 1 << 18


def open_digits() -> Arrays:
    opened = open_npz(DIGITS, ["image", "label"])
    return Arrays("Digits", opened.arrays)


def open_digit_pairs() -> Arrays:
    """Four pairs an image: two of the same digit, two of different ones."""
    digits = open_digits().arrays
    image, label = digits["image"], digits["label"]
    seen = pairs(label[:SEEN])
    unseen = pairs(label[SEEN : SEEN + UNSEEN]) + SEEN
    a, b = np.concatenate([seen, unseen]).T
    same = (label[a] == label[b]).astype(np.uint8)
    return Arrays("DigitPairs", {"image_a": image[a], "image_b": image[b], "same": same})


def pairs(label: Array) -> Array:
    """Pairs (4 * count, 2) of places in `label`: same, different, same, different for each."""
    count = len(label)
    found = np.empty((count, 4, 2), np.int64)
    found[:, :, 0] = np.arange(count)[:, None]
    for i in range(count):
        alike = np.flatnonzero(label == label[i])
        others = np.flatnonzero(label != label[i])
        at = int(np.searchsorted(alike, i))
        found[i, 0, 1] = alike[(at + 1) % len(alike)]
        found[i, 1, 1] = others[(7 * i) % len(others)]
        found[i, 2, 1] = alike[(at + 5) % len(alike)]
        found[i, 3, 1] = others[(11 * i + 3) % len(others)]
    return found.reshape(-1, 2)


class Synthetic:
    """Random samples for each wanted tensor: a pure function of (seeds, name, place)."""

    name = "Synthetic"
    resident = False

    def __init__(self, word: Any, wanted: list[Wanted], seed: int) -> None:
        self.samples, self.seeds = word.samples, (seed, word.seed)
        self.wanted = {one.name: one for one in wanted if one.role != "weight"}
        self.columns = tuple(self.wanted)

    def __len__(self) -> int:
        return int(self.samples)

    def take(self, indices: Indices, columns: list[str]) -> dict[str, Array]:
        return {column: self.drawn(self.wanted[column], indices) for column in columns}

    def drawn(self, wanted: Wanted, indices: Indices) -> Array:
        shape = tuple(d if isinstance(d, int) else UNKNOWN for d in wanted.shape)
        size = max(1, min(256, BLOCK_BYTES // max(1, 4 * int(np.prod(shape)))))
        kind = object if wanted.dtype == "string" else np.float32
        out = np.empty((len(indices), *shape), kind)  # (batch, ...)
        home = indices // size
        for block in np.unique(home):
            here = home == block
            out[here] = self.block(wanted, int(block), (size, *shape))[indices[here] % size]
        return out

    def block(self, wanted: Wanted, number: int, shape: tuple[int, ...]) -> Array:
        key = [seed_of(*self.seeds, wanted.name), number]
        random = np.random.Generator(np.random.Philox(key=key))
        if wanted.dtype == "string":
            return sentences(random, shape)
        if not dtypes.is_float(wanted.dtype) or wanted.below is not None:
            high = 2 if wanted.dtype == "bool" else wanted.high
            return random.integers(0, high, shape).astype(np.float32)
        if wanted.role == "input":
            return random.standard_normal(shape, np.float32)
        if len(shape) > 1 and shape[-1] > 1:
            places = random.integers(0, shape[-1], shape[:-1])
            return np.eye(shape[-1], dtype=np.float32)[places]
        return random.integers(0, 2, shape).astype(np.float32)

    def place(self, index: int) -> str:
        return f"Synthetic, sample {index}"


def sentences(random: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Texts of eight words each, out of a hundred."""
    words = random.integers(0, 100, (*shape, 8)).reshape(-1, 8).tolist()
    texts = np.empty(len(words), object)
    texts[:] = [" ".join(f"word{number}" for number in text) for text in words]
    return texts.reshape(shape)
