"""Texts as tokens, and tokens as numbers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from modelspec.catalog.layers.text import TextVectorization
from modelspec.engine.layers.lookup import looked_up
from modelspec.engine.lowering import lowers
from modelspec.engine.texts import out_of_torch
from modelspec.engine.tokens import array_of, cut, rectangle
from modelspec.engine.vocabulary import Vocabulary


@lowers(TextVectorization)
def text_vectorization(
    p: TextVectorization, w: Any, x: Any, *, vocabulary: Vocabulary, compute: torch.dtype
) -> Tensor:
    """(batch) or (batch, 1) texts -> (batch, length) places, or (batch, depth) in other modes."""
    tokens = cut(p, out_of_torch(x))
    if p.split is not None:
        found = rectangle(tokens, p.output_sequence_length, p.mask_token)
    else:
        found = array_of(tokens, p.output_sequence_length, p.mask_token)
        if p.output_mode != "int" and found.ndim == 1:
            found = found[:, None]  # (batch, 1)
    return looked_up(p, vocabulary, found, compute)
