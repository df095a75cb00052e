"""Operations that take tensors apart and put them together."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from modelspec.catalog.layers.ops import pieces as ops
from modelspec.engine.lowering import lowers
from modelspec.engine.operations import lower


def take(p: ops.Take, x: Tensor) -> Tensor:
    if not isinstance(p.indices, list):
        return x.select(p.axis, p.indices)
    at = torch.tensor(p.indices, dtype=torch.int64, device=x.device)
    return x.index_select(p.axis, torch.where(at < 0, at + x.shape[p.axis], at))


def slice_(p: ops.Slice, x: Tensor) -> Tensor:
    for axis, count in enumerate(p.sizes, 1):
        x = x.narrow(axis, p.start_indices[axis], count)
    return x


def split(p: ops.Split, x: Tensor) -> tuple[Tensor, ...]:
    parts = torch.tensor_split(x, p.indices_or_sections, p.axis)
    return tuple(parts)


pieces = lower({
    ops.GetItem: lambda p, x: x[tuple(p.pieces())],
    ops.Slice: slice_,
    ops.Take: take,
    ops.Stack: lambda p, *x: torch.stack(x, p.axis),
    ops.Concatenate: lambda p, *xs: torch.cat(xs, p.axis),
    ops.Split: split,
    ops.Unstack: lambda p, x: x.unbind(p.axis),
})  # fmt: skip


@lowers(ops.TakeAlongAxis)
def take_along_axis(p: ops.TakeAlongAxis, w: Any, x: Tensor, indices: Tensor) -> Tensor:
    at = indices.long()
    return torch.take_along_dim(x, torch.where(at < 0, at + x.shape[p.axis], at), p.axis)
