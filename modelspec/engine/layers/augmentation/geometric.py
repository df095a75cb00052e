"""How torch moves, turns, stretches and bends images."""

from __future__ import annotations

from math import pi
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from modelspec.catalog.layers.augmentation.geometric import (
    RandomCrop,
    RandomElasticTransform,
    RandomFlip,
    RandomPerspective,
    RandomRotation,
    RandomShear,
    RandomTranslation,
    RandomZoom,
)
from modelspec.engine.layers.augmentation.images import (
    Means,
    blurred,
    chance,
    channels_first,
    channels_last,
    each,
    extent,
    from_first,
    from_last,
    grid,
    lowering_of,
    sampled,
    space,
)
from modelspec.engine.lowering import lowers
from modelspec.engine.random import Random

Shape = tuple[int, ...]


def draw_flip(p: RandomFlip, shape: Shape, random: Random) -> Tensor:
    return random.bernoulli((shape[0],), 0.5)  # (batch,)


def flip(p: RandomFlip, x: Tensor, drawn: Tensor) -> Tensor:
    down, across = space(p)
    axes = {"horizontal": [across], "vertical": [down]}.get(p.mode, [down, across])
    return torch.where(each(drawn, x), x.flip(axes), x)


class Matrix(NamedTuple):
    """Where each cell of the result comes from; (batch,) each.

    Column `a0 * column + a1 * row + a2`, and row `b0 * column + b1 * row + b2`.
    """

    a0: Tensor
    a1: Tensor
    a2: Tensor
    b0: Tensor
    b1: Tensor
    b2: Tensor


def warped(p: Any, x: Tensor, matrix: Matrix) -> Tensor:
    """The images, each cell taken from where the matrix says."""
    images = channels_last(p, x)
    row, column = grid(extent(p, x.shape), x.device)  # (height, width)
    a0, a1, a2, b0, b1, b2 = (part[:, None, None] for part in matrix)  # (batch, 1, 1)
    rows = b1 * row + b0 * column + b2  # (batch, height, width)
    columns = a1 * row + a0 * column + a2
    made = sampled(images, rows, columns, p.interpolation, p.fill_mode, p.fill_value)
    return from_last(p, made)


def draw_rotation(p: RandomRotation, shape: Shape, random: Random) -> Tensor:
    low, high = p.factor
    return random.uniform((shape[0],), low * 360, high * 360)  # degrees, (batch,)


def rotate(p: RandomRotation, x: Tensor, degrees: Tensor) -> Tensor:
    height, width = extent(p, x.shape)
    angle = degrees * (pi / 180)
    cos, sin = torch.cos(angle), torch.sin(angle)
    row, column = 0.5 * (height - 1), 0.5 * (width - 1)
    a2 = column - column * cos + row * sin
    b2 = row - column * sin - row * cos
    return warped(p, x, Matrix(cos, -sin, a2, sin, cos, b2))


def draw_zoom(p: RandomZoom, shape: Shape, random: Random) -> tuple[Tensor, Tensor]:
    """The factors of height and width; (batch,) each."""
    low, high = p.height_factor
    down = random.uniform((shape[0],), 1 + low, 1 + high)
    given: tuple[float, float] | None = p.width_factor
    if given is None:
        return down, down
    return down, random.uniform((shape[0],), 1 + given[0], 1 + given[1])


def zoom(p: RandomZoom, x: Tensor, drawn: tuple[Tensor, Tensor]) -> Tensor:
    down, across = drawn
    height, width = extent(p, x.shape)
    zero = torch.zeros_like(down)
    a2, b2 = (width - 1) / 2 * (1 - across), (height - 1) / 2 * (1 - down)
    return warped(p, x, Matrix(across, zero, a2, zero, down, b2))


def draw_translation(p: RandomTranslation, shape: Shape, random: Random) -> tuple[Tensor, Tensor]:
    """How many cells down and to the right; (batch,) each."""
    height, width = extent(p, shape)
    down = random.uniform((shape[0],), *p.height_factor) * height
    return down, random.uniform((shape[0],), *p.width_factor) * width


def translate(p: RandomTranslation, x: Tensor, drawn: tuple[Tensor, Tensor]) -> Tensor:
    down, right = drawn
    one, zero = torch.ones_like(down), torch.zeros_like(down)
    return warped(p, x, Matrix(one, zero, -right, zero, one, -down))


def draw_shear(p: RandomShear, shape: Shape, random: Random) -> tuple[Tensor, Tensor]:
    """The slant across and down, with one sign for both; (batch,) each."""
    sign = 1 - 2 * random.bernoulli((shape[0],), 0.5).float()
    down = random.uniform((shape[0],), *p.y_factor)
    return sign * random.uniform((shape[0],), *p.x_factor), sign * down


def shear(p: RandomShear, x: Tensor, drawn: tuple[Tensor, Tensor]) -> Tensor:
    across, down = drawn
    one, zero = torch.ones_like(down), torch.zeros_like(down)
    return warped(p, x, Matrix(one, across, zero, down, one, zero))


def draw_perspective(p: RandomPerspective, shape: Shape, random: Random) -> tuple[Tensor, Tensor]:
    """Which images change, (batch,), and where the corners go, (batch, 4, 2) as (x, y)."""
    changes = chance(p.factor, shape[0], random)
    shift = random.uniform((shape[0], 4, 2), -0.5 * p.scale, 0.5 * p.scale)
    start = corners(p, shape, shift)
    return changes, start + start * shift


def corners(p: RandomPerspective, shape: Shape, like: Tensor) -> Tensor:
    """The corners of images as (x, y): two above, two below; (4, 2)."""
    height, width = extent(p, shape)
    return like.new_tensor(
        [[0, 0], [width - 1, 0], [0, height - 1], [width - 1, height - 1]], dtype=torch.float32
    )


def change_perspective(p: RandomPerspective, x: Tensor, drawn: tuple[Tensor, Tensor]) -> Tensor:
    changes, ends = drawn
    starts = corners(p, x.shape, ends).expand_as(ends)
    a0, a1, a2, b0, b1, b2, c0, c1 = homography(ends, starts)[..., None, None].unbind(1)
    row, column = grid(extent(p, x.shape), x.device)
    depth = c0 * column + c1 * row + 1  # (batch, height, width)
    columns = (a0 * column + a1 * row + a2) / depth
    rows = (b0 * column + b1 * row + b2) / depth
    images = channels_last(p, x)
    made = sampled(images, rows, columns, p.interpolation, "constant", p.fill_value)
    return torch.where(each(changes, x), from_last(p, made), x)


def homography(source: Tensor, target: Tensor) -> Tensor:
    """The eight numbers of the map that takes four points to four others, (batch, 4, 2) each, with
    `x' = (a0 x + a1 y + a2) / (c0 x + c1 y + 1)`; (batch, 8).
    """
    x, y = source.unbind(-1)  # (batch, 4)
    one, zero = torch.ones_like(x), torch.zeros_like(x)
    u, v = target.unbind(-1)
    first = torch.stack([x, y, one, zero, zero, zero, -u * x, -u * y], -1)  # (batch, 4, 8)
    second = torch.stack([zero, zero, zero, x, y, one, -v * x, -v * y], -1)
    equations = torch.stack([first, second], 2).flatten(1, 2)  # (batch, 8, 8)
    solved: Tensor = torch.linalg.solve(equations, target.flatten(1))
    return solved


class Bend(NamedTuple):
    """What an elastic transform draws: which images bend, how far, and noise down and across."""

    changes: Tensor  # (batch,)
    strength: float
    down: Tensor  # (batch, height, width)
    across: Tensor


def draw_elastic(p: RandomElasticTransform, shape: Shape, random: Random) -> Bend:
    field = (shape[0], *extent(p, shape))
    changes = chance(p.factor, shape[0], random)
    strength = float(random.uniform((), *p.scale))
    return Bend(changes, strength, random.normal(field), random.normal(field))


def bend(p: RandomElasticTransform, x: Tensor, drawn: Bend) -> Tensor:
    if 0 in (p.scale[1], p.factor[1]):
        return x
    height, width = extent(p, x.shape)
    reach = max(height, width) * 0.1 * drawn.strength
    sigma = min(height, width) * 0.05 * drawn.strength
    size = int(6 * sigma) | 1
    noise = torch.stack([drawn.down, drawn.across], 1) * sigma  # (batch, 2, height, width)
    down, across = blurred(noise, (size, size), (sigma, sigma)).unbind(1)
    row, column = grid((height, width), x.device)
    rows, columns = row + reach * down, column + reach * across
    images = channels_last(p, x)
    made = sampled(images, rows, columns, p.interpolation, p.fill_mode, p.fill_value)
    return torch.where(each(drawn.changes, x), from_last(p, made), x).clamp(*p.value_range)


MEANS: dict[Any, Means] = {
    RandomFlip: Means(draw_flip, flip),
    RandomRotation: Means(draw_rotation, rotate),
    RandomZoom: Means(draw_zoom, zoom),
    RandomTranslation: Means(draw_translation, translate),
    RandomShear: Means(draw_shear, shear),
    RandomPerspective: Means(draw_perspective, change_perspective),
    RandomElasticTransform: Means(draw_elastic, bend),
}
moved = lowering_of(MEANS)


def draw_crop(p: RandomCrop, shape: Shape, random: Random) -> tuple[int, int]:
    """The upper left cell of the window, one for the batch."""
    height, width = extent(p, shape)
    down = random.integers((), 0, height - p.height + 1)
    return int(down), int(random.integers((), 0, width - p.width + 1))


def crop(p: RandomCrop, x: Tensor, drawn: tuple[int, int]) -> Tensor:
    down, across = space(p)
    return x.narrow(down, drawn[0], p.height).narrow(across, drawn[1], p.width)


@lowers(RandomCrop)
def random_crop(
    p: RandomCrop, w: Any, x: Tensor, *, training: bool, random: Random, compute: torch.dtype
) -> Tensor:
    x = x.to(compute)
    height, width = extent(p, x.shape)
    if training and height > p.height and width > p.width:
        return crop(p, x, draw_crop(p, tuple(x.shape), random))
    fits = min(height, width * p.height // p.width), min(width, height * p.width // p.height)
    return middle(p, x, *fits)


def middle(p: RandomCrop, x: Tensor, height: int, width: int) -> Tensor:
    """The middle of images, of this size but at least a cell, resized to the layer's."""
    height, width = max(height, 1), max(width, 1)
    images = channels_first(p, x)
    top, left = (images.shape[2] - height) // 2, (images.shape[3] - width) // 2
    window = images[:, :, top : top + height, left : left + width]
    if (height, width) != (p.height, p.width):
        window = F.interpolate(window, (p.height, p.width), mode="bilinear", align_corners=False)
    return from_first(p, window)
