"""Layers that disturb their input in training, and hand it on as it is otherwise."""

from __future__ import annotations

from math import sqrt
from typing import Any

import torch
from torch import Tensor

from modelspec.catalog.layers.regularization import (
    ActivityRegularization,
    AlphaDropout,
    Dropout,
    GaussianDropout,
    GaussianNoise,
    SpatialDropout,
    SpatialDropout1D,
    SpatialDropout2D,
    SpatialDropout3D,
)
from modelspec.engine.lowering import lowers
from modelspec.engine.random import Random

#: What SELU tends to far below zero.
LOWEST = -1.7580993408473766


def dropped(x: Tensor, rate: float, drawn: tuple[int, ...], random: Random) -> Tensor:
    """`x` with units at zero where a draw of shape `drawn` says so, the others scaled up."""
    if rate == 0:
        return x
    if rate == 1:
        return torch.zeros_like(x)
    keep = random.bernoulli(drawn, 1 - rate)
    return torch.where(keep, x / (1 - rate), torch.zeros((), dtype=x.dtype, device=x.device))


@lowers(Dropout)
@lowers(SpatialDropout1D)
@lowers(SpatialDropout2D)
@lowers(SpatialDropout3D)
def dropout(
    p: Dropout | SpatialDropout, w: Any, x: Tensor, *, training: bool, random: Random
) -> Tensor:
    return dropped(x, p.rate, p.drawn(tuple(x.shape)), random) if training else x


@lowers(AlphaDropout)
def alpha_dropout(p: AlphaDropout, w: Any, x: Tensor, *, training: bool, random: Random) -> Tensor:
    if not training or p.rate == 0:
        return x
    if p.rate == 1:  # the limit, where Keras divides by zero
        return torch.zeros_like(x)
    keep = random.bernoulli(p.drawn(tuple(x.shape)), 1 - p.rate)
    # What brings a mean of 0 and a variance of 1 back to these.
    factor = 1 / sqrt((1 - p.rate) * (1 + p.rate * LOWEST**2))
    return factor * (torch.where(keep, x, LOWEST) - LOWEST * p.rate)


@lowers(GaussianNoise)
def gaussian_noise(
    p: GaussianNoise, w: Any, x: Tensor, *, training: bool, random: Random
) -> Tensor:
    if not training or p.stddev == 0:
        return x
    return x + random.normal(tuple(x.shape), stddev=p.stddev).to(x.dtype)


@lowers(GaussianDropout)
def gaussian_dropout(
    p: GaussianDropout, w: Any, x: Tensor, *, training: bool, random: Random
) -> Tensor:
    if not training or p.rate == 0:
        return x
    stddev = sqrt(p.rate / (1 - p.rate))
    return x * random.normal(tuple(x.shape), 1.0, stddev).to(x.dtype)


@lowers(ActivityRegularization)
def activity_regularization(p: ActivityRegularization, w: Any, x: Tensor) -> Tensor:
    return x
