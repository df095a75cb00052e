"""Operations that take an axis away, or run along it."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from modelspec.catalog.layers.ops import reduction as ops
from modelspec.engine.lowering import lowers
from modelspec.engine.operations import lower


def axes(p: Any) -> list[int]:
    return list(p.axis) if isinstance(p.axis, list) else [p.axis]


def numbers(x: Tensor) -> Tensor:
    """Booleans as integers, since torch seeks no largest of them."""
    return x.to(torch.uint8) if x.dtype == torch.bool else x


def prod(p: ops.Prod, x: Tensor) -> Tensor:
    """One axis after another, the last ones first, since torch takes one at a time."""
    for axis in sorted((axis % x.ndim for axis in axes(p)), reverse=True):
        x = torch.prod(x, axis, keepdim=p.keepdims)
    return x


def norm(p: ops.Norm, x: Tensor) -> Tensor:
    along = axes(p)
    if len(along) == 1 or p.ord is None:
        length: Tensor = torch.linalg.vector_norm(
            x, 2 if p.ord is None else p.ord, along, p.keepdims
        )
        return length
    wide = x.float() if x.dtype.itemsize == 2 else x  # torch's has no half precision
    norms: Tensor = torch.linalg.matrix_norm(wide, p.ord, along, p.keepdims)
    return norms


def top_k(p: ops.TopK, x: Tensor) -> tuple[Tensor, Tensor]:
    found = torch.topk(x, p.k, sorted=p.sorted)
    return found.values, found.indices


reduction = lower({
    ops.Sum: lambda p, x: torch.sum(x, axes(p), keepdim=p.keepdims),
    ops.Prod: prod,
    ops.Mean: lambda p, x: torch.mean(x, axes(p), keepdim=p.keepdims),
    ops.Var: lambda p, x: torch.var(x, axes(p), correction=0, keepdim=p.keepdims),
    ops.Std: lambda p, x: torch.std(x, axes(p), correction=0, keepdim=p.keepdims),
    ops.Max: lambda p, x: torch.amax(x, axes(p), keepdim=p.keepdims),
    ops.Min: lambda p, x: torch.amin(x, axes(p), keepdim=p.keepdims),
    ops.Logsumexp: lambda p, x: torch.logsumexp(x, axes(p), keepdim=p.keepdims),
    ops.Any: lambda p, x: torch.any(x, axes(p), keepdim=p.keepdims),
    ops.All: lambda p, x: torch.all(x, axes(p), keepdim=p.keepdims),
    ops.CountNonzero: lambda p, x: torch.count_nonzero(x, axes(p)),
    ops.Norm: norm,
    ops.Argmax: lambda p, x: torch.argmax(numbers(x), p.axis, keepdim=p.keepdims),
    ops.Argmin: lambda p, x: torch.argmin(numbers(x), p.axis, keepdim=p.keepdims),
    ops.Cumsum: lambda p, x: torch.cumsum(x, p.axis),
    ops.Cumprod: lambda p, x: torch.cumprod(x, p.axis),
    ops.Softmax: lambda p, x: torch.softmax(x, p.axis),
    ops.LogSoftmax: lambda p, x: torch.log_softmax(x, p.axis),
    ops.Sort: lambda p, x: torch.sort(x, dim=p.axis, stable=True).values,
    ops.Argsort: lambda p, x: torch.argsort(x, dim=p.axis, stable=True),
    ops.TopK: top_k,
})  # fmt: skip


@lowers(ops.OneHot)
def one_hot(p: ops.OneHot, w: Any, x: Tensor, *, compute: torch.dtype) -> Tensor:
    known = (x >= 0) & (x < p.num_classes)  # what is no class is zero everywhere
    classes = F.one_hot(torch.where(known, x, 0).long(), p.num_classes)  # (batch, ..., classes)
    return (classes * known[..., None]).to(compute).movedim(-1, p.axis)
