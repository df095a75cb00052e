"""Layers that make categories of raw values: bins, and hashes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from modelspec.catalog.layers.categories import (
    CategoryEncoding,
    Discretization,
    HashedCrossing,
    Hashing,
)
from modelspec.engine.data.wanted import refuse
from modelspec.engine.hashing import Hash, crossed
from modelspec.engine.lowering import lowers
from modelspec.engine.texts import out_of_torch, tracing


def encode(
    index: Tensor, mode: str, depth: int, dtype: torch.dtype, weights: Tensor | None = None
) -> Tensor:
    """Integers in an output mode; negative ones count as nothing. Those of `depth` and beyond must
    not come.
    """
    if mode == "one_hot":
        if index.ndim > 1 and index.shape[-1] == 1:
            index = index.squeeze(-1)
        places = torch.arange(depth, device=index.device)
        return (index[..., None] == places).to(dtype)  # (batch, ..., depth)
    made = torch.zeros((len(index), depth + 1), dtype=dtype, device=index.device)
    home = torch.where(index < 0, depth, index).long()  # (batch, values)
    if mode == "multi_hot":
        made.scatter_(1, home, 1)
    else:
        ones = torch.ones(home.shape, dtype=dtype, device=index.device)
        made = made.scatter_add(1, home, ones if weights is None else weights.to(dtype))
    return made[:, :depth]  # (batch, depth)


@lowers(CategoryEncoding)
def category_encoding(
    p: CategoryEncoding, w: Any, x: Tensor, count_weights: Tensor | None, *, compute: torch.dtype
) -> Tensor:
    x = x.long()
    if not tracing() and x.numel() and int(x.max()) >= p.num_tokens:
        refuse(
            "bad-cell",
            f"`CategoryEncoding` takes integers below `num_tokens`, {p.num_tokens}",
            p.__dict__.get("span"),
            f"given {int(x.max())}",
        )
    return encode(x, p.output_mode, p.num_tokens, compute, count_weights)


@lowers(Discretization)
def discretization(p: Discretization, w: Any, x: Tensor, *, compute: torch.dtype) -> Tensor:
    if p.adapts:
        edges = w.boundaries
    else:
        edges = torch.tensor(p.bin_boundaries, dtype=torch.float32, device=x.device)
    x = x if x.is_floating_point() and x.dtype.itemsize > 2 else x.float()
    index = torch.bucketize(x.contiguous(), edges.to(x.dtype), right=True, out_int32=True)
    return index if p.output_mode == "int" else encode(index, p.output_mode, p.depth, compute)


@lowers(Hashing)
def hashing(p: Hashing, w: Any, x: Any, *, compute: torch.dtype) -> Tensor:
    values = out_of_torch(x)
    reserved = int(p.mask_value is not None and p.num_bins > 1)
    hashed = Hash(p.num_bins - reserved, p.salt)
    flat = values.reshape(-1).tolist()
    bins = np.array(hashed(flat), np.int64) + reserved
    if reserved:
        bins[[token == p.mask_value for token in flat]] = 0
    index = torch.from_numpy(bins.reshape(values.shape))
    index = index.to(x.device) if isinstance(x, Tensor) else index
    return index if p.output_mode == "int" else encode(index, p.output_mode, p.num_bins, compute)


@lowers(HashedCrossing)
def hashed_crossing(p: HashedCrossing, w: Any, x: list[Any], *, compute: torch.dtype) -> Tensor:
    columns = [out_of_torch(one) for one in x]
    bins = crossed([column.reshape(-1) for column in columns], p.num_bins)
    index = torch.from_numpy(bins.reshape(columns[0].shape))
    devices = [one.device for one in x if isinstance(one, Tensor)]
    index = index.to(devices[0]) if devices else index
    return index if p.output_mode == "int" else encode(index, p.output_mode, p.num_bins, compute)
