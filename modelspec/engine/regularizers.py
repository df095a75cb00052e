"""The catalogue's regularizers, on tensors; numerics of Keras 3."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from modelspec.catalog import regularizers as words
from modelspec.language.word import Word

#: Adds the penalty that a word (or None) puts on a tensor, a mean over its samples.
Penalize = Callable[[Word | None, Tensor], None]


def penalty(word: Word, w: Tensor) -> Tensor:
    """The penalty on `w`: a scalar, of its dtype."""
    return PENALTIES[type(word)](word, w)


def l1(word: words.L1 | words.L1L2, w: Tensor) -> Tensor:
    return word.l1 * w.abs().sum()


def l2(word: words.L2 | words.L1L2, w: Tensor) -> Tensor:
    flat = w.reshape(-1)
    return word.l2 * torch.dot(flat, flat)


def l1_l2(word: words.L1L2, w: Tensor) -> Tensor:
    if not word.l1:
        return l2(word, w)
    return l1(word, w) + l2(word, w) if word.l2 else l1(word, w)


def orthogonal(word: words.OrthogonalRegularizer, w: Tensor) -> Tensor:
    vectors = F.normalize(w if word.mode == "rows" else w.T, dim=1, eps=1e-7)  # (vectors, size)
    count = vectors.shape[0]
    cosines = (vectors @ vectors.T).abs()
    pairs = count * (count - 1) / 2
    return word.factor * 0.5 * (cosines.sum() - cosines.trace()) / pairs


PENALTIES: dict[type[Word], Callable[[Any, Tensor], Tensor]] = {
    words.L1: l1,
    words.L2: l2,
    words.L1L2: l1_l2,
    words.OrthogonalRegularizer: orthogonal,
}
