"""From texts to lists of tokens, as TensorFlow's string ops cut them."""

from __future__ import annotations

import re
import string
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelspec.catalog.layers.text import TextVectorization

Array = NDArray[Any]
LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)  # ASCII's letters alone
BARE = str.maketrans("", "", string.punctuation)
#: What stands between words: ASCII's white space, and no other.
WORD = re.compile(r"[^ \t\n\v\f\r]+")


def cut(p: TextVectorization, texts: Array) -> list[Any]:
    """The tokens of each sample: a list, or nested lists where samples were not one text."""
    if p.split is None:
        return [nested(p, text) for text in texts.tolist()]
    return [runs(p, pieces(p, standard(p, text))) for text in texts.reshape(-1).tolist()]


def nested(p: TextVectorization, given: Any) -> Any:
    """Texts that stay whole, in the lists that they stand in."""
    if not isinstance(given, list):
        return standard(p, given)
    if given and isinstance(given[0], list):
        return [nested(p, one) for one in given]
    return runs(p, [standard(p, text) for text in given])


def standard(p: TextVectorization, text: str) -> str:
    if p.standardize in ("lower", "lower_and_strip_punctuation"):
        text = text.lower() if text.isascii() else text.translate(LOWER)
    if p.standardize in ("strip_punctuation", "lower_and_strip_punctuation"):
        text = text.translate(BARE)
    return text


def pieces(p: TextVectorization, text: str) -> list[str]:
    return list(text) if p.split == "character" else WORD.findall(text)


def runs(p: TextVectorization, tokens: list[str]) -> list[str]:
    """Tokens, or every run of as many as `ngrams` says, one length after the other."""
    if not p.widths:
        return tokens
    return [
        " ".join(tokens[at : at + width])
        for width in p.widths
        for at in range(len(tokens) - width + 1)
    ]


def rectangle(lists: list[list[str]], length: int | None, fill: str) -> Array:
    """Lists as one array (samples, length): cut, or filled up; at least one wide.

    Without a length, as wide as the longest.
    """
    width = length or max(1, max(map(len, lists), default=1))
    whole = np.full((len(lists), width), fill, object)
    for row, tokens in zip(whole, lists, strict=True):
        row[: len(tokens)] = tokens[:width]
    return whole


def array_of(tokens: list[Any], length: int | None, fill: str) -> Array:
    """Tokens in lists of one shape as an array; the last axis cut or filled up to a length."""
    whole = np.array(tokens, object)
    if length is None:
        return whole
    whole = whole[..., :length]
    missing = [(0, 0)] * (whole.ndim - 1) + [(0, length - whole.shape[-1])]
    return np.pad(whole, missing, constant_values=fill)
