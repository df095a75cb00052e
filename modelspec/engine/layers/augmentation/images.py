"""What layers that change images at random share: the lowering itself, and how images are sampled.

Each layer is a `Means`: `draw(p, shape, random)`, which sees the shape of the images alone, and
`apply(p, x, drawn)`, which is a function of the images and what was drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from modelspec.engine.lowering import lowers
from modelspec.engine.random import Random
from modelspec.language.layer import Layer


class Means(NamedTuple):
    """How a layer changes images."""

    draw: Callable[[Any, tuple[int, ...], Random], Any]
    apply: Callable[[Any, Tensor, Any], Tensor]


def lowering_of(means: Mapping[type[Layer], Means]) -> Callable[..., Tensor]:
    """The lowering of layers that change images in training alone."""

    def augmented(
        p: Any, w: Any, x: Tensor, *, training: bool, random: Random, compute: torch.dtype
    ) -> Tensor:
        x = x.to(compute)
        if not training:
            return x
        draw, apply = means[type(p)]
        return apply(p, x, draw(p, tuple(x.shape), random))

    for layer in means:
        lowers(layer)(augmented)
    return augmented


def nothing(p: Any, shape: tuple[int, ...], random: Random) -> None:
    """What a layer draws that draws nothing."""


def is_first(p: Any) -> bool:
    """Whether the channels come before height and width."""
    return bool(p.data_format == "channels_first")


def extent(p: Any, shape: tuple[int, ...]) -> tuple[int, int]:
    """Height and width of images."""
    return (shape[2], shape[3]) if is_first(p) else (shape[1], shape[2])


def space(p: Any) -> tuple[int, int]:
    """The axes of height and width."""
    return (2, 3) if is_first(p) else (1, 2)


def each(drawn: Tensor, x: Tensor) -> Tensor:
    """One value for each image, as it goes with images; (batch, 1, 1, 1)."""
    wide = drawn[:, None, None, None]
    return wide if wide.dtype == torch.bool else wide.to(x.dtype)


def channels_last(p: Any, x: Tensor) -> Tensor:
    return x.movedim(1, -1) if is_first(p) else x  # (batch, height, width, channels)


def channels_first(p: Any, x: Tensor) -> Tensor:
    return x if is_first(p) else x.movedim(-1, 1)  # (batch, channels, height, width)


def from_last(p: Any, x: Tensor) -> Tensor:
    """Images with channels last, as the layer gives them."""
    return x.movedim(-1, 1) if is_first(p) else x


def from_first(p: Any, x: Tensor) -> Tensor:
    """Images with channels first, as the layer gives them."""
    return x if is_first(p) else x.movedim(1, -1)


def chance(factor: tuple[float, float], batch: int, random: Random) -> Tensor:
    """Which images change: each with a probability of its own, drawn from `factor`; (batch,)."""
    probability = random.uniform((batch,), *factor)
    return random.uniform((batch,)) < probability


def scaled(x: Tensor, source: tuple[float, float], target: tuple[float, float]) -> Tensor:
    """Values of one range, in another."""
    if source == target:
        return x
    share = (x - source[0]) / (source[1] - source[0])
    return share * (target[1] - target[0]) + target[0]


def neighbours(at: Tensor, interpolation: str) -> list[tuple[Tensor, Tensor | float]]:
    """The cells that a value between cells comes from, with their weights."""
    if interpolation == "nearest":
        return [(at.round().long(), 1.0)]
    below = at.floor()
    share = at - below
    return [(below.long(), 1 - share), (below.long() + 1, share)]


def brought_in(index: Tensor, size: int, fill_mode: str) -> Tensor:
    """The cells within an image of `size` that stand for those beyond its edges."""
    if fill_mode == "wrap":
        return index % size
    if fill_mode == "reflect":  # d c b a | a b c d | d c b a
        index = index % (2 * size)
        return torch.minimum(index, 2 * size - 1 - index)
    if fill_mode == "mirror":  # d c b | a b c d | c b a
        period = max(2 * (size - 1), 1)
        index = index % period
        return torch.minimum(index, period - index)
    return index.clamp(0, size - 1)


def sampled(
    x: Tensor, rows: Tensor, columns: Tensor, interpolation: str, fill_mode: str, fill_value: float
) -> Tensor:
    """The values of images (batch, height, width, channels) at (batch, rows, columns) between
    their cells.
    """
    batch, height, width, channels = x.shape
    cells = x.reshape(batch, height * width, channels)
    total: Tensor | float = 0.0
    for row, down in neighbours(rows, interpolation):
        for column, across in neighbours(columns, interpolation):
            index = brought_in(row, height, fill_mode) * width
            index = (index + brought_in(column, width, fill_mode)).flatten(1)[..., None]
            value = cells.gather(1, index.expand(-1, -1, channels))  # (batch, cells, channels)
            value = value.reshape(batch, *rows.shape[1:], channels)
            if fill_mode == "constant":
                inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
                value = torch.where(inside[..., None], value, fill_value)
            total = total + weighted(value, down, across)
    assert isinstance(total, Tensor)
    return total.to(x.dtype)


def weighted(value: Tensor, down: Tensor | float, across: Tensor | float) -> Tensor:
    weight = down * across
    return value * (weight[..., None] if isinstance(weight, Tensor) else weight)


def grid(extents: Iterable[int], device: torch.device | str) -> tuple[Tensor, Tensor]:
    """The row and the column of each cell; (height, width) each."""
    height, width = extents
    rows = torch.arange(height, device=device, dtype=torch.float32)
    columns = torch.arange(width, device=device, dtype=torch.float32)
    return rows[:, None].expand(height, width), columns.expand(height, width)


def blurred(x: Tensor, sizes: tuple[int, int], sigmas: tuple[Any, Any]) -> Tensor:
    """Images (batch, channels, height, width), each cell the average of those around it by a bell
    of these sizes and standard deviations, down and across; zero beyond the edges.
    """
    channels = x.shape[1]
    for axis, (size, sigma) in enumerate(zip(sizes, sigmas, strict=True)):
        shape = (1, 1, size, 1) if axis == 0 else (1, 1, 1, size)
        padding = (size // 2, 0) if axis == 0 else (0, size // 2)
        kernel = bell(size, sigma, x).reshape(shape).expand(channels, *shape[1:])
        x = F.conv2d(x, kernel, padding=padding, groups=channels)
    return x


def bell(size: int, sigma: Any, like: Tensor) -> Tensor:
    """A normal distribution on so many cells, with a sum of one; (size,)."""
    away = torch.arange(size, dtype=like.dtype, device=like.device) - (size - 1) / 2
    heights = torch.exp(-0.5 * (away / sigma) ** 2)
    return heights / heights.sum()
