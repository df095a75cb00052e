"""Sound as pictures of its frequencies over time."""

from __future__ import annotations

from torch import Tensor


def decibels(power: Tensor, reference: float, least: float, most: float) -> Tensor:
    """Power on a logarithmic scale, at most `most` decibels below its peak."""
    zero = power.new_tensor(abs(reference)).clamp(min=least)
    found = 10 * power.clamp(min=least).log10() - 10 * zero.log10()
    return found.maximum(found.max() - most)
