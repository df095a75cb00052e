"""How torch changes the tones of images, and their sharpness."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from modelspec.catalog.layers.augmentation.tone import (
    AutoContrast,
    ContrastLimitedAdaptiveHistogramEqualization,
    Equalization,
    RandomGaussianBlur,
    RandomPosterization,
    RandomSharpness,
    Solarization,
)
from modelspec.engine.layers.augmentation.images import (
    Means,
    blurred,
    brought_in,
    chance,
    channels_first,
    each,
    from_first,
    lowering_of,
    nothing,
    scaled,
    space,
)
from modelspec.engine.lowering import lowers
from modelspec.engine.random import Random

Shape = tuple[int, ...]
BYTES = (0.0, 255.0)


def draw_bits(p: RandomPosterization, shape: Shape, random: Random) -> Tensor:
    """How many bits each image keeps; (batch,)."""
    low, high = (int(bits) for bits in p.factor)
    return random.integers((shape[0],), low, max(high, low + 1))


def posterize(p: RandomPosterization, x: Tensor, bits: Tensor) -> Tensor:
    step = 2 ** (8 - bits[:, None, None, None])  # (batch, 1, 1, 1)
    whole = scaled(x, p.value_range, BYTES).clamp(*BYTES).to(torch.int32)
    return scaled((whole // step * step).to(x.dtype), BYTES, p.value_range)


def draw_solarization(p: Solarization, shape: Shape, random: Random) -> tuple[Tensor, Tensor]:
    """What is added, and the threshold, in 255ths of the range; (batch,) each."""
    (least, most), (low, high) = p.addition_factor, p.threshold_factor
    added = random.uniform((shape[0],), least, most * 255)
    return added, random.uniform((shape[0],), low, high * 255)


def solarize(p: Solarization, x: Tensor, drawn: tuple[Tensor, Tensor]) -> Tensor:
    added, threshold = (each(one, x) for one in drawn)
    tones = (scaled(x, p.value_range, BYTES) + added).clamp(*BYTES)
    tones = torch.where(tones < threshold, tones, 255 - tones)
    return scaled(tones, BYTES, p.value_range)


def equalize(p: Equalization, x: Tensor, drawn: None) -> Tensor:
    planes = scaled(channels_first(p, x), p.value_range, BYTES)
    made = torch.stack([equalized(plane, p.bins) for plane in planes.unbind(1)], 1)
    return scaled(from_first(p, made), BYTES, p.value_range)


def equalized(plane: Tensor, bins: int) -> Tensor:
    """One channel of all images, (batch, height, width), of values from 0 to 255."""
    bin_of = (plane.float() * (bins - 1) / 255).to(torch.int32).clamp(0, bins - 1)
    counts = torch.bincount(bin_of.flatten(), minlength=bins)
    if int((counts > 0).sum()) <= 1:
        return plane
    below = counts.cumsum(0)
    first = below[below > 0][0]
    table = ((below - first) * 255 / (below[-1] - first)).round().clamp(0, 255)
    place = (plane / 255.0 * (bins - 1)).clamp(0, bins - 1).to(torch.int32)
    return table.to(plane.dtype)[place.long()]


def stretch(p: AutoContrast, x: Tensor, drawn: None) -> Tensor:
    tones = scaled(x, p.value_range, BYTES)
    low, high = tones.amin(space(p), keepdim=True), tones.amax(space(p), keepdim=True)
    flat = high == low
    scale = 255.0 / torch.where(flat, 1.0, high - low)
    spread = (tones * scale - low * scale).clamp(*BYTES)
    return torch.where(flat, x, scaled(spread, BYTES, p.value_range))


def draw_sharpness(p: RandomSharpness, shape: Shape, random: Random) -> Tensor:
    return random.uniform((shape[0],), *p.factor)  # (batch,)


def sharpen(p: RandomSharpness, x: Tensor, factor: Tensor) -> Tensor:
    planes = channels_first(p, x)
    channels = planes.shape[1]
    kernel = planes.new_full((3, 3), 1 / 13)
    kernel[1, 1] = 5 / 13
    kernel = kernel.expand(channels, 1, 3, 3)
    soft = F.conv2d(planes, kernel, padding=1, groups=channels)
    made = planes + (1 - 2 * each(factor, x)) * (soft - planes)
    return from_first(p, made.clamp(*p.value_range))


def draw_blur(p: RandomGaussianBlur, shape: Shape, random: Random) -> tuple[Tensor, Tensor]:
    """Which images are blurred, (batch,), and the blur's width down and across, (2,)."""
    changes = chance(p.factor, shape[0], random)
    return changes, random.uniform((2,), *p.sigma) + 1e-6


def blur(p: RandomGaussianBlur, x: Tensor, drawn: tuple[Tensor, Tensor]) -> Tensor:
    changes, sigma = drawn
    down, across = sigma.unbind()
    sizes = (p.kernel_size[0], p.kernel_size[1])
    made = from_first(p, blurred(channels_first(p, x), sizes, (down, across)))
    return torch.where(each(changes, x), made, x).clamp(*p.value_range)


MEANS: dict[Any, Means] = {
    RandomPosterization: Means(draw_bits, posterize),
    Solarization: Means(draw_solarization, solarize),
    RandomSharpness: Means(draw_sharpness, sharpen),
    RandomGaussianBlur: Means(draw_blur, blur),
}
toned = lowering_of(MEANS)
MEANS |= {AutoContrast: Means(nothing, stretch), Equalization: Means(nothing, equalize)}


@lowers(Equalization)
def equalization(
    p: Equalization, w: Any, x: Tensor, *, training: bool, compute: torch.dtype
) -> Tensor:
    x = x.to(compute)
    return equalize(p, x, None) if training else x


@lowers(AutoContrast)
def auto_contrast(p: AutoContrast, w: Any, x: Tensor, *, compute: torch.dtype) -> Tensor:
    return stretch(p, x.to(compute), None)


class Tiles(NamedTuple):
    """How images are cut: how many tiles, and the size of each, down and across."""

    counts: tuple[int, int]
    size: tuple[int, int]

    @property
    def whole(self) -> tuple[int, int]:
        """The size of all of them together."""
        return self.counts[0] * self.size[0], self.counts[1] * self.size[1]


@lowers(ContrastLimitedAdaptiveHistogramEqualization)
def clahe(
    p: ContrastLimitedAdaptiveHistogramEqualization, w: Any, x: Tensor, *, compute: torch.dtype
) -> Tensor:
    x = x.to(compute)
    planes = scaled(channels_first(p, x).float(), p.value_range, BYTES)
    height, width = planes.shape[2:]
    down, across = p.tile_grid_size
    tiles = Tiles((down, across), (-(-height // down), -(-width // across)))
    tones = filled(planes, *tiles.whole).to(torch.int32).clamp(0, 255).long()
    made = looked_up(tables(tones, tiles, p.clip_limit), tones, tiles)[:, :, :height, :width]
    return from_first(p, scaled(made, BYTES, p.value_range).to(x.dtype))


def filled(x: Tensor, height: int, width: int) -> Tensor:
    """Images (..., height, width) made larger, mirrored at their lower and right edges."""
    rows = brought_in(torch.arange(height, device=x.device), x.shape[-2], "reflect")
    columns = brought_in(torch.arange(width, device=x.device), x.shape[-1], "reflect")
    return x[..., rows[:, None], columns]


def tables(tones: Tensor, tiles: Tiles, clip_limit: float) -> Tensor:
    """What each tone becomes by each tile's histogram; (images, down, across, 256).

    `tones` are integers (batch, channels, height, width); each channel is an image.
    """
    (down, across), (height, width) = tiles
    cells = height * width
    split = tones.reshape(-1, down, height, across, width).transpose(2, 3).flatten(3)
    counts = tones.new_zeros((*split.shape[:3], 256), dtype=torch.float32)
    counts.scatter_add_(3, split, torch.ones((), device=tones.device).expand(split.shape))
    if clip_limit > 0:
        kept = counts.clamp(0, clip_limit * cells / 256)
        counts = kept + (counts - kept).sum(-1, keepdim=True) / 256
    below = counts.cumsum(-1)
    least = below[..., :1]
    others = cells - least
    made: Tensor = (below - least) * 255 / torch.where(others == 0, 1.0, others)
    return made.clamp(*BYTES)


def looked_up(table: Tensor, tones: Tensor, tiles: Tiles) -> Tensor:
    """Each tone by the tables of the four nearest tiles, weighted by how near they are."""
    images, down, across, _ = table.shape
    index = tones.flatten(0, 1)  # (images, height, width)
    image = torch.arange(images, device=tones.device)[:, None, None]
    total = torch.zeros(index.shape, device=tones.device)
    for row, near in tiles_near(tiles.size[0], down, tones.device):
        for column, close in tiles_near(tiles.size[1], across, tones.device):
            weight = near[:, None] * close  # (height, width)
            total = total + weight * table[image, row[:, None], column, index]
    return total.reshape(tones.shape)


def tiles_near(size: int, count: int, device: torch.device) -> list[tuple[Tensor, Tensor]]:
    """Along one axis, the two tiles whose middles lie around each cell, with their weights."""
    at = (torch.arange(size * count, device=device, dtype=torch.float32) - size / 2) / size
    before = at.floor()
    share = at - before
    index = before.long()
    return [
        (index.clamp(0, count - 1), 1 - share),
        ((index + 1).clamp(0, count - 1), share),
    ]
