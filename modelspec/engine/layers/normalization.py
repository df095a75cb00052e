"""Layers that bring their input to zero mean and unit variance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from modelspec.catalog.layers.normalization import BatchNormalization, LayerNormalization
from modelspec.engine.lowering import lowers

Update = Callable[[str, Tensor], None]


@lowers(BatchNormalization)
def batch_normalization(
    p: BatchNormalization,
    w: Any,
    x: Tensor,
    *,
    training: bool,
    mask: Tensor | None,
    update: Update,
) -> Tensor:
    # Sums over a batch overflow half precision, so at least float32 as in Keras.
    wide = x if x.dtype == torch.float64 else x.float()
    gamma = w.gamma.to(wide.dtype) if p.scale else None
    beta = w.beta.to(wide.dtype) if p.center else None
    mean = w.moving_mean.detach().to(wide.dtype)
    variance = w.moving_variance.detach().to(wide.dtype)
    axis = p.axis % x.ndim
    if training and mask is not None:
        now, spread = masked_moments(wide, mask, axis)
        y = scaled(wide, now, spread, gamma, beta, axis, p.epsilon)
    else:
        flat = features_second(wide, axis)  # (batch, features, ...)
        if training:
            y, now, inverse = torch.native_batch_norm(
                flat, gamma, beta, None, None, True, 0.0, p.epsilon
            )
            # The biased variance, which is what Keras keeps.
            spread = (inverse.detach().pow(-2) - p.epsilon).clamp_min(0)
        else:
            y = F.batch_norm(flat, mean, variance, gamma, beta, False, 0.0, p.epsilon)
        y = features_back(y, x, axis)
    if training:
        update("moving_mean", mean.lerp(now.detach(), 1 - p.momentum))
        update("moving_variance", variance.lerp(spread.detach(), 1 - p.momentum))
    return y.to(x.dtype) if x.is_floating_point() else y


def features_second(x: Tensor, axis: int) -> Tensor:
    """The view that torch's kernel wants; with the features last, no memory moves."""
    return x.flatten(0, -2) if axis == x.ndim - 1 else x.movedim(axis, 1)


def features_back(y: Tensor, x: Tensor, axis: int) -> Tensor:
    return y.reshape(x.shape) if axis == x.ndim - 1 else y.movedim(1, axis)


def masked_moments(x: Tensor, mask: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Mean and biased variance of each feature, over the steps that are not masked."""
    over = [index for index in range(x.ndim) if index != axis]
    counts = mask.reshape(mask.shape + (1,) * (x.ndim - mask.ndim)).expand(x.shape)
    number = counts.sum(dim=over, keepdim=True).to(x.dtype) + 1e-7
    zero = torch.zeros((), dtype=x.dtype, device=x.device)
    mean = torch.where(counts, x, zero).sum(dim=over, keepdim=True) / number
    squares = torch.where(counts, x - mean, zero).square()
    variance = squares.sum(dim=over, keepdim=True) / number
    return mean.flatten(), variance.flatten()  # (features,), (features,)


def scaled(
    x: Tensor,
    mean: Tensor,
    variance: Tensor,
    gamma: Tensor | None,
    beta: Tensor | None,
    axis: int,
    epsilon: float,
) -> Tensor:
    """`(x - mean) / sqrt(variance + epsilon) * gamma + beta` along one axis."""
    shape = [1] * x.ndim
    shape[axis] = -1
    factor = (variance + epsilon).rsqrt()
    factor = factor if gamma is None else factor * gamma
    y = (x - mean.reshape(shape)) * factor.reshape(shape)
    return y if beta is None else y + beta.reshape(shape)


@lowers(LayerNormalization)
def layer_normalization(p: LayerNormalization, w: Any, x: Tensor) -> Tensor:
    wide = x if x.dtype == torch.float64 else x.float()
    axes = [axis + 1 for axis in p.over(tuple(x.shape[1:]))]
    gamma = w.gamma.to(wide.dtype) if p.scale else None
    beta = w.beta.to(wide.dtype) if p.center else None
    last = list(range(x.ndim - len(axes), x.ndim))
    moved = wide if axes == last else wide.movedim(axes, last)
    y = F.layer_norm(moved, moved.shape[-len(axes) :], gamma, beta, p.epsilon)
    y = y if axes == last else y.movedim(last, axes)
    return y.to(x.dtype) if x.is_floating_point() else y
