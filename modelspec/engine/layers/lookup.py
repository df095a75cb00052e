"""Layers that look tokens up in a vocabulary."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from modelspec.catalog.layers.lookup import IntegerLookup, StringLookup, Tokens
from modelspec.engine.layers.categories import encode
from modelspec.engine.lowering import lowers
from modelspec.engine.texts import out_of_torch
from modelspec.engine.vocabulary import Vocabulary


@lowers(IntegerLookup)
def integer_lookup(
    p: IntegerLookup, w: Any, x: Tensor, *, vocabulary: Vocabulary, compute: torch.dtype
) -> Tensor:
    values = out_of_torch(x)
    if p.invert:
        return torch.from_numpy(vocabulary.named(values)).to(x.device)
    return looked_up(p, vocabulary, values, compute).to(x.device)


@lowers(StringLookup)
def string_lookup(
    p: StringLookup, w: Any, x: Any, *, vocabulary: Vocabulary, compute: torch.dtype
) -> Any:
    if p.invert:
        return vocabulary.named(out_of_torch(x))
    return looked_up(p, vocabulary, out_of_torch(x), compute)


def looked_up(p: Tokens, vocabulary: Vocabulary, values: Any, compute: torch.dtype) -> Tensor:
    """Tokens in the layer's output mode."""
    index = torch.from_numpy(vocabulary.places(values))
    if p.output_mode == "int":
        return index
    made = encode(index, p.mode, p.width(), compute)
    if p.output_mode != "tf_idf":
        return made
    assert vocabulary.rarity is not None
    return made * torch.from_numpy(vocabulary.rarity).to(compute)  # (batch, depth)
