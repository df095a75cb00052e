"""Integers as categories: vectors of them, and their places in a vocabulary."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def counted(index: Tensor, depth: int, weights: Tensor | None = None) -> Tensor:
    """How often each sample of integers (batch, values) has each of 0 to depth - 1, or the sum of
    their weights; negative integers count as nothing.
    """
    ones = torch.ones(index.shape, device=index.device) if weights is None else weights
    made = ones.new_zeros(len(index), depth + 1)
    home = torch.where(index < 0, depth, index).long()
    return made.scatter_add(1, home, ones)[:, :depth]  # (batch, depth)


class IntegerTable(nn.Module):
    """What each integer stands for, by a table of those that are known."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.tokens = nn.Buffer(torch.zeros(size, dtype=torch.int64))  # from the smallest up
        self.places = nn.Buffer(torch.zeros(size, dtype=torch.int64))

    def forward(self, x: Tensor, unknown: Tensor | int) -> Tensor:
        at = torch.searchsorted(self.tokens, x.long()).clamp(max=len(self.tokens) - 1)
        return torch.where(self.tokens[at] == x, self.places[at], unknown)


def sparsemax(x: Tensor, dim: int = -1) -> Tensor:
    """The nearest point of the probability simplex: `max(x - t, 0)`, with a sum of 1."""
    x = x.movedim(dim, -1)
    falling = x.sort(-1, descending=True).values
    sums = falling.cumsum(-1) - 1.0
    ranks = torch.arange(1, x.shape[-1] + 1, device=x.device, dtype=x.dtype)
    kept = (falling * ranks > sums).sum(-1, keepdim=True)
    t = sums.gather(-1, kept - 1) / kept
    return (x - t).clamp(0.0, 1.0).movedim(-1, dim)
