"""Update rules beyond those of one fused kernel: numbers of Keras, in place.

A rule takes `(word, weights, grads, state, rate, step)`; `step` counts updates from 1.
"""

from __future__ import annotations

import math
import re
from typing import Any

import torch
from torch import Tensor

from modelspec.catalog import optimizers as words
from modelspec.catalog.optimizers import Optimizer

State = dict[str, list[Tensor]]
Tensors = list[Tensor]


def decay(word: Optimizer, weights: Tensors, rate: float) -> None:
    share: Any = word.weight_decay  # may be None
    if share:
        torch._foreach_mul_(weights, 1 - share * rate)


def squares(tensors: Tensors) -> Tensors:
    return list(torch._foreach_mul(tensors, tensors))


def adadelta(
    word: words.Adadelta, weights: Tensors, grads: Tensors, state: State, rate: float, _: int
) -> None:
    decay(word, weights, rate)
    seen, moved = state["accumulated_grad"], state["accumulated_delta_var"]
    torch._foreach_lerp_(seen, squares(grads), 1 - word.rho)
    moves = torch._foreach_sqrt(torch._foreach_add(moved, word.epsilon))
    torch._foreach_div_(moves, torch._foreach_sqrt(torch._foreach_add(seen, word.epsilon)))
    torch._foreach_mul_(moves, grads)
    torch._foreach_lerp_(moved, squares(list(moves)), 1 - word.rho)
    torch._foreach_add_(weights, moves, alpha=-rate)


def adamax(
    word: words.Adamax, weights: Tensors, grads: Tensors, state: State, rate: float, step: int
) -> None:
    decay(word, weights, rate)
    momentum, norm = state["momentum"], state["norm"]
    torch._foreach_lerp_(momentum, grads, 1 - word.beta_1)
    torch._foreach_mul_(norm, word.beta_2)
    torch._foreach_maximum_(norm, torch._foreach_abs(grads))
    by = rate / (1 - word.beta_1**step)
    torch._foreach_addcdiv_(weights, momentum, torch._foreach_add(norm, word.epsilon), -by)


def foresight(beta: float, step: int) -> float:
    """Nadam's share of the momentum in a step, which rises towards `beta`."""
    return beta * (1 - 0.5 * 0.96**step)


def nadam(
    word: words.Nadam, weights: Tensors, grads: Tensors, state: State, rate: float, step: int
) -> None:
    decay(word, weights, rate)
    momentum, velocity = state["momentum"], state["velocity"]
    torch._foreach_lerp_(momentum, grads, 1 - word.beta_1)
    torch._foreach_lerp_(velocity, squares(grads), 1 - word.beta_2)
    now, ahead = foresight(word.beta_1, step), foresight(word.beta_1, step + 1)
    # After so many steps the product's further factors are `beta_1`, to the last digit.
    settled = min(step, 1000)
    product = math.prod(foresight(word.beta_1, k) for k in range(1, settled + 1))
    product *= word.beta_1 ** (step - settled)
    means = torch._foreach_mul(momentum, ahead / (1 - product * ahead))
    torch._foreach_add_(means, grads, alpha=(1 - now) / (1 - product))
    roots = torch._foreach_sqrt(torch._foreach_div(velocity, 1 - word.beta_2**step))
    torch._foreach_add_(roots, word.epsilon)
    torch._foreach_addcdiv_(weights, means, roots, -rate)


def ftrl(
    word: words.Ftrl, weights: Tensors, grads: Tensors, state: State, rate: float, _: int
) -> None:
    if not rate:  # by which it divides
        return
    decay(word, weights, rate)
    power = -word.learning_rate_power
    penalty = 2 * (word.l2_regularization_strength + word.beta / (2 * rate))
    strength = word.l1_regularization_strength
    shrinking = 2 * word.l2_shrinkage_regularization_strength
    for w, g, sums, linear in zip(
        weights, grads, state["accumulator"], state["linear"], strict=True
    ):
        before = sums**power
        sums.addcmul_(g, g)
        after = sums**power
        linear.add_(g + shrinking * w - (after - before) / rate * w)
        w.copy_((linear.clamp(-strength, strength) - linear) / (after / rate + penalty))


def lion(
    word: words.Lion, weights: Tensors, grads: Tensors, state: State, rate: float, _: int
) -> None:
    decay(word, weights, rate)
    momentum = state["momentum"]
    mixed = torch._foreach_mul(momentum, word.beta_1)
    torch._foreach_add_(mixed, grads, alpha=1 - word.beta_1)
    torch._foreach_add_(weights, torch._foreach_sign(mixed), alpha=-rate)
    torch._foreach_mul_(momentum, word.beta_2)
    torch._foreach_add_(momentum, grads, alpha=1 - word.beta_2)


def lamb(
    word: words.Lamb, weights: Tensors, grads: Tensors, state: State, rate: float, step: int
) -> None:
    decay(word, weights, rate)
    momentum, velocity = state["momentum"], state["velocity"]
    torch._foreach_lerp_(momentum, grads, 1 - word.beta_1)
    torch._foreach_lerp_(velocity, squares(grads), 1 - word.beta_2)
    roots = torch._foreach_sqrt(torch._foreach_div(velocity, 1 - word.beta_2**step))
    torch._foreach_add_(roots, word.epsilon)
    updates = torch._foreach_div(torch._foreach_div(momentum, 1 - word.beta_1**step), roots)
    for w, u in zip(weights, updates, strict=True):
        size, move = torch.linalg.vector_norm(w), torch.linalg.vector_norm(u)
        w.sub_(u * torch.where((size > 0) & (move > 0), size / move, 1) * rate)


def factored(weights: Tensors) -> State:
    """Adafactor's memory: rows and columns of a matrix (its last two axes), else every square."""
    matrix = [w.ndim >= 2 for w in weights]
    return {
        "row": [
            w.new_zeros(w.shape[:-1] if m else ()) for w, m in zip(weights, matrix, strict=True)
        ],
        "column": [
            w.new_zeros((*w.shape[:-2], w.shape[-1]) if m else ())
            for w, m in zip(weights, matrix, strict=True)
        ],
        "velocity": [
            w.new_zeros(() if m else w.shape) for w, m in zip(weights, matrix, strict=True)
        ],
    }


def rms(x: Tensor) -> Tensor:
    return x.square().mean().sqrt()


def adafactor(
    word: words.Adafactor, weights: Tensors, grads: Tensors, state: State, rate: float, step: int
) -> None:
    decay(word, weights, rate)
    fresh = step**word.beta_2_decay
    by = min(rate, 1 / math.sqrt(step))
    for w, g, row, column, velocity in zip(
        weights, grads, state["row"], state["column"], state["velocity"], strict=True
    ):
        square = g.square() + word.epsilon_1
        if w.ndim >= 2:
            row.lerp_(square.mean(-1), fresh)
            column.lerp_(square.mean(-2), fresh)
            mean = (row / row.mean(-1, keepdim=True))[..., None] * column[..., None, :]
        else:
            mean = velocity.lerp_(square, fresh)
        update = g / mean.sqrt()
        update /= (rms(update) / word.clip_threshold).clamp(min=1)
        w.sub_(update * rms(w).clamp(min=word.epsilon_2) * by)


def squared_where_adam(word: words.Muon, weights: Tensors, names: list[str]) -> Tensors:
    """Muon's `velocity`: as large as the weight where AdamW moves it, else a single 0."""
    patterns: Any = word.exclude_layers  # may be None
    excluded = [*(["(?i)embedding"] if word.exclude_embeddings else []), *(patterns or [])]
    return [
        w.new_zeros(
            () if w.ndim == 2 and not any(re.search(p, name) for p in excluded) else w.shape
        )
        for w, name in zip(weights, names, strict=True)
    ]


def muon(
    word: words.Muon, weights: Tensors, grads: Tensors, state: State, rate: float, step: int
) -> None:
    ratio = (
        word.adam_lr_ratio * math.sqrt(1 - word.adam_beta_2**step) / (1 - word.adam_beta_1**step)
    )
    for w, g, momentum, velocity in zip(
        weights, grads, state["momentum"], state["velocity"], strict=True
    ):
        adam = velocity.shape == w.shape
        share: Any = word.adam_weight_decay if adam else word.weight_decay  # may be None
        w.mul_(1 - (share or 0.0) * rate)
        if adam:
            momentum.lerp_(g, 1 - word.adam_beta_1)
            velocity.lerp_(g.square(), 1 - word.adam_beta_2)
            w.sub_(momentum / (velocity.sqrt() + word.epsilon) * (rate * ratio))
            continue
        momentum.mul_(word.momentum).add_(g)
        ahead = g + word.momentum * momentum if word.nesterov else momentum
        size: Any = word.rms_rate  # may be None
        by = rate if size is None else rate * size * math.sqrt(max(w.shape))
        w.sub_(orthogonal(word, ahead), alpha=by)


def orthogonal(word: words.Muon, x: Tensor) -> Tensor:
    """Near the orthogonal matrix next to `x`, by Newton-Schulz steps."""
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / (torch.linalg.matrix_norm(x) + 1e-7)
    for _ in range(word.ns_steps):
        square = x @ x.T
        x = word.muon_a * x + (word.muon_b * square + word.muon_c * square @ square) @ x
    return x.T if tall else x


def schedule_free(
    word: words.ScheduleFreeAdamW,
    weights: Tensors,
    grads: Tensors,
    state: State,
    rate: float,
    step: int,
) -> None:
    """The weights `y` lie between the steps' end `z`, which is `momentum`, and its average `x`."""
    decay(word, weights, rate)
    if word.warmup_steps:
        rate *= min(step / word.warmup_steps, 1.0)
    beta, ends, velocity = word.beta_1, state["momentum"], state["velocity"]
    torch._foreach_lerp_(velocity, squares(grads), 1 - word.beta_2)
    averages = torch._foreach_sub(weights, torch._foreach_mul(ends, 1 - beta))
    torch._foreach_div_(averages, beta)
    roots = torch._foreach_sqrt(torch._foreach_div(velocity, 1 - word.beta_2**step))
    torch._foreach_add_(roots, word.epsilon)
    torch._foreach_addcdiv_(ends, grads, roots, -rate)
    torch._foreach_lerp_(averages, ends, 1 / step)
    torch._foreach_copy_(weights, torch._foreach_lerp(ends, averages, beta))
