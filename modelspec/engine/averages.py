"""Moving averages of weights, and sums of gradients over the steps of one update."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from modelspec.catalog.optimizers import Optimizer

State = dict[str, list[Tensor]]


def updates(word: Optimizer, count: int) -> int:
    """How many updates have begun in so many steps."""
    steps: Any = word.gradient_accumulation_steps  # may be None
    return count if steps is None else -(-count // steps)


@torch.no_grad()
def gathered(
    word: Optimizer, state: State, used: list[int], grads: list[Tensor], count: int
) -> list[Tensor] | None:
    """The gradients of an update, or None where step `count` only adds to them.

    `used` are the weights that these gradients are of; the sums start anew after an update.
    """
    steps: Any = word.gradient_accumulation_steps  # may be None
    if steps is None:
        return grads
    held = state["gradient_sum"]
    sums = [held[i] for i in used]
    if sums:
        torch._foreach_add_(sums, grads)
    if count % steps:
        return None
    means = [total / steps for total in sums]
    torch._foreach_zero_(held)
    return means


@torch.no_grad()
def follow(word: Optimizer, weights: list[Tensor], state: State, count: int) -> None:
    """Move the average towards the weights after step `count`, and the weights onto it where the
    optimizer says so. In the first update, the average is the weights.
    """
    if not word.use_ema or not weights:
        return
    number = updates(word, count)
    keeps = word.ema_momentum if number > 1 else 0.0
    torch._foreach_lerp_(state["average"], weights, 1 - keeps)
    every: Any = word.ema_overwrite_frequency  # may be None
    if every is not None and number % every == 0:
        torch._foreach_copy_(weights, state["average"])


@torch.no_grad()
def swap(weights: list[Tensor], averages: list[Tensor]) -> None:
    """Put each tensor's values in the other's place."""
    kept = [w.clone() for w in weights]
    torch._foreach_copy_(weights, averages)
    torch._foreach_copy_(averages, kept)
