"""The training step compiled to machine code: `train.compile: true`.

Forward pass, losses and backward pass of a full batch become one graph, which torch's inductor
compiles and `~/.cache/modelspec` keeps; the optimizer's kernels are fused already and follow it.
Random draws are made outside, as the eager step makes them, and come in as tensors.

The eager step stays the reference, and what smaller batches and untraceable models take.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from modelspec.engine.learnt import Learnt
from modelspec.engine.machine_code import compiled, sure_to_help
from modelspec.engine.objective import Values
from modelspec.engine.random import Draws, Random, seed_of
from modelspec.engine.runner import Outcome
from modelspec.engine.step import Step, Taken, Trainable
from modelspec.model.graph import Graph


class CompiledStep(Step):
    """A step that runs machine code wherever it can. `notes` says where it could not."""

    def __init__(self, graph: Graph, training: Any, learnt: Learnt | None = None) -> None:
        super().__init__(graph, training, learnt)
        self.size = training.batch_size
        self.known: dict[tuple[Any, ...], Traced | None] = {}

    def gradients(
        self, at: Trainable, batch: Mapping[str, Tensor]
    ) -> tuple[Taken, tuple[Tensor | None, ...]]:
        if any(len(value) != self.size for value in batch.values()):
            return super().gradients(at, batch)  # the last batch of an epoch
        kind = tuple((name, value.shape, value.dtype) for name, value in batch.items())
        if kind not in self.known:
            self.known[kind] = self.traced(at, batch)
        traced = self.known[kind]
        return super().gradients(at, batch) if traced is None else traced(self, at, batch)

    def traced(self, at: Trainable, batch: Mapping[str, Tensor]) -> Traced | None:
        """Machine code for batches of this kind, or None and a note that says why not."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of torch, about itself
                return Traced(self, at, batch)
        except Exception as error:  # whatever tracing and compiling meet: eager always works
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            self.notes.append(f"the step could not be compiled, so it runs as it is: {reason}")
            return None


class Shape(NamedTuple):
    """What the results of a traced step are, in their order."""

    each: list[str]
    values: list[int]
    masks: list[int]
    updates: list[str]
    used: list[bool]  # whether a weight has a gradient


class Traced:
    """The step for one kind of batch as machine code over flat lists of tensors."""

    def __init__(self, step: Step, at: Trainable, batch: Mapping[str, Tensor]) -> None:
        from torch.fx.experimental.proxy_tensor import make_fx

        self.weights, self.batch = list(at.tensors), list(batch)
        self.heads = [head.tensor for head in step.objective.heads]
        self.drawn: list[Drawn] = []
        self.shape: Shape | None = None
        values: list[Tensor] = []
        self.run(step, at, Notes(self.drawn, values), self.flat(at, batch))
        given = [*self.flat(at, batch), *values]
        count = len(given) - len(values)

        def whole(*flat: Tensor) -> list[Tensor]:
            return self.run(step, at, Made(iter(flat[count:])), list(flat[:count]))

        graph = make_fx(whole)(*given)
        sure_to_help(graph)
        self.code = compiled(graph, given)

    def flat(self, at: Trainable, batch: Mapping[str, Tensor]) -> list[Tensor]:
        scale = 1.0 if at.scaling is None else at.scaling.scale
        return [
            *(at.tensors[name] for name in self.weights),
            *(batch[name] for name in self.batch),
            torch.tensor(scale),
        ]

    def run(self, step: Step, at: Trainable, draws: Draws, flat: list[Tensor]) -> list[Tensor]:
        """The eager step as a function of tensors; leaves the results' shape in `shape`."""
        weights = dict(zip(self.weights, flat, strict=False))
        batch = dict(zip(self.batch, flat[len(weights) :], strict=False))
        learnt = [weights[name].detach().requires_grad_(True) for name in at.names]
        weights |= dict(zip(at.names, learnt, strict=True))
        outcome = step.runner(weights, batch, training=True, draws=draws, cast=step.cast)
        values = step.objective(outcome, batch, weights)
        aim = values.total if at.scaling is None else values.total * flat[-1]
        found: tuple[Tensor | None, ...] = torch.autograd.grad(aim, learnt, allow_unused=True)
        masked = [id for id in self.heads if outcome.masks[id] is not None]
        self.shape = Shape(
            list(values.each), self.heads, masked, list(outcome.updates),
            [gradient is not None for gradient in found],
        )  # fmt: skip
        results = [
            values.total, *values.each.values(), *(outcome.values[id] for id in self.heads),
            *(outcome.masks[id] for id in masked), *outcome.updates.values(),
        ]  # fmt: skip
        return [result.detach() for result in results] + [g for g in found if g is not None]

    def __call__(
        self, step: Step, at: Trainable, batch: Mapping[str, Tensor]
    ) -> tuple[Taken, tuple[Tensor | None, ...]]:
        seed = seed_of(step.training.seed, at.steps)
        drawn = [value for one in self.drawn for value in one.again(seed)]
        results = iter(self.code(*self.flat(at, batch), *drawn))
        shape, runner = self.shape, step.runner
        assert shape is not None
        total = next(results)
        each = {name: next(results) for name in shape.each}
        values: list[Any] = [None] * runner.size
        masks: list[Tensor | None] = [None] * runner.size
        for id in shape.values:
            values[id] = next(results)
        for id in shape.masks:
            masks[id] = next(results)
        updates = {name: next(results) for name in shape.updates}
        found = tuple(next(results) if used else None for used in shape.used)
        return Taken(Values(total, each), Outcome(values, masks, updates, [], {})), found


class Drawn(NamedTuple):
    """One generator of a step, and what was drawn from it."""

    calls: tuple[int, ...]
    layer: str
    place: int
    device: torch.device | str
    asked: list[tuple[Callable[..., Tensor], tuple[Any, ...]]]

    def again(self, seed: int) -> list[Tensor]:
        """The same draws in a step of another seed."""
        draws = Draws(seed)
        for call in self.calls:
            draws = draws.within(call)
        random = draws.of(self.layer, self.place, self.device)
        return [draw(random, *given) for draw, given in self.asked]


class Noting(Random):
    """Draws that are noted, so that they can be made again."""

    def __init__(self, drawn: Drawn, values: list[Tensor]) -> None:
        super().__init__(0, drawn.device)
        self.drawn, self.values = drawn, values

    def note(self, draw: Callable[..., Tensor], *given: Any) -> Tensor:
        self.drawn.asked.append((draw, given))
        self.values.append(draw(self, *given))
        return self.values[-1]

    def uniform(self, shape: tuple[int, ...], low: float = 0.0, high: float = 1.0) -> Tensor:
        return self.note(Random.uniform, shape, low, high)

    def normal(self, shape: tuple[int, ...], mean: float = 0.0, stddev: float = 1.0) -> Tensor:
        return self.note(Random.normal, shape, mean, stddev)

    def bernoulli(self, shape: tuple[int, ...], probability: float) -> Tensor:
        return self.note(Random.bernoulli, shape, probability)

    def integers(self, shape: tuple[int, ...], low: int, high: int) -> Tensor:
        return self.note(Random.integers, shape, low, high)


class Notes(Draws):
    """Gives every layer draws that are noted."""

    def __init__(
        self, found: list[Drawn], values: list[Tensor], calls: tuple[int, ...] = ()
    ) -> None:
        super().__init__(0)
        self.found, self.values, self.calls = found, values, calls

    def within(self, call: int) -> Notes:
        return Notes(self.found, self.values, (*self.calls, call))

    def of(self, layer: str, count: int, device: torch.device | str) -> Random:
        self.found.append(Drawn(self.calls, layer, count, device, []))
        return Noting(self.found[-1], self.values)


class Handing(Random):
    """Hands out draws that were made before."""

    def __init__(self, values: Iterator[Tensor]) -> None:
        self.values = values

    def uniform(self, shape: tuple[int, ...], low: float = 0.0, high: float = 1.0) -> Tensor:
        return next(self.values)

    def normal(self, shape: tuple[int, ...], mean: float = 0.0, stddev: float = 1.0) -> Tensor:
        return next(self.values)

    def bernoulli(self, shape: tuple[int, ...], probability: float) -> Tensor:
        return next(self.values)

    def integers(self, shape: tuple[int, ...], low: int, high: int) -> Tensor:
        return next(self.values)


class Made(Draws):
    """Gives every layer the draws that come next among those made before."""

    def __init__(self, values: Iterator[Tensor]) -> None:
        super().__init__(0)
        self.values = values

    def within(self, call: int) -> Made:
        return self

    def of(self, layer: str, count: int, device: torch.device | str) -> Random:
        return Handing(self.values)
