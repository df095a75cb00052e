"""Noise in training."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class GaussianNoise(nn.Module):
    """Adds noise around zero in training."""

    def __init__(self, stddev: float) -> None:
        super().__init__()
        self.stddev = stddev

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.randn_like(x) * self.stddev if self.training else x


class GaussianDropout(nn.Module):
    """Multiplies by noise around one in training, of the variance that dropping `rate` has."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.stddev = (rate / (1 - rate)) ** 0.5

    def forward(self, x: Tensor) -> Tensor:
        return x * (1 + torch.randn_like(x) * self.stddev) if self.training else x


class SharedDropout(nn.Module):
    """Dropout whose draws are shared along axes: `shape` has 1 there, and None for the others."""

    def __init__(self, rate: float, shape: tuple[int | None, ...]) -> None:
        super().__init__()
        self.rate, self.shape = rate, shape

    def forward(self, x: Tensor) -> Tensor:
        return x * F.dropout(self.ones(x), self.rate, self.training)

    def ones(self, x: Tensor) -> Tensor:
        """What is drawn for, before anything is dropped."""
        sizes = zip(self.shape, x.shape, strict=True)
        return x.new_ones([own if given is None else given for given, own in sizes])


class SharedAlphaDropout(SharedDropout):
    """The same for SELU: what is dropped takes its lowest value, and the moments stay."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        lowest = -1.7580993408473766
        factor: float = ((1 - self.rate) * (1 + self.rate * lowest**2)) ** -0.5
        keep = torch.rand_like(self.ones(x)) >= self.rate
        return factor * (torch.where(keep, x, lowest) - lowest * self.rate)
