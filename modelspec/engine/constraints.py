"""The catalogue's constraints, on tensors; numerics of Keras 3."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from modelspec.catalog import constraints as words
from modelspec.language.word import Word

EPSILON = 1e-7


def project(word: Word, w: Tensor) -> Tensor:
    """What the constraint makes of `w`, of the same shape."""
    return PROJECTIONS[type(word)](word, w)


def norms(w: Tensor, axis: list[int]) -> Tensor:
    found: Tensor = torch.linalg.vector_norm(w, dim=axis, keepdim=True)
    return found


def max_norm(word: words.MaxNorm, w: Tensor) -> Tensor:
    long = norms(w, word.axis)
    return w * (long.clamp(max=word.max_value) / (EPSILON + long))


def min_max_norm(word: words.MinMaxNorm, w: Tensor) -> Tensor:
    long = norms(w, word.axis)
    wanted = word.rate * long.clamp(word.min_value, word.max_value) + (1 - word.rate) * long
    return w * (wanted / (EPSILON + long))


PROJECTIONS: dict[type[Word], Callable[[Any, Tensor], Tensor]] = {
    words.MaxNorm: max_norm,
    words.MinMaxNorm: min_max_norm,
    words.NonNeg: lambda word, w: w.clamp(min=0),
    words.UnitNorm: lambda word, w: w / (EPSILON + norms(w, word.axis)),
}
