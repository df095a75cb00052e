"""The training loop. It yields events; progress, logs and checkpoints are their consumers."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from modelspec.catalog import callbacks as words
from modelspec.engine import callbacks as watching
from modelspec.engine.averages import swap
from modelspec.engine.checkpoint import Checkpoint
from modelspec.engine.data import Samples, batches, order
from modelspec.engine.evaluate import measure
from modelspec.engine.learnt import Learnt
from modelspec.engine.objective import Meter
from modelspec.engine.step import Step, Trainable
from modelspec.engine.texts import moved
from modelspec.model.graph import Graph


class Stepped(NamedTuple):
    """One update was made. `logs()` reads the running values: costly, call it to show them."""

    epoch: int
    step: int
    seen: int
    samples: int
    logs: Callable[[], dict[str, Any]]


class Warned(NamedTuple):
    """Training goes on, but not quite as was asked."""

    message: str


class Evaluated(NamedTuple):
    """An epoch has ended, with its values under Keras's names."""

    epoch: int
    epochs: int
    logs: dict[str, Any]
    seconds: float


class Saved(NamedTuple):
    """A checkpoint is on the disk."""

    path: str
    step: int


class Finished(NamedTuple):
    """Training has ended: `reason` says why, `folder` is the run."""

    epochs: int
    reason: str
    folder: str
    history: list[dict[str, Any]]


Event = Stepped | Warned | Evaluated | Saved | Finished


class Diverged(Exception):
    """The loss is no longer a number, or infinite."""

    def __init__(self, epoch: int, step: int, value: float) -> None:
        super().__init__(f"the loss is {value} in epoch {epoch + 1}, step {step}")
        self.epoch, self.step, self.value = epoch, step, value


class Interrupted(Exception):
    """A signal asked the loop to stop; it did so between two steps."""

    def __init__(self, signal: int) -> None:
        super().__init__(f"stopped by signal {signal}")
        self.signal = signal


class Loop:
    """Training, and where it stands: the position in the data is one integer."""

    def __init__(
        self,
        graph: Graph,
        weights: dict[str, Tensor],
        samples: Samples,
        validation: Samples | None,
        folder: str = "",
        device: torch.device | str = "cpu",
        learnt: Learnt | None = None,
    ) -> None:
        self.graph, self.training = graph, graph.spec.training
        self.samples, self.validation, self.device = samples, validation, device
        self.at = Trainable(graph, weights, self.training)
        self.step = step_of(graph, learnt)
        self.meter = Meter(graph, device)
        self.watchers = watching.started(self.training.callbacks, folder)
        guards = [w for w in self.training.callbacks if isinstance(w, words.TerminateOnNaN)]
        self.cautious = bool(guards)
        #: Whether a loss that is no number ends the run as an epoch's end does.
        self.forgives = self.cautious and not any(guard.raise_error for guard in guards)
        #: Whether validation is of the weights' moving averages.
        self.swaps = any(isinstance(w, words.SwapEMAWeights) for w in self.training.callbacks)
        self.epoch, self.position = 0, 0
        self.history: list[dict[str, Any]] = []
        self.reason = ""
        self.signal = 0

    @property
    def ended(self) -> bool:
        """Whether there is nothing left to do."""
        return self.epoch >= self.training.epochs or bool(self.reason)

    def run(self) -> Iterator[Stepped | Warned | Evaluated]:
        """Train to the end, event by event."""
        while not self.ended:
            started = time.perf_counter()
            yield from self.steps()
            yield self.end_epoch(time.perf_counter() - started)

    def steps(self) -> Iterator[Stepped | Warned]:
        """The steps that are left of this epoch."""
        for watcher in self.watchers:
            watcher.begin(self.epoch, self.at)
        count, size = len(self.samples), self.training.batch_size
        sequence = order(count, self.training.seed, self.epoch, self.training.shuffle)
        if self.training.steps_per_epoch:
            sequence = sequence[: self.training.steps_per_epoch * size]
        for position, batch in batches(self.samples, size, sequence, self.position):
            if self.signal:
                raise Interrupted(self.signal)
            n = min(size, len(sequence) - position)
            taken = self.step(self.at, self.moved(batch))
            self.meter.add(taken.values, taken.outcome, self.moved(batch), n)
            self.position = position + n
            if self.cautious and not math.isfinite(value := float(taken.values.total.detach())):
                raise Diverged(self.epoch, self.at.steps, value)
            for watcher in self.watchers:
                if isinstance(watcher, watching.ModelCheckpoint):
                    watcher.step(self.epoch, self.meter.logs, self.at)
            while self.step.notes:
                yield Warned(self.step.notes.pop())
            yield Stepped(self.epoch, self.at.steps, self.position, len(sequence), self.meter.logs)

    def end_epoch(self, seconds: float) -> Evaluated:
        """Close the epoch: its values, validation, callbacks."""
        logs = self.meter.logs()
        if not math.isfinite(logs["loss"]):
            raise Diverged(self.epoch, self.at.steps, logs["loss"])
        if self.validation is not None:
            shown = self.at.averaged() if self.swaps else self.at.weights
            held = measure(
                self.graph, self.step.runner, shown, self.validation,
                self.training.batch_size, self.device, self.step.cast,
            )  # fmt: skip
            logs |= {f"val_{name}": value for name, value in held.items()}
        for watcher in self.watchers:
            self.reason = watcher.epoch(self.epoch, logs, self.at) or self.reason
        for watcher in self.watchers:
            watcher.end(self.at)
        self.history.append({"epoch": self.epoch, **logs})
        self.epoch, self.position = self.epoch + 1, 0
        self.meter.begin()
        return Evaluated(self.epoch - 1, self.training.epochs, logs, seconds)

    def finish(self) -> str:
        """Let the callbacks have their last word; gives why training ended."""
        words = [self.reason or ("1 epoch" if self.epoch == 1 else f"{self.epoch} epochs")]
        if self.training.optimizer.use_ema:
            swap(self.at.learnt, self.at.state["average"])
        words += [word for watcher in self.watchers if (word := watcher.finish(self.at))]
        return "; ".join(words)

    def moved(self, batch: Mapping[str, Any]) -> Mapping[str, Any]:
        return moved(batch, self.device)

    # -- what a checkpoint keeps -----------------------------------------------------------

    def checkpoint(self) -> Checkpoint:
        """Where training stands. Raises `Diverged` rather than keep what is lost."""
        if self.meter.count and not math.isfinite(value := self.meter.logs()["loss"]):
            raise Diverged(self.epoch, self.at.steps, value)
        extra = self.meter.tensors() | self.carried()
        for number, watcher in enumerate(self.watchers):
            if isinstance(watcher, watching.EarlyStopping) and watcher.kept:
                extra |= {f"best.{number}.{name}": v for name, v in watcher.kept.items()}
        state = {
            "epoch": self.epoch, "position": self.position, "steps": self.at.steps,
            "skipped": self.at.skipped, "scaling": self.at.scaling and self.at.scaling.state(),
            "fixed_rate": self.at.fixed, "seen": self.meter.count, "reason": self.reason,
            "callbacks": [watcher.state() for watcher in self.watchers], "history": self.history,
        }  # fmt: skip
        return Checkpoint(self.at.weights, self.at.remembered(), extra, state)

    def restore(self, held: Checkpoint) -> None:
        """Stand where a checkpoint stood, bit for bit. Raises `Unreadable` where it does not fit
        the model.
        """
        state = held.state
        for part, own in (("weights", self.at.weights), ("optimizer", self.at.remembered())):
            held.refuse_others(part, own)
            for name, value in own.items():
                value.copy_(held.tensor(part, name, value))
        self.epoch, self.position = state["epoch"], state["position"]
        self.at.steps, self.at.skipped = state["steps"], state["skipped"]
        self.at.fixed, self.reason = state["fixed_rate"], state["reason"]
        self.history = [one for one in state["history"] if isinstance(one, dict)]
        if len(self.history) != self.epoch:
            raise held.damaged("`history` has an entry for each epoch")
        if self.at.scaling is not None and not self.at.scaling.restore(state["scaling"]):
            raise held.damaged("`scaling` is a scale and a count")
        measured = self.meter.tensors() | self.carried()
        for name, value in measured.items():
            held.tensor("extra", name, value)
        for name, value in self.carried().items():
            value.copy_(held.extra[name])
        held.refuse_others("extra", measured, ("sum.", "best."))
        extra = {name: value.to(self.device) for name, value in held.extra.items()}
        self.meter.restore(extra, state["seen"])
        self.restore_callbacks(held, extra)

    def carried(self) -> dict[str, Tensor]:
        """The states of stateful layers, as a checkpoint names them."""
        return {f"carried.{name}": value for name, value in self.at.carried.items()}

    def restore_callbacks(self, held: Checkpoint, extra: Mapping[str, Tensor]) -> None:
        kept = held.state["callbacks"]
        shapes = [one.keys() if isinstance(one, dict) else one for one in kept]
        if shapes != [watcher.state().keys() for watcher in self.watchers]:
            raise held.damaged("`callbacks` are not those of the spec")
        for number, watcher in enumerate(self.watchers):
            watcher.restore(kept[number])
            best = f"best.{number}."
            if isinstance(watcher, watching.EarlyStopping) and any(
                n.startswith(best) for n in extra
            ):
                watcher.kept = {
                    name: held.tensor("extra", best + name, value).to(self.device)
                    for name, value in self.at.weights.items()
                }


def step_of(graph: Graph, learnt: Learnt | None) -> Step:
    """The training step that the spec asks for."""
    if not graph.spec.training.compile:
        return Step(graph, graph.spec.training, learnt)
    from modelspec.engine.compiled import CompiledStep

    return CompiledStep(graph, graph.spec.training, learnt)
