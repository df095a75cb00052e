"""Pooling: the largest, or the mean, of a window that slides, or of all there is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from modelspec.catalog.layers import pooling as declared
from modelspec.engine.lowering import lowers
from modelspec.engine.sequences import refuse_misplaced
from modelspec.engine.spatial import grid, lifted, same, ungrid

Pools = dict[int, Callable[..., Tensor]]

#: Torch's kernels by rank; a sequence is an image of height one.
LARGEST: Pools = {1: F.max_pool2d, 2: F.max_pool2d, 3: F.max_pool3d}
MEAN: Pools = {1: F.avg_pool2d, 2: F.avg_pool2d, 3: F.avg_pool3d}
ADAPTIVE_LARGEST: Pools = {
    1: F.adaptive_max_pool2d, 2: F.adaptive_max_pool2d, 3: F.adaptive_max_pool3d
}  # fmt: skip
ADAPTIVE_MEAN: Pools = {
    1: F.adaptive_avg_pool2d, 2: F.adaptive_avg_pool2d, 3: F.adaptive_avg_pool3d
}  # fmt: skip


@lowers(declared.MaxPooling1D)
@lowers(declared.MaxPooling2D)
@lowers(declared.MaxPooling3D)
def largest(p: declared.Pooling, w: Any, x: Tensor) -> Tensor:
    # Torch's kernels on a GPU know no integers; float64 holds those up to 2**53.
    floating = x if x.is_floating_point() else x.double()
    return pooled(p, floating, LARGEST[p.rank]).to(x.dtype)


@lowers(declared.AveragePooling1D)
@lowers(declared.AveragePooling2D)
@lowers(declared.AveragePooling3D)
def mean(p: declared.Pooling, w: Any, x: Tensor) -> Tensor:
    # Torch's kernel for volumes knows no half precision on a CPU.
    wide = x.float() if p.rank == 3 and x.dtype in (torch.float16, torch.bfloat16) else x
    if p.padding == "same" and p.rank == 3 and overhangs(p, wide):
        return mean_of_seen(p, wide).to(x.dtype)
    return pooled(p, wide, MEAN[p.rank], count_include_pad=False).to(x.dtype)


def overhangs(p: declared.Pooling, x: Tensor) -> bool:
    """Whether the window is larger than the volume, which torch's kernel for volumes refuses."""
    sizes = zip(grid(p, x).shape[2:], p.pool_size, strict=True)
    return any(type(length) is int and size > length for length, size in sizes)


def mean_of_seen(p: declared.Pooling, x: Tensor) -> Tensor:
    """The mean over padding by hand, divided by the share of each window that is no padding."""
    x = grid(p, x)  # (batch, channels, depth, height, width)
    size, steps = lifted(p, p.pool_size), lifted(p, p.steps)
    around = [same(*axis) for axis in zip(x.shape[2:], size, steps, strict=True)]
    edges = [cells for pair in reversed(around) for cells in pair]
    whole, share = (
        MEAN[p.rank](F.pad(one, edges), size, steps) for one in (x, torch.ones_like(x[:1, :1]))
    )
    return ungrid(p, whole / share)


def pooled(p: declared.Pooling, x: Tensor, pool: Callable[..., Tensor], **more: Any) -> Tensor:
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


def space(p: declared.GlobalPooling) -> tuple[int, ...]:
    """The axes of space in a batch."""
    first = 2 if p.data_format == "channels_first" else 1
    return tuple(range(first, first + p.rank))


@lowers(declared.GlobalMaxPooling1D)
@lowers(declared.GlobalMaxPooling2D)
@lowers(declared.GlobalMaxPooling3D)
def global_largest(p: declared.GlobalPooling, w: Any, x: Tensor) -> Tensor:
    return x.amax(space(p), keepdim=p.keepdims)  # (batch, channels)


@lowers(declared.GlobalAveragePooling2D)
@lowers(declared.GlobalAveragePooling3D)
def global_mean(
    p: declared.GlobalPooling, w: Any, x: Tensor, *, compute: torch.dtype = torch.float32
) -> Tensor:
    kept = x.dtype if x.is_floating_point() else compute
    return floats(x).mean(space(p), keepdim=p.keepdims).to(kept)  # (batch, channels)


@lowers(declared.GlobalAveragePooling1D)
def mean_over_time(
    p: declared.GlobalPooling,
    w: Any,
    x: Tensor,
    *,
    mask: Tensor | None = None,
    compute: torch.dtype = torch.float32,
) -> Tensor:
    if mask is None:
        return global_mean(p, w, x, compute=compute)
    axis, kept = space(p), x.dtype if x.is_floating_point() else compute
    refuse_misplaced(p, mask, x.shape[axis[0] : axis[0] + 1])
    there = mask.unsqueeze(1 if p.data_format == "channels_first" else 2)  # (batch, time, 1)
    total = floats(x).where(there, 0).sum(axis, keepdim=p.keepdims)
    count = there.to(total.dtype).sum(axis, keepdim=p.keepdims)
    return (total / count).to(kept)  # (batch, channels)


@lowers(declared.AdaptiveMaxPooling1D)
@lowers(declared.AdaptiveMaxPooling2D)
@lowers(declared.AdaptiveMaxPooling3D)
def adaptive_largest(p: declared.AdaptivePooling, w: Any, x: Tensor) -> Tensor:
    return adapted(p, x, ADAPTIVE_LARGEST[p.rank])


@lowers(declared.AdaptiveAveragePooling1D)
@lowers(declared.AdaptiveAveragePooling2D)
@lowers(declared.AdaptiveAveragePooling3D)
def adaptive_mean(p: declared.AdaptivePooling, w: Any, x: Tensor) -> Tensor:
    return adapted(p, x, ADAPTIVE_MEAN[p.rank])


def adapted(p: declared.AdaptivePooling, x: Tensor, pool: Callable[..., Tensor]) -> Tensor:
    return ungrid(p, pool(grid(p, x), lifted(p, p.output_size)))  # (batch, *output_size, channels)


def floats(x: Tensor) -> Tensor:
    """Integers as numbers that can be averaged."""
    return x if x.is_floating_point() else x.to(torch.get_default_dtype())
