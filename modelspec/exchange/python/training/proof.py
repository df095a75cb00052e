"""Two training steps of a script beside the engine's, on random samples; in float64 if possible."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from modelspec.engine.module import Module
from modelspec.engine.run import Run
from modelspec.engine.step import Step, Trainable
from modelspec.exchange import export_python
from modelspec.exchange.python.reading import takes
from modelspec.exchange.python.source import python_source
from modelspec.exchange.python.training.refusals import drawn

SAMPLES, STEPS = 6, 2


class Difference(NamedTuple):
    """How far two numbers of training are apart, how large they are, and whether that is too far:
    `tolerance` is relative to the largest.
    """

    name: str
    difference: float
    largest: float
    tolerance: float

    @property
    def fails(self) -> bool:
        return not self.difference <= self.tolerance * max(self.largest, 1e-3)


def differences(run: Run, files: list[str]) -> list[Difference]:
    """What a step of the script gives, beside the engine: the losses of two steps, the weights
    after them. Draws of dropout and the like are left out on both sides.
    """
    try:
        return compared(run, files, torch.float64)
    except RuntimeError:  # what a spec computes from integers stays float32
        return compared(run, files, torch.float32)


def compared(run: Run, files: list[str], dtype: torch.dtype) -> list[Difference]:
    model_file, weights = files[:2]
    (script_file,) = (one for one in files if os.path.basename(one).startswith("train_"))
    with beside(model_file):
        script = export_python.loaded(script_file)
        script["DEVICE"] = "cpu"
        model = script["ready"](script["load"](weights)).to("cpu", dtype)
    optimizer = script["make_optimizer"](model)
    step, at = engine(run, dtype)
    batch = {name: widened(value, dtype) for name, value in drawn(run.graph, SAMPLES).items()}
    given = read(run, export_python.loaded(model_file), batch)
    losses = []
    for number in range(STEPS):
        script["begin"](model)
        quiet(model)
        rate = at.rate
        ours = step(at, batch).values.total.detach()
        more = (number,) if "step" in script["train_step"].__code__.co_varnames[:5] else ()
        theirs = script["train_step"](model, optimizer, given, rate, *more)[0]["loss"]
        losses.append((float(ours), float(theirs)))
    largest = max(abs(one) for one, _ in losses)
    exact = dtype == torch.float64
    worst = max(abs(a - b) for a, b in losses)
    found = [Difference("loss", worst, largest, 1e-8 if exact else 1e-4)]
    if not exact:  # steps go by the signs of gradients that are rounding alone
        return found
    return [*found, apart(run, at.weights, model.state_dict())]


def apart(run: Run, weights: dict[str, Tensor], state: dict[str, Tensor]) -> Difference:
    """How far the weights are apart after the steps."""
    known = export_python.vocabularies(run.module.runner)
    wanted = python_source(run.graph, weights, vocabularies=known).state
    worst, largest = 0.0, 0.0
    for name, value in wanted.items():
        if name.endswith("num_batches_tracked") or not value.numel():
            continue
        a, b = value.double(), state[name].double()
        worst = max(worst, float((a - b).abs().max()))
        largest = max(largest, float(a.abs().max()))
    return Difference("weights", worst, largest, 1e-6)


def engine(run: Run, dtype: torch.dtype) -> tuple[Step, Trainable]:
    """The engine's step and the weights that it moves, without draws and in that dtype."""
    graph, module = run.graph, run.module
    held = {
        name: widened(value.detach().clone(), dtype) for name, value in module.weights().items()
    }
    step = Step(graph, graph.spec.training)
    step.runner = Module(graph, pretrained=False, learnt=run.learnt).runner
    step.cast = dtype
    for one in ready_steps(step.runner):
        one.freezes = one.freezes or "random" in one.asks
    return step, Trainable(graph, held, graph.spec.training)


def ready_steps(runner: Any) -> Iterator[Any]:
    for one in runner.steps:
        yield one
        if one.body is not None:
            yield from ready_steps(one.body)


def widened(value: Any, dtype: torch.dtype) -> Any:
    return value.to(dtype) if isinstance(value, Tensor) and value.is_floating_point() else value


def quiet(model: nn.Module) -> None:
    """Leave modules that draw in training in the mode in which they do not."""
    for module in model.modules():
        if module is not model and not list(module.buffers(recurse=False)):
            module.training = False


def read(run: Run, defined: dict[str, Any], batch: dict[str, Any]) -> dict[str, Tensor]:
    """The batch as the script has it: texts have gone through their functions."""
    inputs = {name: batch[name] for name in run.graph.program.inputs}
    made = export_python.reader_of(run.graph, defined)(inputs)
    names = takes(run.graph.program)
    rest = {name: value for name, value in batch.items() if name not in inputs}
    return dict(zip(names, made, strict=True)) | rest


@contextmanager
def beside(file: str) -> Iterator[None]:
    """Let a script import the model's file, which stands there and nowhere else."""
    folder, stem = os.path.dirname(os.path.abspath(file)), os.path.basename(file)[:-3]
    before, known = sys.path[:], sys.modules.pop(stem, None)
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path[:] = before
        sys.modules.pop(stem, None)
        if known is not None:
            sys.modules[stem] = known
