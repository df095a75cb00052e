"""Images turned, zoomed and moved at random in training."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from modelspec.engine.layers.augmentation.images import grid, sampled

#: How cells between cells and beyond the edges are found: interpolation, fill mode, fill value.
Filling = tuple[str, str, float]


def drawn_each(x: Tensor, limits: tuple[float, float]) -> Tensor:
    """One number for each image, between these: (batch,)."""
    return torch.empty(len(x), device=x.device).uniform_(*limits)


def warped(x: Tensor, matrix: Sequence[Tensor], filling: Filling) -> Tensor:
    """Images (batch, height, width, channels), each cell taken from the column
    `a0 * column + a1 * row + a2` and the row `b0 * column + b1 * row + b2`.
    """
    row, column = grid(x.shape[1:3], x.device)
    a0, a1, a2, b0, b1, b2 = (part[:, None, None] for part in matrix)
    rows, columns = b1 * row + b0 * column + b2, a1 * row + a0 * column + a2
    return sampled(x, rows, columns, *filling)


class RandomRotation(nn.Module):
    """Turns each of the images (batch, height, width, channels) by an angle in radians between
    these in training.
    """

    def __init__(self, limits: tuple[float, float], filling: Filling) -> None:
        super().__init__()
        self.limits, self.filling = limits, filling

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        angle = drawn_each(x, self.limits)
        cos, sin = torch.cos(angle), torch.sin(angle)
        row, column = 0.5 * (x.shape[1] - 1), 0.5 * (x.shape[2] - 1)
        a2, b2 = column - column * cos + row * sin, row - column * sin - row * cos
        return warped(x, (cos, -sin, a2, sin, cos, b2), self.filling)


class RandomZoom(nn.Module):
    """Zooms each of the images (batch, height, width, channels) in training: how much of the height
    and of the width is seen; of both the same where no width is given.
    """

    def __init__(
        self, down: tuple[float, float], across: tuple[float, float] | None, filling: Filling
    ) -> None:
        super().__init__()
        self.down, self.across, self.filling = down, across, filling

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        down = drawn_each(x, self.down)
        across = down if self.across is None else drawn_each(x, self.across)
        zero = torch.zeros_like(down)
        a2, b2 = (x.shape[2] - 1) / 2 * (1 - across), (x.shape[1] - 1) / 2 * (1 - down)
        return warped(x, (across, zero, a2, zero, down, b2), self.filling)


class RandomTranslation(nn.Module):
    """Moves each of the images (batch, height, width, channels) in training, down and to the right,
    by shares of the height and the width.
    """

    def __init__(
        self, down: tuple[float, float], across: tuple[float, float], filling: Filling
    ) -> None:
        super().__init__()
        self.down, self.across, self.filling = down, across, filling

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        down = drawn_each(x, self.down) * x.shape[1]
        right = drawn_each(x, self.across) * x.shape[2]
        one, zero = torch.ones_like(down), torch.zeros_like(down)
        return warped(x, (one, zero, -right, zero, one, -down), self.filling)
