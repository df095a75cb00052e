"""The encoder `Words`: texts as places of their words in a vocabulary that train taught."""

from __future__ import annotations

import unicodedata
from collections import Counter
from typing import Any

import numpy as np

from modelspec.catalog import encoders as words
from modelspec.engine.data.rows import Array
from modelspec.language.shapes import Shape

PADDING, UNKNOWN, FIRST = 0, 1, 2
UNKNOWN_WORD = "[UNK]"  # as Keras's TextVectorization shows it


class Breaks(dict[int, str]):
    """For `str.translate`: punctuation, symbols and white space become spaces."""

    def __missing__(self, code: int) -> str:
        kind = unicodedata.category(chr(code))
        self[code] = " " if kind[0] in "PSZ" or kind == "Cc" else chr(code)
        return self[code]


BREAKS = Breaks()


def words_of(text: str) -> list[str]:
    """The words of a text, in small letters."""
    return text.lower().translate(BREAKS).split()


class WordEncoder:
    """Words: the most frequent words of train, ties in the order of the alphabet."""

    reads = "texts"

    def __init__(self, word: words.Words, state: dict[str, Any] | None) -> None:
        self.size, self.given = word.vocabulary, word.length
        self.counts: Counter[str] = Counter()
        self.names: list[str] | None = None if state is None else state["words"]
        self.length: int = 1 if state is None else state["length"]
        self.wanted: int | None = None
        self.places: dict[str, int] = {}

    def fit(self, shape: Shape) -> None:
        """Texts become as long as the tensor that they feed, where its length is known."""
        if len(shape) == 1 and isinstance(shape[0], int):
            self.wanted = shape[0]

    def see(self, values: Array) -> None:
        for text in joined(values):
            found = words_of(text)
            self.counts.update(found)
            self.length = max(self.length, len(found))

    def known(self) -> list[str]:
        if self.names is None:
            ranked = sorted(self.counts.items(), key=lambda one: (-one[1], one[0]))
            self.names = [word for word, _ in ranked[: self.size - FIRST]]
        return self.names

    def state(self) -> dict[str, Any]:
        return {"words": self.known(), "length": self.width()}

    def width(self) -> int:
        return self.given or self.wanted or self.length

    def apply(self, values: Array) -> Array:
        if not self.places:
            self.places = {word: at for at, word in enumerate(self.known(), FIRST)}
        width = self.width()
        out = np.full((len(values), width), PADDING, np.int64)  # (batch, words)
        for row, text in zip(out, joined(values), strict=True):
            found = [self.places.get(word, UNKNOWN) for word in words_of(text)[:width]]
            row[: len(found)] = found
        return out

    def decode(self, values: Array) -> Array:
        """Texts of places (batch, words), or scores (batch, words, vocabulary)."""
        if values.dtype.kind == "f":
            values = values.argmax(-1) if values.ndim > 2 else np.rint(values).astype(np.int64)
        names = ["", UNKNOWN_WORD, *self.known()]
        texts = np.empty(len(values), object)
        for at, row in enumerate(values.reshape(len(values), -1).tolist()):
            shown = [names[i] if 0 <= i < len(names) else UNKNOWN_WORD for i in row]
            texts[at] = " ".join(word for word in shown if word)
        return texts


def joined(values: Array) -> list[str]:
    """One text a sample: those of several columns, or of a list, stand one after the other."""
    return [" ".join(row) for row in values.reshape(len(values), -1).tolist()]
