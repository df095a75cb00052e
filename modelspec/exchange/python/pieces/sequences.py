"""Sequences with masks: valid steps run first, and what they give goes back where it belongs."""

from __future__ import annotations

import torch
from torch import Tensor


def valid_steps_first(x: Tensor, mask: Tensor) -> Tensor:
    """The steps of `x` (batch, time, ...) with those that the mask leaves out at the end."""
    return steps_at(x, torch.argsort((~mask).to(torch.uint8), dim=1, stable=True))


def steps_at(x: Tensor, index: Tensor) -> Tensor:
    """The steps of `x` (batch, time, ...) at `index` (batch, steps); below 0 is the first."""
    index = index.clamp(min=0).reshape(*index.shape, *[1] * (x.ndim - 2))
    return x.gather(1, index.expand(-1, -1, *x.shape[2:]))


def held_over_masked(outputs: Tensor, mask: Tensor) -> Tensor:
    """Outputs of valid steps that ran first, back in their order.

    A masked step has the output of the last valid step before it, or zeros.
    """
    seen = mask.cumsum(1)  # (batch, time)
    some = (seen > 0).reshape(*seen.shape, *[1] * (outputs.ndim - 2))
    return steps_at(outputs, seen - 1).where(some, 0)


def last_valid(outputs: Tensor, mask: Tensor, start: Tensor | float = 0.0) -> Tensor:
    """The output of the last valid step, (batch, ...), or `start` where there is none."""
    count = mask.sum(1, keepdim=True)  # (batch, 1)
    last = steps_at(outputs, count - 1)[:, 0]
    return last.where((count > 0).reshape(-1, *[1] * (last.ndim - 1)), start)
