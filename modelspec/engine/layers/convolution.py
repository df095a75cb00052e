"""Convolutions: a learned window slides over time, an image or a volume.

Kernels are kept as Keras does, `(*window, in, out)`, and handed to torch in the memory format of
the input, which costs one small copy and keeps its fast path.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from modelspec.catalog.layers.convolution import (
    Conv1D,
    Conv1DTranspose,
    Conv2D,
    Conv2DTranspose,
    Conv3D,
    Conv3DTranspose,
    Convolution,
    DepthwiseConv1D,
    DepthwiseConv2D,
    SeparableConv1D,
    SeparableConv2D,
)
from modelspec.engine.activations import activate
from modelspec.engine.lowering import lowers
from modelspec.engine.spatial import grid, lifted, same, ungrid

Transpose = Conv1DTranspose | Conv2DTranspose | Conv3DTranspose

MEMORY = {4: torch.channels_last, 5: torch.channels_last_3d}


@lowers(Conv1D)
@lowers(Conv2D)
@lowers(Conv3D)
def convolution(p: Convolution, w: Any, x: Tensor) -> Tensor:
    x = grid(p, x.to(w.kernel.dtype))  # (batch, channels, *space)
    y = convolved(p, x, w.kernel, bias(p, w), p.groups)  # (batch, filters, *space)
    return activate(p.activation, ungrid(p, y))


@lowers(DepthwiseConv1D)
@lowers(DepthwiseConv2D)
def depthwise(p: Convolution, w: Any, x: Tensor) -> Tensor:
    x = grid(p, x.to(w.kernel.dtype))  # (batch, channels, height, width)
    y = convolved(p, x, apart(w.kernel), bias(p, w), x.shape[1])
    return activate(p.activation, ungrid(p, y))


@lowers(SeparableConv1D)
@lowers(SeparableConv2D)
def separable(p: Convolution, w: Any, x: Tensor) -> Tensor:
    x = grid(p, x.to(w.pointwise_kernel.dtype))  # (batch, channels, height, width)
    between = convolved(p, x, apart(w.depthwise_kernel), None, x.shape[1])
    y = F.conv2d(between, kernel(p, w.pointwise_kernel), bias(p, w))  # (batch, filters, ...)
    return activate(p.activation, ungrid(p, y))


@lowers(Conv1DTranspose)
@lowers(Conv2DTranspose)
@lowers(Conv3DTranspose)
def transposed(p: Transpose, w: Any, x: Tensor) -> Tensor:
    """Torch cuts both ends alike and adds at the end; what it cannot cut is sliced off."""
    x = grid(p, x.to(w.kernel.dtype))  # (batch, channels, *space)
    cuts = [(0, 0)] * (x.ndim - 2 - p.rank) + [cut(p, axis) for axis in range(p.rank)]
    paint = F.conv_transpose3d if x.ndim == 5 else F.conv_transpose2d
    y = paint(
        x,
        kernel(p, w.kernel),
        bias(p, w),
        stride=lifted(p, p.strides),
        padding=[before for before, _ in cuts],
        output_padding=[max(before - after, 0) for before, after in cuts],
        dilation=lifted(p, p.dilation_rate),
    )  # (batch, filters, *space)
    for axis, (before, after) in enumerate(cuts):
        if after > before:
            y = y.narrow(2 + axis, 0, y.shape[2 + axis] - (after - before))
    return activate(p.activation, ungrid(p, y))


def bias(p: Convolution, w: Any) -> Tensor | None:
    return w.bias if p.use_bias else None


def kernel(p: Convolution, kept: Tensor) -> Tensor:
    """`(*window, in, out)` as torch's `(out, in, *window)`, in the memory format of the input."""
    if p.rank == 1:
        kept = kept.unsqueeze(0)  # (1, time, in, out)
    rank = kept.ndim - 2
    view = kept.permute(rank + 1, rank, *range(rank))  # (out, in, *window)
    if p.data_format == "channels_first":
        return view.contiguous()
    return view.contiguous(memory_format=MEMORY[view.ndim])


def apart(kept: Tensor) -> Tensor:
    """A depthwise kernel, `(*window, in, multiplier)`, as that of as many groups as channels."""
    return kept.flatten(-2).unsqueeze(-2)  # (*window, 1, in * multiplier)


#: Below so many channels torch 2.13 writes past its memory on the way back through a window of one
#: cell that moves in larger steps: there the cells that it sees are picked before.
FEW = 8


def convolved(
    p: Convolution, x: Tensor, kept: Tensor, offset: Tensor | None, groups: int
) -> Tensor:
    """The window slid over a grid, padded as the layer says."""
    around = edges(p, x)
    padding = [before for before, _ in around]
    if any(before != after for before, after in around):
        x = F.pad(x, [cells for pair in reversed(around) for cells in pair])
        padding = [0] * len(padding)
    slide = F.conv3d if x.ndim == 5 else F.conv2d
    strides, dilation = lifted(p, p.strides), lifted(p, p.dilation_rate)
    if x.shape[1] < FEW and max(strides) > 1 and max(lifted(p, p.kernel_size)) == 1:
        seen: list[Any] = [slice(None, None, step) for step in strides]
        x = x[(..., *seen)]
        strides = lifted(p, (1,) * p.rank)
    return slide(x, kernel(p, kept), offset, strides, padding, dilation, groups)


def edges(p: Convolution, x: Tensor) -> list[tuple[int, int]]:
    """The zeros before and after, for each axis of the grid."""
    sizes, strides = lifted(p, p.kernel_size), lifted(p, p.strides)
    dilation = lifted(p, p.dilation_rate)
    if p.padding == "valid":
        return [(0, 0)] * len(sizes)
    if p.padding == "causal":
        return [(d * (k - 1), 0) for k, d in zip(sizes, dilation, strict=True)]
    return [same(*axis) for axis in zip(x.shape[2:], sizes, strides, dilation, strict=True)]


def cut(p: Transpose, axis: int) -> tuple[int, int]:
    """How many painted cells fall off before and after; below zero, how many are added."""
    stride = p.strides[axis]
    covers = p.dilation_rate[axis] * (p.kernel_size[axis] - 1) + 1
    given: Any = p.output_padding  # may be None
    more = None if given is None else given[axis]
    if p.padding == "valid":
        return 0, -(max(stride - covers, 0) if more is None else more)
    total = covers - (stride if more is None else covers % 2 + more)
    before = max(total // 2, 0)  # the odd cell falls off at the end
    return before, total - before
