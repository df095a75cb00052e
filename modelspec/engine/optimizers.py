"""The catalogue's optimizers: updates of weights and of what is remembered of them, in place.

The numbers are Keras's; how they are reached is torch's fused kernels, one pass over memory each.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from modelspec.catalog import optimizers as words
from modelspec.catalog.optimizers import Optimizer
from modelspec.engine import rules
from modelspec.engine.rules import State, decay


def begin(word: Optimizer, weights: list[Tensor], names: list[str] | None = None) -> State:
    """What an optimizer remembers before the first step: for each slot, a tensor per weight.

    RMSprop's `velocity` holds `(v + epsilon) / (1 - rho)` and Adagrad's `accumulator` holds
    `a + epsilon`, of Keras's `v` and `a`: so one kernel does both. Muon goes by the weights' names.
    """
    first = dict.fromkeys(word.kept(), 0.0)
    if isinstance(word, words.RMSprop):
        first["velocity"] = word.epsilon / (1 - word.rho)
    if isinstance(word, words.Adagrad):
        first["accumulator"] = word.initial_accumulator_value + word.epsilon
    if isinstance(word, words.Ftrl):
        first["accumulator"] = word.initial_accumulator_value
    state = {
        slot: [torch.full_like(w, value, requires_grad=False) for w in weights]
        for slot, value in first.items()
    }
    if isinstance(word, words.Adafactor):
        state |= rules.factored(weights)
    if isinstance(word, words.Muon):
        state["velocity"] = rules.squared_where_adam(word, weights, names or [""] * len(weights))
    if isinstance(word, words.ScheduleFreeAdamW):
        state["momentum"] = [w.detach().clone() for w in weights]
    return state


@torch.no_grad()
def update(
    word: Optimizer,
    weights: list[Tensor],
    grads: list[Tensor],
    state: State,
    rate: float,
    step: int,
) -> None:
    """One step, in place, on weights and state; `step` counts from 1.

    Gradients are clipped already (`clip`). Weights that have none are left out by the caller, with
    their state, and so stay as they are.
    """
    if weights:
        grads = [like(w, g) for w, g in zip(weights, grads, strict=True)]
        UPDATES[type(word)](word, weights, grads, state, rate, step)


def like(w: Tensor, g: Tensor) -> Tensor:
    """The gradient with its weight's layout and dtype, which fused kernels take for granted."""
    if g.stride() == w.stride() and g.dtype == w.dtype:
        return g
    return torch.empty_like(w).copy_(g)


@torch.no_grad()
def clip(word: Optimizer, grads: list[Tensor]) -> list[Tensor]:
    """The gradients, made smaller where the optimizer says so (Keras's three ways)."""
    limits: Any = word  # which may be None
    if limits.clipvalue is not None:
        return [g.clamp(-limits.clipvalue, limits.clipvalue) for g in grads]
    if limits.clipnorm is not None:
        norms = torch._foreach_norm(grads)
        return [g * shrink(n, limits.clipnorm) for g, n in zip(grads, norms, strict=True)]
    if limits.global_clipnorm is not None and grads:
        whole = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(grads)))
        factor = shrink(whole, limits.global_clipnorm)
        return [g * factor for g in grads]
    return grads


def shrink(norm: Tensor, greatest: float) -> Tensor:
    """The factor that brings a norm down to the greatest one; NaN for a norm that is not finite."""
    return greatest / norm.clamp(min=greatest) + (norm - norm)


def sgd(
    word: words.SGD, weights: list[Tensor], grads: list[Tensor], state: State, rate: float, _: int
) -> None:
    decay(word, weights, rate)
    if not word.momentum:
        torch._foreach_add_(weights, grads, alpha=-rate)
        return
    momentum = state["momentum"]
    torch._foreach_mul_(momentum, word.momentum)
    torch._foreach_add_(momentum, grads, alpha=-rate)
    if word.nesterov:
        torch._foreach_add_(weights, momentum, alpha=word.momentum)
        torch._foreach_add_(weights, grads, alpha=-rate)
    else:
        torch._foreach_add_(weights, momentum)


def accumulate(targets: list[Tensor], grads: list[Tensor], sums: list[Tensor], by: float) -> None:
    """`sums += grads ** 2; targets -= by * grads / sqrt(sums)`, which is Adagrad."""
    if not targets[0].is_cpu:  # the fused kernel is the processor's alone
        accumulate_unfused(targets, grads, sums, by)
        return
    steps = [torch.ones(())] * len(targets)
    torch._fused_adagrad_(
        targets, grads, sums, steps, lr=by, lr_decay=0.0, weight_decay=0.0, eps=0.0, maximize=False
    )


def accumulate_unfused(
    targets: list[Tensor], grads: list[Tensor], sums: list[Tensor], by: float
) -> None:
    torch._foreach_addcmul_(sums, grads, grads)
    torch._foreach_addcdiv_(targets, grads, torch._foreach_sqrt(sums), -by)


def adagrad(
    word: words.Adagrad,
    weights: list[Tensor],
    grads: list[Tensor],
    state: State,
    rate: float,
    _: int,
) -> None:
    decay(word, weights, rate)
    accumulate(weights, grads, state["accumulator"], rate)


def rmsprop(
    word: words.RMSprop,
    weights: list[Tensor],
    grads: list[Tensor],
    state: State,
    rate: float,
    _: int,
) -> None:
    """`v = rho v + (1 - rho) g²` is `s = rho s + epsilon + g²`, with `begin`'s scaled velocity `s`.

    The first two terms are a step of `1 - rho` towards `epsilon / (1 - rho)`; the third, and what
    comes after, are Adagrad.
    """
    decay(word, weights, rate)
    fresh = 1 - word.rho
    velocity = state["velocity"]
    floor = torch.full((), word.epsilon / fresh, dtype=velocity[0].dtype, device=velocity[0].device)
    for tensor in velocity:
        tensor.lerp_(floor.to(tensor.dtype), fresh)
    if word.centered:
        centered(word, weights, grads, state, rate)
        return
    by = rate / math.sqrt(fresh)
    if not word.momentum:
        accumulate(weights, grads, velocity, by)
        return
    momentum = state["momentum"]
    torch._foreach_mul_(momentum, word.momentum)
    accumulate(momentum, grads, velocity, -by)
    torch._foreach_sub_(weights, momentum)


def centered(
    word: words.RMSprop, weights: list[Tensor], grads: list[Tensor], state: State, rate: float
) -> None:
    velocity, mean = state["velocity"], state["average_gradient"]
    torch._foreach_addcmul_(velocity, grads, grads)
    torch._foreach_lerp_(mean, grads, 1 - word.rho)
    deviation = torch._foreach_mul(velocity, 1 - word.rho)
    torch._foreach_addcmul_(deviation, mean, mean, -1)
    torch._foreach_sqrt_(deviation)
    if not word.momentum:
        torch._foreach_addcdiv_(weights, grads, deviation, -rate)
        return
    momentum = state["momentum"]
    torch._foreach_mul_(momentum, word.momentum)
    torch._foreach_addcdiv_(momentum, grads, deviation, rate)
    torch._foreach_sub_(weights, momentum)


def adam(
    word: words.Adam | words.AdamW,
    weights: list[Tensor],
    grads: list[Tensor],
    state: State,
    rate: float,
    step: int,
) -> None:
    """Torch adds its epsilon after dividing by `sqrt(1 - beta_2 ** step)`; Keras, before."""
    steps = [torch.full((), float(step), device=weights[0].device)] * len(weights)
    torch._fused_adamw_(
        weights, grads, state["momentum"], state["velocity"], state.get("velocity_hat", []), steps,
        lr=rate, beta1=word.beta_1, beta2=word.beta_2, weight_decay=word.weight_decay or 0.0,
        eps=word.epsilon / math.sqrt(1 - word.beta_2**step), amsgrad=word.amsgrad, maximize=False,
    )  # fmt: skip


Update = Callable[[Any, list[Tensor], list[Tensor], State, float, int], None]
UPDATES: dict[type[Optimizer], Update] = {
    words.SGD: sgd,
    words.RMSprop: rmsprop,
    words.Adam: adam,
    words.AdamW: adam,
    words.Adagrad: adagrad,
    words.Adadelta: rules.adadelta,
    words.Adafactor: rules.adafactor,
    words.Adamax: rules.adamax,
    words.Nadam: rules.nadam,
    words.Ftrl: rules.ftrl,
    words.Lion: rules.lion,
    words.Lamb: rules.lamb,
    words.Muon: rules.muon,
    words.ScheduleFreeAdamW: rules.schedule_free,
}
