"""Operations that move elements: axes, pieces, padding."""

from __future__ import annotations

import torch
from torch import Tensor

from modelspec.catalog.layers.ops import shaping as ops
from modelspec.engine.operations import lower


def reshape(p: ops.Reshape, x: Tensor) -> Tensor:
    return x.reshape(x.shape[0], *p.newshape[1:])


def broadcast_to(p: ops.BroadcastTo, x: Tensor) -> Tensor:
    return x.expand(x.shape[0], *p.newshape[1:])


def expand_dims(p: ops.ExpandDims, x: Tensor) -> Tensor:
    rank = x.ndim + len(p.axis)
    for axis in sorted(axis % rank for axis in p.axis):
        x = x.unsqueeze(axis)
    return x


def pad(p: ops.Pad, x: Tensor) -> Tensor:
    if p.mode == "constant":
        widths = [width for pair in reversed(p.pad_width) for width in pair]
        return torch.nn.functional.pad(x, widths, value=p.constant_values or 0)
    for axis, (before, after) in enumerate(p.pad_width):
        x = mirrored(x, axis, before, after, edge=p.mode == "symmetric")
    return x


def mirrored(x: Tensor, axis: int, before: int, after: int, *, edge: bool) -> Tensor:
    """With elements mirrored at both ends of an axis, the outermost among them or not."""
    if not before and not after:
        return x
    size, skip = x.shape[axis], int(not edge)
    left = x.narrow(axis, skip, before).flip(axis)
    right = x.narrow(axis, size - skip - after, after).flip(axis)
    return torch.cat((left, x, right), axis)


shaping = lower({
    ops.Reshape: reshape,
    ops.BroadcastTo: broadcast_to,
    ops.Transpose: lambda p, x: x.permute(p.order(x.ndim - 1)),
    ops.Swapaxes: lambda p, x: x.swapaxes(p.axis1, p.axis2),
    ops.Moveaxis: lambda p, x: x.movedim(p.sources, p.destination),
    ops.Squeeze: lambda p, x: x.squeeze(tuple(p.axis)),
    ops.ExpandDims: expand_dims,
    ops.Flip: lambda p, x: x.flip(p.axis),
    ops.Roll: lambda p, x: x.roll(p.shift, p.axis),
    ops.Repeat: lambda p, x: x.repeat_interleave(p.repeats, p.axis),
    ops.Tile: lambda p, x: x.repeat(1, *p.times(x.ndim - 1)),
    ops.Pad: pad,
    ops.Tril: lambda p, x: x.tril(p.k),
    ops.Triu: lambda p, x: x.triu(p.k),
})  # fmt: skip
