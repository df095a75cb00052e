"""What the values of a target were, noted as they were read."""

from __future__ import annotations

import math

import torch
from torch import Tensor

NEAR = 1e-3


class Seen:
    """The targets of one output: how many samples, the range of their values, and whether each
    vector of several adds up to 1. `ignored` is a value that does not count.
    """

    __slots__ = ("count", "high", "ignored", "low", "sums")

    def __init__(self, ignored: int | None = None) -> None:
        self.count, self.low, self.high = 0, math.inf, -math.inf
        self.sums, self.ignored = True, ignored

    def add(self, values: Tensor) -> None:
        """Note some samples (batch, ...)."""
        self.count += len(values)
        if self.sums and values.ndim > 1 and values.shape[-1] > 1 and values.is_floating_point():
            self.sums = bool(((values.sum(-1) - 1).abs() <= NEAR).all())
        if self.ignored is not None:
            values = values[values != self.ignored]
        if values.numel():
            low, high = torch.aminmax(values)
            self.low, self.high = min(self.low, float(low)), max(self.high, float(high))
