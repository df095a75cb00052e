"""Dense, Embedding and other everyday layers."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from modelspec.catalog.layers.core import (
    Dense,
    Embedding,
    Identity,
    Masking,
    ReversibleEmbedding,
    Vectors,
)
from modelspec.engine.activations import activate
from modelspec.engine.lowering import Masked, lowers

DTYPES = {
    "float16": torch.float16, "bfloat16": torch.bfloat16,
    "float32": torch.float32, "float64": torch.float64,
}  # fmt: skip


@lowers(Dense)
def dense(p: Dense, w: Any, x: Tensor) -> Tensor:
    bias = w.bias if p.use_bias else None
    y = F.linear(x.to(w.kernel.dtype), w.kernel.T, bias)  # (batch, ..., units)
    return activate(p.activation, y)


@lowers(Embedding)
def embedding(p: Vectors, w: Any, x: Tensor) -> Masked:
    index = x if x.dtype in (torch.int32, torch.int64) else x.to(torch.int32)
    mask = index != 0 if p.mask_zero else None  # (batch, ...)
    return Masked(F.embedding(index, w.embeddings), mask)  # (batch, ..., output_dim)


@lowers(ReversibleEmbedding)
def reversible_embedding(p: ReversibleEmbedding, w: Any, x: Tensor) -> Masked:
    if not p.reverse:
        return embedding(p, w, x)
    kernel = w.embeddings.T if p.tie_weights else w.reverse_embeddings  # (output_dim, input_dim)
    dtype: Any = p.reverse_dtype  # may be None
    if dtype is not None:
        x, kernel = x.to(DTYPES[dtype]), kernel.to(DTYPES[dtype])
    scores = x.to(kernel.dtype) @ kernel  # (batch, ..., input_dim)
    cap: Any = p.logit_soft_cap  # may be None
    return Masked(scores if cap is None else torch.tanh(scores / cap) * cap, None)


@lowers(Masking)
def masking(p: Masking, w: Any, x: Tensor) -> Masked:
    mask = (x != p.mask_value).any(dim=-1)  # (batch, ...)
    return Masked(x * mask[..., None].to(x.dtype), mask)  # (batch, ..., features)


@lowers(Identity)
def identity(p: Identity, w: Any, x: Tensor) -> Tensor:
    return x
