"""The training step: weights, optimizer state and a batch in; new ones, losses and tensors out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from modelspec.engine import averages, optimizers
from modelspec.engine.carried import begun
from modelspec.engine.constraints import project
from modelspec.engine.learnt import Learnt
from modelspec.engine.objective import Objective, Values
from modelspec.engine.random import seed_of
from modelspec.engine.runner import TORCH, Outcome, Runner
from modelspec.engine.scaling import scaling
from modelspec.engine.schedules import rate
from modelspec.engine.weights import trainables
from modelspec.model.graph import Graph


class Taken(NamedTuple):
    """What one step left to look at."""

    values: Values
    outcome: Outcome


class Trainable:
    """Weights with their optimizer's state: what a step changes, in place.

    `carried` are the states of stateful layers, `tensors` these and the weights. `fixed` is the
    learning rate that a callback has set, instead of the optimizer's own; `steps` counts steps, of
    which `skipped` made no update.
    """

    def __init__(self, graph: Graph, weights: dict[str, Tensor], training: Any) -> None:
        self.weights = weights
        device = next(iter(weights.values())).device if weights else "cpu"
        self.carried = begun(graph, device)
        self.tensors = weights | self.carried
        self.names = trainables(graph)
        self.training = training
        self.steps, self.skipped = 0, 0
        self.scaling = scaling(training)
        self.fixed: float | None = None
        self.learnt = [weights[name] for name in self.names]
        self.state: dict[str, list[Tensor]] = optimizers.begin(
            training.optimizer, self.learnt, self.names
        )

    @property
    def rate(self) -> float:
        """The learning rate of the next update."""
        return self.rate_of(self.steps - self.skipped)

    def rate_of(self, update: int) -> float:
        """The learning rate of an update, counted from 0."""
        if self.fixed is not None:
            return self.fixed
        return rate(self.training.optimizer.learning_rate, update)

    def averaged(self) -> dict[str, Tensor]:
        """The weights, with their moving averages in place of those that are learnt."""
        return self.weights | dict(zip(self.names, self.state["average"], strict=True))

    def remembered(self) -> dict[str, Tensor]:
        """The optimizer's state by `slot/weight`."""
        return {
            f"{slot}/{name}": value
            for slot, held in self.state.items()
            for name, value in zip(self.names, held, strict=True)
        }


class Step:
    """One graph's training step, in eager mode: the reference."""

    def __init__(self, graph: Graph, training: Any, learnt: Learnt | None = None) -> None:
        self.runner = Runner.of(graph, learnt)
        self.objective = Objective(graph)
        self.training = training
        self.notes: list[str] = []  # what the user should know, until the loop hands it on
        self.cast = None if training.precision == "float32" else TORCH[training.precision]
        self.constrained = {
            owner.name(weight): weight.constraint
            for owner in graph.owners.values()
            for weight in owner.weights
            if weight.constraint is not None and owner.trainable
        }

    def __call__(self, at: Trainable, batch: Mapping[str, Tensor]) -> Taken:
        """Run forwards, backwards, and update."""
        taken, found = self.gradients(at, batch)
        with torch.no_grad():
            # First: an optimizer goes on from a kernel that its layer has normalized.
            for name, value in taken.outcome.updates.items():
                at.tensors[name].copy_(value)
            self.update(at, found)
        return taken

    def gradients(
        self, at: Trainable, batch: Mapping[str, Tensor]
    ) -> tuple[Taken, tuple[Tensor | None, ...]]:
        """Run forwards and backwards; None for a weight that no loss depends on."""
        for weight in at.learnt:
            weight.requires_grad_(True)
        outcome = self.forward(at.tensors, batch, at.steps)
        values = self.objective(outcome, batch, at.weights)
        aim = values.total if at.scaling is None else values.total * at.scaling.scale
        found = torch.autograd.grad(aim, at.learnt, allow_unused=True)
        for weight in at.learnt:
            weight.requires_grad_(False)
        return Taken(values, outcome), found

    def forward(
        self, weights: Mapping[str, Tensor], batch: Mapping[str, Tensor], step: int
    ) -> Outcome:
        seed = seed_of(self.training.seed, step)
        return self.runner(weights, batch, training=True, seed=seed, cast=self.cast)

    def update(self, at: Trainable, found: tuple[Tensor | None, ...]) -> None:
        """Clip the gradients, let the optimizer move the weights, project them."""
        used = [i for i, gradient in enumerate(found) if gradient is not None]
        grads = [g for g in found if g is not None]
        at.steps += 1
        if at.scaling is not None:
            whole = at.scaling.unscaled(grads)
            if whole is None:
                at.skipped += 1
                return
            grads = whole
        optimizer, count = at.training.optimizer, at.steps - at.skipped  # counted from 1
        due = averages.gathered(optimizer, at.state, used, grads, count)
        if due is not None:
            self.move(at, used, due, count)
        averages.follow(optimizer, at.learnt, at.state, count)
        for name, word in self.constrained.items():
            at.weights[name].copy_(project(word, at.weights[name]))

    def move(self, at: Trainable, used: list[int], grads: list[Tensor], count: int) -> None:
        """Clip the gradients of those weights that have one, and let the optimizer move them."""
        if self.training.clip_norm is not None:
            grads = clip_together(grads, self.training.clip_norm)
        optimizer = at.training.optimizer
        grads = optimizers.clip(optimizer, grads)
        weights, state = at.learnt, at.state
        if len(used) < len(weights):
            # A weight that no loss depends on stays as it is.
            weights = [weights[i] for i in used]
            state = {slot: [held[i] for i in used] for slot, held in state.items()}
        number = averages.updates(optimizer, count)
        optimizers.update(optimizer, weights, grads, state, at.rate_of(count - 1), number)


def clip_together(grads: list[Tensor], limit: float) -> list[Tensor]:
    """All gradients scaled so that their norm together is at most `limit`."""
    norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(grads)))
    return list(torch._foreach_mul(grads, (limit / norm.clamp(min=limit))))
