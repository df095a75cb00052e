"""Layers that disturb their input in training, and hand it on as it is otherwise."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from modelspec.catalog.layers.regularization import (
    Dropout,
    GaussianNoise,
    SpatialDropout1D,
    SpatialDropout2D,
)
from modelspec.engine.lowering import lowers
from modelspec.engine.random import Random


def dropped(x: Tensor, rate: float, drawn: tuple[int, ...], random: Random) -> Tensor:
    """`x` with units at zero where a draw of shape `drawn` says so, the others scaled up."""
    if rate == 0:
        return x
    if rate == 1:
        return torch.zeros_like(x)
    keep = random.bernoulli(drawn, 1 - rate)
    return torch.where(keep, x / (1 - rate), torch.zeros((), dtype=x.dtype, device=x.device))


@lowers(Dropout)
def dropout(p: Dropout, w: Any, x: Tensor, *, training: bool, random: Random) -> Tensor:
    if not training:
        return x
    shape = tuple(x.shape)
    if p.noise_shape is not None:
        shape = tuple(
            own if dim is None else dim for dim, own in zip(p.noise_shape, shape, strict=True)
        )
    return dropped(x, p.rate, shape, random)


@lowers(SpatialDropout1D)
def spatial_dropout1d(
    p: SpatialDropout1D, w: Any, x: Tensor, *, training: bool, random: Random
) -> Tensor:
    batch, _, channels = x.shape
    return dropped(x, p.rate, (batch, 1, channels), random) if training else x


@lowers(SpatialDropout2D)
def spatial_dropout2d(
    p: SpatialDropout2D, w: Any, x: Tensor, *, training: bool, random: Random
) -> Tensor:
    if not training:
        return x
    first = p.data_format == "channels_first"
    batch, channels = x.shape[0], x.shape[1 if first else 3]
    drawn = (batch, channels, 1, 1) if first else (batch, 1, 1, channels)
    return dropped(x, p.rate, drawn, random)


@lowers(GaussianNoise)
def gaussian_noise(
    p: GaussianNoise, w: Any, x: Tensor, *, training: bool, random: Random
) -> Tensor:
    if not training or p.stddev == 0:
        return x
    return x + random.normal(tuple(x.shape), stddev=p.stddev).to(x.dtype)
