"""Layers that move values about: new shapes, padding, cropping, repeating."""

from __future__ import annotations

from math import pi
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from modelspec.catalog.layers.reshaping import (
    Cropping,
    Cropping1D,
    Cropping2D,
    Cropping3D,
    Flatten,
    Permute,
    RepeatVector,
    Reshape,
    UpSampling,
    UpSampling1D,
    UpSampling2D,
    UpSampling3D,
    ZeroPadding,
    ZeroPadding1D,
    ZeroPadding2D,
    ZeroPadding3D,
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


@lowers(ZeroPadding1D)
@lowers(ZeroPadding2D)
@lowers(ZeroPadding3D)
def zero_padding(p: ZeroPadding, w: Any, x: Tensor) -> Tensor:
    around = [cells for pair in reversed(p.around) for cells in pair]
    channels = [0, 0] if p.data_format == "channels_last" else []
    return F.pad(x, [*channels, *around])


@lowers(Cropping1D)
@lowers(Cropping2D)
@lowers(Cropping3D)
def cropping(p: Cropping, w: Any, x: Tensor) -> Tensor:
    for axis, (before, after) in enumerate(p.around, first(p)):
        x = x.narrow(axis, before, x.shape[axis] - before - after)
    return x


@lowers(UpSampling1D)
@lowers(UpSampling3D)
def repeated(p: UpSampling, w: Any, x: Tensor) -> Tensor:
    for axis, factor in enumerate(p.size, first(p)):
        x = x.repeat_interleave(factor, axis)
    return x


@lowers(UpSampling2D)
def up_sampling(p: UpSampling2D, w: Any, x: Tensor) -> Tensor:
    if p.interpolation == "nearest":
        return repeated(p, w, x)
    if p.interpolation.startswith("lanczos"):
        radius = int(p.interpolation.removeprefix("lanczos"))
        for axis, factor in enumerate(p.size, first(p)):
            between = lanczos(x.shape[axis], factor, radius).to(x)  # (cells, cells * factor)
            x = torch.tensordot(x, between, ([axis], [0])).movedim(-1, axis)
        return x
    x = grid(p, x)  # (batch, channels, height, width)
    size = [length * factor for length, factor in zip(x.shape[2:], p.size, strict=True)]
    return ungrid(p, F.interpolate(x, size, mode=p.interpolation, align_corners=False))


def lanczos(length: int, factor: int, radius: int) -> Tensor:
    """How much each cell adds to each cell of a line that is `factor` times as long.

    Over the edges nothing stands: what is seen there is shared out among the cells that exist.
    """
    cells = torch.arange(length, dtype=torch.float64)
    places = (torch.arange(length * factor, dtype=torch.float64) + 0.5) / factor - 0.5
    apart = (places - cells[:, None]).abs()  # (cells, cells * factor)
    waves = radius * torch.sin(pi * apart) * torch.sin(pi * apart / radius)
    weight = torch.where(apart > 1e-3, waves / (pi * apart).square(), 1.0)
    weight = torch.where(apart > radius, 0.0, weight)
    return weight / weight.sum(0)


def first(p: Cropping | UpSampling) -> int:
    """The first axis of space in a batch."""
    return 1 if p.data_format == "channels_last" else 2
