"""How torch puts noise, or parts of other images, into images."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from modelspec.catalog.layers.augmentation.mixing import CutMix, MixUp, RandomErasing
from modelspec.engine.layers.augmentation.images import (
    Means,
    chance,
    each,
    extent,
    grid,
    is_first,
    lowering_of,
)
from modelspec.engine.random import Random

Shape = tuple[int, ...]


class Box(NamedTuple):
    """A rectangle in each image, in cells; (batch,) each."""

    left: Tensor
    right: Tensor
    top: Tensor
    bottom: Tensor

    def inside(self, p: Any, x: Tensor) -> Tensor:
        """Which cells of images lie in it; (batch, height, width, 1), or channels first."""
        row, column = grid(extent(p, x.shape), x.device)  # (height, width)
        left, right, top, bottom = (edge[:, None, None] for edge in self)
        found = (column >= left) & (column < right) & (row >= top) & (row < bottom)
        return found[:, None] if is_first(p) else found[..., None]


def draw_box(p: Any, shape: Shape, across: Tensor, down: Tensor, random: Random) -> Box:
    """A rectangle anywhere, of these shares of width and height; (batch,) each."""
    height, width = extent(p, shape)
    edges: list[Tensor] = []
    for share, length in ((across, width), (down, height)):
        start = random.uniform((shape[0],)) * (length - share * length)
        edges += [start, start + share * length]
    return Box(*edges)


class Erasure(NamedTuple):
    """What random erasing draws: which images, which part of them, and what comes there."""

    changes: Tensor  # (batch,)
    box: Box
    fill: Tensor  # of the images' shape, or one that broadcasts to it


def draw_erasure(p: RandomErasing, shape: Shape, random: Random) -> Erasure:
    shares = random.uniform((shape[0], 2), *p.scale).sqrt()
    box = draw_box(p, shape, shares[:, 0], shares[:, 1], random)
    changes = chance(p.factor, shape[0], random)
    if p.fill_value is None:
        fill = random.normal(shape) * p.value_range[1]
    else:
        fill = shares.new_tensor(p.fill_value)
    if is_first(p) and isinstance(p.fill_value, list):
        fill = fill[:, None, None]  # (channels, 1, 1)
    return Erasure(changes, box, fill.clamp(*p.value_range))


def erase(p: RandomErasing, x: Tensor, drawn: Erasure) -> Tensor:
    changes = each(drawn.changes, x) & drawn.box.inside(p, x)
    return torch.where(changes, drawn.fill.to(x.dtype), x)


def log_gamma(alpha: float, shape: Shape, random: Random) -> Tensor:
    """The logarithm of draws from Gamma(alpha), which for a small alpha are too small themselves:
    Gamma(a) is Gamma(a + 1) * U ** (1 / a).
    """
    larger = torch.full(shape, alpha + 1, dtype=torch.float64, device=random.device)
    drawn = torch._standard_gamma(larger, generator=random.generator)
    return drawn.log() + (1 - random.uniform(shape).double()).log() / alpha


def beta(alpha: float, shape: Shape, random: Random) -> Tensor:
    """Draws from Beta(alpha, alpha)."""
    apart = log_gamma(alpha, shape, random) - log_gamma(alpha, shape, random)
    return apart.sigmoid().float()


def dirichlet(alpha: float, count: int, random: Random) -> Tensor:
    """Weights with a sum of one; (count,)."""
    return log_gamma(alpha, (count,), random).softmax(0).float()


def draw_others(shape: Shape, random: Random) -> Tensor:
    """For each image another one, or itself: a permutation; (batch,)."""
    return torch.randperm(shape[0], generator=random.generator, device=random.device)


def draw_mix(p: MixUp, shape: Shape, random: Random) -> tuple[Tensor, Tensor]:
    """The weight of each image, and which one it is mixed with; (batch,) each."""
    return beta(p.alpha, (shape[0],), random), draw_others(shape, random)


def mix_up(p: MixUp, x: Tensor, drawn: tuple[Tensor, Tensor]) -> Tensor:
    weight, others = each(drawn[0], x), drawn[1]
    return weight * x + (1 - weight) * x[others]


def draw_cut(p: CutMix, shape: Shape, random: Random) -> tuple[Box, Tensor]:
    """A rectangle in each image, and which image fills it."""
    alpha = float(random.uniform((), *p.factor)) + 1e-6
    side = (1 - beta(alpha, (shape[0],), random)).sqrt()
    return draw_box(p, shape, side, side, random), draw_others(shape, random)


def cut_mix(p: CutMix, x: Tensor, drawn: tuple[Box, Tensor]) -> Tensor:
    box, others = drawn
    return torch.where(box.inside(p, x), x[others], x)


MEANS: dict[Any, Means] = {
    RandomErasing: Means(draw_erasure, erase),
    MixUp: Means(draw_mix, mix_up),
    CutMix: Means(draw_cut, cut_mix),
}
mixed = lowering_of(MEANS)
