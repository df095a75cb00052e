"""Pooling: the largest, or the mean, of a window that slides, or of all there is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from modelspec.catalog.layers.pooling import (
    AveragePooling1D,
    AveragePooling2D,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    GlobalPooling,
    MaxPooling1D,
    MaxPooling2D,
    Pooling,
)
from modelspec.engine.lowering import lowers
from modelspec.engine.spatial import grid, lifted, same, ungrid


@lowers(MaxPooling1D)
@lowers(MaxPooling2D)
def largest(p: Pooling, w: Any, x: Tensor) -> Tensor:
    return pooled(p, x, F.max_pool2d)


@lowers(AveragePooling1D)
@lowers(AveragePooling2D)
def mean(p: Pooling, w: Any, x: Tensor) -> Tensor:
    return pooled(p, x, F.avg_pool2d, count_include_pad=False)


def pooled(p: Pooling, x: Tensor, pool: Callable[..., Tensor], **more: Any) -> Tensor:
    """The window slid over a grid.

    For `same` padding the odd cell stands at the end. Torch pads both ends alike, so a window
    with longer steps goes over the end by `ceil_mode`; one that takes every cell is padded by
    the larger side, and what it sees first is left out. No values are copied for padding.
    """
    x = grid(p, x)  # (batch, channels, height, width)
    size, steps = lifted(p, p.pool_size), lifted(p, p.steps)
    if p.padding == "valid":
        return ungrid(p, pool(x, size, steps, **more))
    around = [same(*axis) for axis in zip(x.shape[2:], size, steps, strict=True)]
    padding = [
        after if s == 1 else before for (before, after), s in zip(around, steps, strict=True)
    ]
    y = pool(x, size, steps, padding, ceil_mode=True, **more)  # (batch, channels, ...)
    for axis, (before, after) in enumerate(around):
        if steps[axis] == 1 and after > before:
            y = y.narrow(2 + axis, 1, y.shape[2 + axis] - 1)
    return ungrid(p, y)


def space(p: GlobalPooling) -> tuple[int, ...]:
    """The axes of space in a batch."""
    first = 2 if p.data_format == "channels_first" else 1
    return tuple(range(first, first + p.rank))


@lowers(GlobalMaxPooling1D)
@lowers(GlobalMaxPooling2D)
def global_largest(p: GlobalPooling, w: Any, x: Tensor) -> Tensor:
    return x.amax(space(p), keepdim=p.keepdims)  # (batch, channels)


@lowers(GlobalAveragePooling2D)
def global_mean(p: GlobalAveragePooling2D, w: Any, x: Tensor) -> Tensor:
    return x.mean(space(p), keepdim=p.keepdims)  # (batch, channels)


@lowers(GlobalAveragePooling1D)
def mean_over_time(
    p: GlobalAveragePooling1D, w: Any, x: Tensor, *, mask: Tensor | None = None
) -> Tensor:
    axis = space(p)
    if mask is None:
        return x.mean(axis, keepdim=p.keepdims)  # (batch, channels)
    there = mask.unsqueeze(1 if p.data_format == "channels_first" else 2)  # (batch, time, 1)
    total = x.where(there, 0).sum(axis, keepdim=p.keepdims)
    return total / there.to(x.dtype).sum(axis, keepdim=p.keepdims)
