"""Layers that bring raw values and images into range and shape."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from modelspec.catalog.layers.preprocessing import CenterCrop, Normalization, Rescaling, Resizing
from modelspec.engine.lowering import lowers
from modelspec.engine.spatial import grid, ungrid

EPSILON = 1e-7


@lowers(Rescaling)
def rescaling(p: Rescaling, w: Any, x: Tensor, *, compute: torch.dtype) -> Tensor:
    x = x.to(compute)
    return x * number(p.scale, x) + number(p.offset, x)


def number(value: float | list[float], x: Tensor) -> float | Tensor:
    """A number, or one for each of the last axis."""
    return x.new_tensor(value) if isinstance(value, list) else value  # (features,)


@lowers(Normalization)
def normalization(p: Normalization, w: Any, x: Tensor, *, compute: torch.dtype) -> Tensor:
    x = x.to(compute)
    mean, variance = w.mean if p.adapts else p.mean, w.variance if p.adapts else p.variance
    middle = along(p, x, torch.as_tensor(mean)).to(x)
    spread = along(p, x, torch.as_tensor(variance)).to(x).sqrt().clamp(min=EPSILON)
    return x * spread + middle if p.invert else (x - middle) / spread


def along(p: Normalization, x: Tensor, value: Tensor) -> Tensor:
    """Values of the kept axes, aligned at the last of them, to be broadcast over a batch."""
    shape = [1] * x.ndim
    kept = p.kept(tuple(x.shape[1:]))
    for axis, length in zip(reversed(kept), reversed(value.shape), strict=False):
        shape[axis + 1] = length
    return value.reshape(shape)


@lowers(Resizing)
def resizing(p: Resizing, w: Any, x: Tensor) -> Tensor:
    images = grid(p, x)  # (batch, channels, height, width)
    wide = images if images.dtype in (torch.float32, torch.float64) else images.float()
    made = ungrid(p, resized(p, wide))
    if x.is_floating_point():
        return made.to(x.dtype)
    if x.dtype == torch.bool:
        return made.bool()
    limits = torch.iinfo(x.dtype)
    return made.round().clamp(limits.min, limits.max).to(x.dtype)


def resized(p: Resizing, x: Tensor) -> Tensor:
    size = (p.height, p.width)
    if p.crop_to_aspect_ratio:
        x = cropped(x, *size)
    elif p.pad_to_aspect_ratio:
        x = padded(x, *size, p.fill_value)
    if p.interpolation == "nearest":
        return F.interpolate(x, size, mode="nearest-exact")
    return F.interpolate(
        x, size, mode=p.interpolation, align_corners=False, antialias=p.antialias
    )  # (batch, channels, height, width)


def cropped(x: Tensor, height: int, width: int) -> Tensor:
    """The largest part in the middle of images with the ratio of a size."""
    own_height, own_width = x.shape[2:]
    tall = max(min(own_height, int(own_width * height / width)), 1)
    wide = max(min(own_width, int(own_height * width / height)), 1)
    x = x.narrow(2, (own_height - tall) // 2, tall)
    return x.narrow(3, (own_width - wide) // 2, wide)


def padded(x: Tensor, height: int, width: int, value: float) -> Tensor:
    """Images with as many cells at opposite sides as the ratio of a size asks for."""
    own_height, own_width = x.shape[2:]
    above = (max(own_height, int(own_width * height / width)) - own_height) // 2
    beside = (max(own_width, int(own_height * width / height)) - own_width) // 2
    return F.pad(x, (beside, beside, above, above), value=value)


@lowers(CenterCrop)
def center_crop(p: CenterCrop, w: Any, x: Tensor, *, compute: torch.dtype) -> Tensor:
    images = grid(p, x.to(compute))  # (batch, channels, height, width)
    tall, wide = images.shape[2] - p.height, images.shape[3] - p.width
    if tall >= 0 and wide >= 0:
        images = images.narrow(2, tall // 2, p.height).narrow(3, wide // 2, p.width)
        return ungrid(p, images)
    full = images if images.dtype == torch.float64 else images.float()
    made = F.interpolate(
        cropped(full, p.height, p.width), (p.height, p.width), mode="bilinear", align_corners=False
    )
    return ungrid(p, made.to(compute))
