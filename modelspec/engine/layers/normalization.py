"""Layers that bring their input to zero mean and unit variance."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from modelspec.catalog.layers.normalization import (
    BatchNormalization,
    GroupNormalization,
    LayerNormalization,
    RMSNormalization,
    SpectralNormalization,
    UnitNormalization,
)
from modelspec.engine.lowering import Masked, lowering, lowers

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
    compute: torch.dtype = torch.float32,
) -> Tensor:
    wide, own = widened(x), x.dtype if x.is_floating_point() else compute
    gamma, beta = affine(p, w, wide)
    mean = w.moving_mean.detach().to(wide.dtype)
    variance = w.moving_variance.detach().to(wide.dtype)
    axis = p.axis % x.ndim
    if training and p.renorm:
        now, spread = moments(wide, mask, axis)
        return renormalized(p, w, wide, now, spread, update).to(own)
    if training and mask is not None:
        now, spread = moments(wide, mask, axis)
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
    return y.to(own)


def widened(x: Tensor) -> Tensor:
    """At least float32, as in Keras: sums overflow half precision."""
    return x if x.dtype == torch.float64 else x.float()


def affine(p: Any, w: Any, x: Tensor) -> tuple[Tensor | None, Tensor | None]:
    """The weights gamma and beta in the dtype of `x`, where the layer has them."""
    gamma = w.gamma.to(x.dtype) if p.scale else None
    return gamma, w.beta.to(x.dtype) if p.center else None


def renormalized(
    p: BatchNormalization,
    w: Any,
    x: Tensor,
    mean: Tensor,
    variance: Tensor,
    update: Update,
) -> Tensor:
    """Normalized by the batch, and corrected towards statistics that move; they move on."""
    now, spread = mean.detach(), (variance.detach() + p.epsilon).sqrt()
    held_mean, held = w.renorm_mean.detach().to(x.dtype), w.renorm_stddev.detach().to(x.dtype)
    bounds: dict[str, float] = p.renorm_clipping or {}
    least = held.clamp_min(p.epsilon**0.5)  # early on it may be zero
    r = (spread / least).clamp(bounds.get("rmin", 0.0), bounds.get("rmax"))
    d = (now - held_mean) / least
    if "dmax" in bounds:
        d = d.clamp(-bounds["dmax"], bounds["dmax"])
    gamma, beta = affine(p, w, x)
    factor, offset = (r, d) if gamma is None else (r * gamma, d * gamma)
    offset = offset if beta is None else offset + beta
    moving_mean, moving = w.moving_mean.detach().to(x.dtype), w.moving_stddev.detach().to(x.dtype)
    moved = moving.lerp(spread, 1 - p.momentum)
    update("renorm_mean", held_mean.lerp(now, 1 - p.renorm_momentum))
    update("renorm_stddev", held.lerp(spread, 1 - p.renorm_momentum))
    update("moving_mean", moving_mean.lerp(now, 1 - p.momentum))
    update("moving_stddev", moved)
    update("moving_variance", torch.relu(moved.square() - p.epsilon))
    return scaled(x, mean, variance, factor, offset, p.axis % x.ndim, p.epsilon)


def features_second(x: Tensor, axis: int) -> Tensor:
    """The view that torch's kernel wants; with the features last, no memory moves."""
    return x.flatten(0, -2) if axis == x.ndim - 1 else x.movedim(axis, 1)


def features_back(y: Tensor, x: Tensor, axis: int) -> Tensor:
    return y.reshape(x.shape) if axis == x.ndim - 1 else y.movedim(1, axis)


def moments(x: Tensor, mask: Tensor | None, axis: int) -> tuple[Tensor, Tensor]:
    """Mean and biased variance of each feature, over the steps that are not masked."""
    over = [index for index in range(x.ndim) if index != axis]
    if mask is None:
        variance, mean = torch.var_mean(x, over, correction=0)
        return mean, variance  # (features,), (features,)
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
def layer_normalization(
    p: LayerNormalization, w: Any, x: Tensor, *, compute: torch.dtype = torch.float32
) -> Tensor:
    wide = widened(x)
    axes = [axis + 1 for axis in p.over(tuple(x.shape[1:]))]
    gamma, beta = affine(p, w, wide)
    last = list(range(x.ndim - len(axes), x.ndim))
    moved = wide if axes == last else wide.movedim(axes, last)
    y = F.layer_norm(moved, moved.shape[-len(axes) :], gamma, beta, p.epsilon)
    y = y if axes == last else y.movedim(last, axes)
    return y.to(x.dtype if x.is_floating_point() else compute)


@lowers(GroupNormalization)
def group_normalization(
    p: GroupNormalization, w: Any, x: Tensor, *, compute: torch.dtype = torch.float32
) -> Tensor:
    wide = widened(x)
    gamma, beta = affine(p, w, wide)
    if gamma is None and beta is not None:
        gamma = torch.ones_like(beta)  # torch's backward pass fails for an offset alone
    moved = wide.movedim(p.axis, 1)  # (batch, features, ...)
    groups = moved.shape[1] if p.groups == -1 else p.groups
    y = torch.group_norm(moved, groups, gamma, beta, p.epsilon).movedim(1, p.axis)
    return y.to(x.dtype if x.is_floating_point() else compute)


@lowers(RMSNormalization)
def rms_normalization(p: RMSNormalization, w: Any, x: Tensor) -> Tensor:
    wide = widened(x)
    axes = [axis + 1 for axis in p.over(tuple(x.shape[1:]))]
    scale: Tensor = w.scale.to(wide.dtype)
    if axes == list(range(x.ndim - len(axes), x.ndim)):
        return F.rms_norm(wide, scale.shape, scale, p.epsilon).to(x.dtype)
    spread = [x.shape[axis] if axis in axes else 1 for axis in range(x.ndim)]
    inverse = (wide.square().mean(axes, keepdim=True) + p.epsilon).rsqrt()
    return (wide * inverse * scale.reshape(spread)).to(x.dtype)


@lowers(UnitNormalization)
def unit_normalization(
    p: UnitNormalization, w: Any, x: Tensor, *, compute: torch.dtype = torch.float32
) -> Tensor:
    wide = widened(x)
    axes = [axis + 1 for axis in p.over(tuple(x.shape[1:]))]
    # The bound keeps a vector of zeros at zero, and its gradient finite.
    y = wide * wide.square().sum(axes, keepdim=True).clamp_min(1e-24).rsqrt()
    return y.to(x.dtype if x.is_floating_point() else compute)


@lowers(SpectralNormalization)
def spectral_normalization(
    p: SpectralNormalization, w: Any, x: Tensor, *, training: bool, update: Update
) -> Any:
    held = w.layer
    if training:
        kernel, vector = normalized(vars(held)[p.kernel], w.vector_u, p.power_iterations)
        update("vector_u", vector)
        update(f"layer.{p.kernel}", kernel)
        held = SimpleNamespace(**{**vars(held), p.kernel: kernel})
    made = lowering(type(p.inner)).function(p.inner, held, x)
    return made.value if isinstance(made, Masked) else made


def normalized(kernel: Tensor, vector: Tensor, iterations: int) -> tuple[Tensor, Tensor]:
    """The kernel over its largest singular value, and the vector that finds it next time.

    The new kernel is what training goes on from, so gradients reach the old one unchanged.
    """
    old = kernel.detach()
    matrix = old.flatten(0, -2)  # (rows, columns)
    right = vector.detach().to(old.dtype)  # (1, columns)
    for _ in range(iterations):
        left = F.normalize(right @ matrix.T)  # (1, rows)
        right = F.normalize(left @ matrix)
    largest = (left @ matrix @ right.T).squeeze()
    some = old.any()  # a kernel of zeros stays, and so does the vector
    change = torch.where(some, old / largest - old, 0)
    return kernel + change, torch.where(some, right.to(vector.dtype), vector)
