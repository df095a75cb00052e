"""Optimizers that a training script takes along: rules as they stand here, with Keras's numbers.

Their text goes into files that import nothing but torch, so nothing here refers to this package.
`laid_out` is for weights that PyTorch keeps with other axes than the rule is about: their group
says `order` and `shape`.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

Memory = dict[str, Any]
Settings = dict[str, Any]


class Optimizer(torch.optim.Optimizer):
    """Moves parameters by a rule. That is a function of a parameter, its gradient, what the rule
    remembers of it, and the settings of its group, whose `step` counts updates from 1.
    """

    def __init__(self, rule: Any, parameters: Any, lr: float, **settings: Any) -> None:
        super().__init__(parameters, {"lr": lr, "weight_decay": 0.0, **settings})
        self.rule, self.steps = rule, 0

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        self.steps += 1
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    if group["weight_decay"]:
                        p.mul_(1 - group["weight_decay"] * group["lr"])
                    self.rule(p, p.grad, self.state[p], group | {"step": self.steps})


def sgd(p: Tensor, g: Tensor, memory: Memory, group: Settings) -> None:
    """Steps against the gradient; the momentum holds whole steps, rate included."""
    if not memory:
        memory["momentum"] = torch.zeros_like(p)
    momentum = memory["momentum"].mul_(group["momentum"]).sub_(group["lr"] * g)
    p.add_(group["momentum"] * momentum - group["lr"] * g if group["nesterov"] else momentum)


def rmsprop(p: Tensor, g: Tensor, memory: Memory, group: Settings) -> None:
    """Divides by a running root mean square; epsilon stands under the root."""
    if not memory:
        for slot in ("velocity", "momentum", "mean"):
            memory[slot] = torch.zeros_like(p)
    rho = group["rho"]
    spread = memory["velocity"].mul_(rho).add_((1 - rho) * g.square())
    if group["centered"]:
        spread = spread - memory["mean"].mul_(rho).add_((1 - rho) * g).square()
    move = group["lr"] * g / (spread + group["epsilon"]).sqrt()
    p.sub_(memory["momentum"].mul_(group["momentum"]).add_(move))


def adam(p: Tensor, g: Tensor, memory: Memory, group: Settings) -> None:
    """Adam; epsilon is added to the root before that is corrected for its start at 0."""
    step = group["step"]
    if not memory:
        for slot in ("momentum", "velocity", "greatest"):
            memory[slot] = torch.zeros_like(p)
    beta_1, beta_2 = group["beta_1"], group["beta_2"]
    momentum = memory["momentum"].lerp_(g, 1 - beta_1)
    velocity = memory["velocity"].lerp_(g.square(), 1 - beta_2)
    if group["amsgrad"]:
        velocity = torch.maximum(memory["greatest"], velocity, out=memory["greatest"])
    rate = group["lr"] * math.sqrt(1 - beta_2**step) / (1 - beta_1**step)
    p.sub_(rate * momentum / (velocity.sqrt() + group["epsilon"]))


def adagrad(p: Tensor, g: Tensor, memory: Memory, group: Settings) -> None:
    """Divides by the root of the sum of all squares; epsilon stands under the root."""
    if not memory:
        memory["sum"] = torch.full_like(p, group["initial_accumulator_value"])
    memory["sum"].add_(g.square())
    p.sub_(group["lr"] * g / (memory["sum"] + group["epsilon"]).sqrt())


def adadelta(p: Tensor, g: Tensor, memory: Memory, group: Settings) -> None:
    """Divides by the running root mean square of gradients, times that of the moves."""
    if not memory:
        memory["seen"], memory["moved"] = torch.zeros_like(p), torch.zeros_like(p)
    seen = memory["seen"].lerp_(g.square(), 1 - group["rho"])
    move = g * (memory["moved"] + group["epsilon"]).sqrt() / (seen + group["epsilon"]).sqrt()
    memory["moved"].lerp_(move.square(), 1 - group["rho"])
    p.sub_(group["lr"] * move)


def adamax(p: Tensor, g: Tensor, memory: Memory, group: Settings) -> None:
    """Divides by the greatest recent gradient; epsilon is added to that."""
    step = group["step"]
    if not memory:
        memory["momentum"], memory["norm"] = torch.zeros_like(p), torch.zeros_like(p)
    momentum = memory["momentum"].lerp_(g, 1 - group["beta_1"])
    norm = torch.maximum(memory["norm"].mul_(group["beta_2"]), g.abs(), out=memory["norm"])
    rate = group["lr"] / (1 - group["beta_1"] ** step)
    p.sub_(rate * momentum / (norm + group["epsilon"]))


def nadam(p: Tensor, g: Tensor, memory: Memory, group: Settings) -> None:
    """An Adam that looks ahead along its momentum."""
    if not memory:
        memory.update(momentum=torch.zeros_like(p), velocity=torch.zeros_like(p), product=1.0)
    beta_1, beta_2, step = group["beta_1"], group["beta_2"], group["step"]
    momentum = memory["momentum"].lerp_(g, 1 - beta_1)
    velocity = memory["velocity"].lerp_(g.square(), 1 - beta_2)
    now, ahead = (beta_1 * (1 - 0.5 * 0.96**at) for at in (step, step + 1))
    memory["product"] *= now
    mean = momentum * ahead / (1 - memory["product"] * ahead)
    mean = mean + g * (1 - now) / (1 - memory["product"])
    p.sub_(group["lr"] * mean / ((velocity / (1 - beta_2**step)).sqrt() + group["epsilon"]))


def ftrl(p: Tensor, g: Tensor, memory: Memory, group: Settings) -> None:
    """Follows the regularized leader."""
    if not memory:
        memory["sum"] = torch.full_like(p, group["initial_accumulator_value"])
        memory["linear"] = torch.zeros_like(p)
    rate, l1, power = group["lr"], group["l1"], -group["learning_rate_power"]
    if not rate:
        return
    before = memory["sum"] ** power
    after = memory["sum"].addcmul_(g, g) ** power
    shrunk = g + 2 * group["l2_shrinkage"] * p
    linear = memory["linear"].add_(shrunk - (after - before) / rate * p)
    penalty = 2 * (group["l2"] + group["beta"] / (2 * rate))
    p.copy_((linear.clamp(-l1, l1) - linear) / (after / rate + penalty))


def lion(p: Tensor, g: Tensor, memory: Memory, group: Settings) -> None:
    """Steps of one size: the sign of a running mean of the gradient."""
    if not memory:
        memory["momentum"] = torch.zeros_like(p)
    beta_1, beta_2, momentum = group["beta_1"], group["beta_2"], memory["momentum"]
    p.sub_(group["lr"] * (beta_1 * momentum + (1 - beta_1) * g).sign())
    momentum.mul_(beta_2).add_((1 - beta_2) * g)


def lamb(p: Tensor, g: Tensor, memory: Memory, group: Settings) -> None:
    """An Adam whose steps are in proportion to each weight's size."""
    step = group["step"]
    if not memory:
        memory["momentum"], memory["velocity"] = torch.zeros_like(p), torch.zeros_like(p)
    beta_1, beta_2 = group["beta_1"], group["beta_2"]
    momentum = memory["momentum"].lerp_(g, 1 - beta_1) / (1 - beta_1**step)
    velocity = memory["velocity"].lerp_(g.square(), 1 - beta_2) / (1 - beta_2**step)
    move = momentum / (velocity.sqrt() + group["epsilon"])
    size, length = p.norm(), move.norm()
    share = torch.where((size > 0) & (length > 0), size / length, 1.0)
    p.sub_(group["lr"] * share * move)


def laid_out(tensor: Tensor, group: Settings) -> Tensor:
    """The same numbers with the axes that the optimizer's rule is about."""
    if "order" not in group:
        return tensor
    return tensor.permute(group["order"]).view(group["shape"])


def adafactor(p: Tensor, g: Tensor, memory: Memory, group: Settings) -> None:
    """An Adam that remembers a matrix's squares by row and column means alone."""
    step = group["step"]
    p, g = laid_out(p, group), laid_out(g, group)
    square, fresh = g.square() + group["epsilon_1"], step ** group["beta_2_decay"]
    if p.ndim >= 2:
        if not memory:
            memory["row"] = torch.zeros_like(square.mean(-1))
            memory["column"] = torch.zeros_like(square.mean(-2))
        row = memory["row"].lerp_(square.mean(-1), fresh)
        column = memory["column"].lerp_(square.mean(-2), fresh)
        mean = (row / row.mean(-1, keepdim=True))[..., None] * column[..., None, :]
    else:
        if not memory:
            memory["velocity"] = torch.zeros_like(p)
        mean = memory["velocity"].lerp_(square, fresh)
    move = g / mean.sqrt()
    move /= (move.square().mean().sqrt() / group["clip_threshold"]).clamp(min=1)
    size = p.square().mean().sqrt().clamp(min=group["epsilon_2"])
    p.sub_(move * size * min(group["lr"], 1 / math.sqrt(step)))


def orthogonal(x: Tensor, group: Settings) -> Tensor:
    """Near the orthogonal matrix next to `x`, by Newton-Schulz steps."""
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / (x.norm() + 1e-7)
    for _ in range(group["ns_steps"]):
        square = x @ x.T
        turned = group["muon_b"] * square + group["muon_c"] * square @ square
        x = group["muon_a"] * x + turned @ x
    return x.T if tall else x


def muon(p: Tensor, g: Tensor, memory: Memory, group: Settings) -> None:
    """Momentum made orthogonal, for the groups of matrices; AdamW for all others."""
    p, g, step = laid_out(p, group), laid_out(g, group), group["step"]
    if not memory:
        memory["momentum"], memory["velocity"] = torch.zeros_like(p), torch.zeros_like(p)
    momentum, rate = memory["momentum"], group["lr"]
    if not group["matrices"]:
        beta_1, beta_2 = group["adam_beta_1"], group["adam_beta_2"]
        momentum.lerp_(g, 1 - beta_1)
        velocity = memory["velocity"].lerp_(g.square(), 1 - beta_2)
        rate *= group["adam_lr_ratio"] * math.sqrt(1 - beta_2**step)
        rate /= 1 - beta_1**step
        p.sub_(rate * momentum / (velocity.sqrt() + group["epsilon"]))
        return
    momentum.mul_(group["momentum"]).add_(g)
    ahead = g + group["momentum"] * momentum if group["nesterov"] else momentum
    if group["rms_rate"] is not None:
        rate *= group["rms_rate"] * math.sqrt(max(p.shape))
    p.sub_(rate * orthogonal(ahead, group))


def schedule_free_adamw(p: Tensor, g: Tensor, memory: Memory, group: Settings) -> None:
    """An AdamW that averages its steps: weights lie between the steps' end and its average."""
    step = group["step"]
    beta_1, beta_2, rate = group["beta_1"], group["beta_2"], group["lr"]
    if not memory:
        memory["end"] = p.clone()
        memory["velocity"] = torch.zeros_like(p)
    if group["warmup_steps"]:
        rate *= min(step / group["warmup_steps"], 1.0)
    end = memory["end"]
    average = (p - (1 - beta_1) * end) / beta_1
    velocity = memory["velocity"].lerp_(g.square(), 1 - beta_2)
    root = (velocity / (1 - beta_2**step)).sqrt() + group["epsilon"]
    end.sub_(rate * g / root)
    average.lerp_(end, 1 / step)
    p.copy_(end.lerp(average, beta_1))
