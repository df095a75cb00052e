"""Layers that move values about: new shapes, padding, cropping, repeating."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor

from modelspec.catalog.layers.reshaping import (
    Cropping2D,
    Flatten,
    Permute,
    RepeatVector,
    Reshape,
    UpSampling2D,
    ZeroPadding2D,
    pairs,
)
from modelspec.engine.lowering import lowers
from modelspec.engine.spatial import grid, ungrid


@lowers(Flatten)
def flatten(p: Flatten, w: Any, x: Tensor) -> Tensor:
    if x.ndim == 1:
        return x.unsqueeze(1)  # (batch, 1)
    if p.data_format == "channels_first":
        x = x.movedim(1, -1)  # (batch, *space, channels)
    return x.flatten(1)  # (batch, size)


@lowers(Reshape)
def reshape(p: Reshape, w: Any, x: Tensor) -> Tensor:
    sizes = [d if isinstance(d, int) else -1 for d in p.target_shape]
    return x.reshape(x.shape[0], *sizes)  # (batch, *target_shape)


@lowers(Permute)
def permute(p: Permute, w: Any, x: Tensor) -> Tensor:
    return x.permute(0, *p.dims)


@lowers(RepeatVector)
def repeat_vector(p: RepeatVector, w: Any, x: Tensor) -> Tensor:
    return x.unsqueeze(1).expand(-1, p.n, -1)  # (batch, n, features)


@lowers(ZeroPadding2D)
def zero_padding(p: ZeroPadding2D, w: Any, x: Tensor) -> Tensor:
    (top, bottom), (left, right) = pairs(p.padding)
    channels = (0, 0) if p.data_format == "channels_last" else ()
    return F.pad(x, (*channels, left, right, top, bottom))


@lowers(Cropping2D)
def cropping(p: Cropping2D, w: Any, x: Tensor) -> Tensor:
    first = 1 if p.data_format == "channels_last" else 2
    for axis, (before, after) in enumerate(pairs(p.cropping), first):
        x = x.narrow(axis, before, x.shape[axis] - before - after)
    return x


@lowers(UpSampling2D)
def up_sampling(p: UpSampling2D, w: Any, x: Tensor) -> Tensor:
    x = grid(p, x)  # (batch, channels, height, width)
    size = [length * factor for length, factor in zip(x.shape[2:], p.size, strict=True)]
    if p.interpolation == "nearest":
        # Torch's plain `nearest` picks a neighbour's cell where float rounding lets it.
        return ungrid(p, F.interpolate(x, size, mode="nearest-exact"))
    return ungrid(p, F.interpolate(x, size, mode=p.interpolation, align_corners=False))
