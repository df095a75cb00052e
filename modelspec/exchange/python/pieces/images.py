"""Images: padding by their sizes, and small random changes in training."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from modelspec.engine.layers.augmentation.tone import Tiles, filled, looked_up, tables


def pad_same(
    x: Tensor,
    size: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
    value: float = 0.0,
) -> Tensor:
    """Cells around (batch, channels, *space), so that a window finds ceil(length / stride) places;
    the odd one goes to the end.
    """
    around: list[int] = []
    for length, k, s, d in zip(x.shape[2:], size, stride, dilation, strict=True):
        total = max((-(-length // s) - 1) * s + d * (k - 1) + 1 - length, 0)
        around = [total // 2, total - total // 2, *around]
    return F.pad(x, around, value=value)


def each_image(x: Tensor, low: float, high: float) -> Tensor:
    """One number for each image, between these: (batch, 1, 1, 1)."""
    return x.new_empty(len(x), 1, 1, 1).uniform_(low, high)


class RandomFlip(nn.Module):
    """Mirrors half of the images along `axes` in training."""

    def __init__(self, axes: Sequence[int]) -> None:
        super().__init__()
        self.axes = tuple(axes)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        return torch.where(each_image(x, 0, 1) < 0.5, x.flip(self.axes), x)


class RandomBrightness(nn.Module):
    """Adds a number between these to each image in training, within `limits`."""

    def __init__(self, low: float, high: float, limits: tuple[float, float]) -> None:
        super().__init__()
        self.low, self.high, self.limits = low, high, limits

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        return (x + each_image(x, self.low, self.high)).clamp(*self.limits)


class RandomContrast(nn.Module):
    """Scales each channel around its mean over `space` in training, within `limits`."""

    def __init__(
        self, low: float, high: float, limits: tuple[float, float], space: tuple[int, int]
    ) -> None:
        super().__init__()
        self.low, self.high, self.limits, self.space = low, high, limits, space

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        mean = x.mean(self.space, keepdim=True)
        return ((x - mean) * each_image(x, self.low, self.high) + mean).clamp(*self.limits)


def auto_contrast(x: Tensor, low: float, high: float, space: tuple[int, int]) -> Tensor:
    """Each channel spread over the whole range from `low` to `high`."""
    tones = x if (low, high) == (0, 255) else (x - low) / (high - low) * 255
    least, most = tones.amin(space, keepdim=True), tones.amax(space, keepdim=True)
    scale = 255.0 / torch.where(most == least, 1.0, most - least)
    spread = (tones * scale - least * scale).clamp(0, 255)
    spread = spread if (low, high) == (0, 255) else spread / 255 * (high - low) + low
    return torch.where(most == least, x, spread)


def equalized_by_tiles(
    x: Tensor, low: float, high: float, grid: tuple[int, int], limit: float
) -> Tensor:
    """Each channel of (batch, channels, height, width) equalized by the histograms of tiles around
    (contrast limited adaptive histogram equalization).
    """
    planes = x if (low, high) == (0, 255) else (x - low) / (high - low) * 255
    height, width = planes.shape[2:]
    tiles = Tiles(grid, (-(-height // grid[0]), -(-width // grid[1])))
    tones = filled(planes, *tiles.whole).to(torch.int32).clamp(0, 255).long()
    made = looked_up(tables(tones, tiles, limit), tones, tiles)[:, :, :height, :width]
    return made if (low, high) == (0, 255) else made / 255 * (high - low) + low
