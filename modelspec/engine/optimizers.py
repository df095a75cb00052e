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

State = dict[str, list[Tensor]]


def begin(word: Optimizer, weights: list[Tensor]) -> State:
    """What an optimizer remembers before the first step: for each slot, a tensor per weight.

    RMSprop's `velocity` holds `(v + epsilon) / (1 - rho)` and Adagrad's `accumulator` holds
    `a + epsilon`, of Keras's `v` and `a`: so one kernel does both.
    """
    state = {slot: [torch.zeros_like(w) for w in weights] for slot in word.slots()}
    if isinstance(word, words.RMSprop):
        torch._foreach_add_(state["velocity"], word.epsilon / (1 - word.rho))
    if isinstance(word, words.Adagrad):
        torch._foreach_add_(state["accumulator"], word.initial_accumulator_value + word.epsilon)
    return state


@torch.no_grad()
def update(
    word: Optimizer,
    weights: list[Tensor],
    grads: list[Tensor | None],
    state: State,
    rate: float,
    step: int,
) -> None:
    """One step, in place, on weights and state; `step` counts from 1.

    Gradients are clipped already (`clip`). A weight whose gradient is None is left alone.
    """
    if not all(g is not None for g in grads):
        kept = [i for i, g in enumerate(grads) if g is not None]
        weights, grads = [weights[i] for i in kept], [grads[i] for i in kept]
        state = {slot: [tensors[i] for i in kept] for slot, tensors in state.items()}
    if weights:
        laid_out = [like(w, g) for w, g in zip(weights, grads, strict=True) if g is not None]
        UPDATES[type(word)](word, weights, laid_out, state, rate, step)


def like(w: Tensor, g: Tensor) -> Tensor:
    """The gradient with its weight's layout and dtype, which fused kernels take for granted."""
    if g.stride() == w.stride() and g.dtype == w.dtype:
        return g
    return torch.empty_like(w).copy_(g)


@torch.no_grad()
def clip(word: Optimizer, grads: list[Tensor | None]) -> list[Tensor | None]:
    """The gradients, made smaller where the optimizer says so (Keras's three ways)."""
    each, value, whole = (
        word.__dict__[name] for name in ("clipnorm", "clipvalue", "global_clipnorm")
    )
    if value is not None:
        return [None if g is None else g.clamp(-value, value) for g in grads]
    if each is not None:
        return [None if g is None else g * shrink(torch.linalg.vector_norm(g), each) for g in grads]
    if whole is not None:
        norms = torch._foreach_norm([g for g in grads if g is not None])
        factor = shrink(torch.linalg.vector_norm(torch.stack(norms)), whole)
        return [None if g is None else g * factor for g in grads]
    return grads


def shrink(norm: Tensor, greatest: float) -> Tensor:
    """The factor that brings a norm down to the greatest one; NaN for a norm that is not finite."""
    return greatest / norm.clamp(min=greatest) + (norm - norm)


def decay(word: Optimizer, weights: list[Tensor], rate: float) -> None:
    share: Any = word.weight_decay  # may be None
    if share:
        torch._foreach_mul_(weights, 1 - share * rate)


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
    if targets[0].is_cpu:
        steps = [torch.ones(())] * len(targets)
        torch._fused_adagrad_(
            targets, grads, sums, steps, lr=by, lr_decay=0.0, weight_decay=0.0, eps=0.0,
            maximize=False,
        )  # fmt: skip
    else:
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
}
