"""Callbacks: they read an epoch's values and say what is to happen. State is plain data."""

from __future__ import annotations

import csv
import io
import math
import os
import re
from collections.abc import Callable
from typing import Any

from modelspec.catalog import callbacks as words
from modelspec.engine.averages import swap
from modelspec.engine.checkpoint import write_text
from modelspec.engine.schedules import rate
from modelspec.engine.step import Trainable
from modelspec.engine.weights import write


class Watch:
    """Whether a monitored quantity improves, and for how long it has not."""

    def __init__(self, word: words.Monitor, start: float | None = None) -> None:
        self.word = word
        self.best, self.wait = start, 0

    def better(self, value: float) -> bool:
        delta = self.word.__dict__.get("min_delta", 0.0)
        if self.best is None or not math.isfinite(self.best):
            return math.isfinite(value)
        if self.word.rises():
            return bool(value - delta > self.best)
        return bool(value + delta < self.best)


class Active:
    """One callback at work. Subclasses look at epochs; `state` is what a checkpoint keeps."""

    def __init__(self, word: Any, folder: str) -> None:
        self.word, self.folder = word, folder

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up the state that a checkpoint kept."""

    def begin(self, epoch: int, at: Trainable) -> None:
        """An epoch begins, or goes on where a checkpoint was made."""

    def epoch(self, epoch: int, logs: dict[str, Any], at: Trainable) -> str | None:
        """Look at an epoch's values; a reason to stop, or None."""
        return None

    def end(self, at: Trainable) -> None:
        """All callbacks have looked at the epoch."""

    def finish(self, at: Trainable) -> str | None:
        """The run ends: a word on what was done, or None."""
        return None

    def value(self, logs: dict[str, Any]) -> float | None:
        found = logs.get(self.word.monitor)
        return float(found) if isinstance(found, int | float) else None


class EarlyStopping(Active):
    """Ends the run after `patience` epochs without improvement."""

    def __init__(self, word: words.EarlyStopping, folder: str) -> None:
        super().__init__(word, folder)
        self.watch = Watch(word, word.baseline)
        self.best_epoch = -1
        self.kept: dict[str, Any] | None = None
        self.stopped = False

    def state(self) -> dict[str, Any]:
        return {"best": self.watch.best, "wait": self.watch.wait, "best_epoch": self.best_epoch}

    def restore(self, state: dict[str, Any]) -> None:
        self.watch.best, self.watch.wait = state["best"], state["wait"]
        self.best_epoch = state["best_epoch"]

    def epoch(self, epoch: int, logs: dict[str, Any], at: Trainable) -> str | None:
        value = self.value(logs)
        word: words.EarlyStopping = self.word
        if value is None or epoch < word.start_from_epoch:
            return None
        if self.kept is None and word.restore_best_weights:
            self.keep(epoch, at)  # if nothing improves, the first weights seen are the best
        self.watch.wait += 1
        if self.watch.better(value):
            self.watch.best = value
            self.best_epoch = epoch
            if word.restore_best_weights:
                self.keep(epoch, at)
            self.watch.wait = 0
            return None
        if self.watch.wait >= word.patience and epoch > 0:
            self.stopped = True
            epochs = "1 epoch" if self.watch.wait == 1 else f"{self.watch.wait} epochs"
            return f"{word.monitor} has not improved for {epochs}"
        return None

    def keep(self, epoch: int, at: Trainable) -> None:
        self.best_epoch = epoch
        self.kept = {name: value.detach().clone() for name, value in at.weights.items()}

    def finish(self, at: Trainable) -> str | None:
        if self.kept is None:
            return None
        for name, value in self.kept.items():
            at.weights[name].copy_(value)
        return f"weights of epoch {self.best_epoch + 1}"


class ReduceLROnPlateau(Active):
    """Lowers the learning rate after `patience` epochs without improvement."""

    def __init__(self, word: words.ReduceLROnPlateau, folder: str) -> None:
        super().__init__(word, folder)
        self.watch = Watch(word)
        self.cooldown = 0

    def state(self) -> dict[str, Any]:
        return {"best": self.watch.best, "wait": self.watch.wait, "cooldown": self.cooldown}

    def restore(self, state: dict[str, Any]) -> None:
        self.watch.best, self.watch.wait = state["best"], state["wait"]
        self.cooldown = state["cooldown"]

    def epoch(self, epoch: int, logs: dict[str, Any], at: Trainable) -> str | None:
        value = self.value(logs)
        word: words.ReduceLROnPlateau = self.word
        logs["learning_rate"] = at.rate
        if value is None:
            return None
        if self.cooldown > 0:
            self.cooldown -= 1
            self.watch.wait = 0
        if self.watch.better(value):
            self.watch.best, self.watch.wait = value, 0
        elif self.cooldown <= 0:
            self.watch.wait += 1
            if self.watch.wait >= word.patience and at.rate > word.min_lr:
                at.fixed = max(at.rate * word.factor, word.min_lr)
                self.cooldown, self.watch.wait = word.cooldown, 0
        return None


class ModelCheckpoint(Active):
    """Keeps the weights after an epoch (or the best ones) in a folder of their own."""

    def __init__(self, word: words.ModelCheckpoint, folder: str) -> None:
        super().__init__(word, folder)
        self.watch = Watch(word, word.initial_value_threshold)

    def state(self) -> dict[str, Any]:
        return {"best": self.watch.best}

    def restore(self, state: dict[str, Any]) -> None:
        self.watch.best = state["best"]

    def epoch(self, epoch: int, logs: dict[str, Any], at: Trainable) -> str | None:
        if self.word.save_freq == "epoch":
            self.save(epoch, logs, at)
        return None

    def step(self, epoch: int, logs: Callable[[], dict[str, Any]], at: Trainable) -> None:
        """Look at one step, where `save_freq` counts those."""
        if self.word.save_freq != "epoch" and at.steps % self.word.save_freq == 0:
            self.save(epoch, logs(), at)

    def save(self, epoch: int, logs: dict[str, Any], at: Trainable) -> None:
        if self.word.save_best_only:
            value = self.value(logs)
            if value is None or not self.watch.better(value):
                return
            self.watch.best = value
        path = os.path.join(self.folder, self.filled(epoch, logs))
        os.makedirs(path, exist_ok=True)
        parts = {"weights": at.weights}
        if not self.word.save_weights_only:
            parts["optimizer"] = at.remembered()
        for part, tensors in parts.items():
            aside = os.path.join(path, f"{part}.safetensors.new")
            write(tensors, aside)
            os.replace(aside, os.path.join(path, f"{part}.safetensors"))

    def filled(self, epoch: int, logs: dict[str, Any]) -> str:
        """The path with `{epoch}` and `{val_loss:.2f}` filled in; numbers alone, no attributes."""
        values = {**logs, "epoch": epoch + 1}

        def fill(match: re.Match[str]) -> str:
            value = values.get(match[1])
            return format(value, match[2] or "") if isinstance(value, int | float) else match[0]

        return words.FILLED.sub(fill, str(self.word.path))


class CSVLogger(Active):
    """Writes a row of values an epoch."""

    def __init__(self, word: words.CSVLogger, folder: str) -> None:
        super().__init__(word, folder)
        self.rows: list[dict[str, Any]] = []

    def state(self) -> dict[str, Any]:
        return {"rows": self.rows}

    def restore(self, state: dict[str, Any]) -> None:
        self.rows = state["rows"]

    def epoch(self, epoch: int, logs: dict[str, Any], at: Trainable) -> str | None:
        self.rows.append({"epoch": epoch, **logs})
        path = os.path.join(self.folder, str(self.word.path))
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        # Whole each time: a run that was killed and resumed has every row once.
        text = io.StringIO(newline="")
        writer = csv.DictWriter(
            text, list(self.rows[0]), delimiter=self.word.separator, extrasaction="ignore"
        )
        writer.writeheader()
        writer.writerows(self.rows)
        write_text(path, text.getvalue())
        return None


class LearningRateScheduler(Active):
    """Sets the learning rate for each epoch."""

    def begin(self, epoch: int, at: Trainable) -> None:
        at.fixed = rate(self.word.schedule, epoch)

    def epoch(self, epoch: int, logs: dict[str, Any], at: Trainable) -> str | None:
        logs["learning_rate"] = at.rate
        return None


class SwapEMAWeights(Active):
    """Lets the callbacks after it see the weights' moving averages, at an epoch's end."""

    def epoch(self, epoch: int, logs: dict[str, Any], at: Trainable) -> str | None:
        if self.word.swap_on_epoch:
            swap(at.learnt, at.state["average"])
        return None

    def end(self, at: Trainable) -> None:
        if self.word.swap_on_epoch:
            swap(at.learnt, at.state["average"])


class ResetStates(Active):
    """Lets stateful layers begin each epoch anew."""

    def epoch(self, epoch: int, logs: dict[str, Any], at: Trainable) -> str | None:
        for state in at.carried.values():
            state.zero_()
        return None


ACTIVE: dict[type[words.Callback], type[Active]] = {
    words.EarlyStopping: EarlyStopping,
    words.ReduceLROnPlateau: ReduceLROnPlateau,
    words.ModelCheckpoint: ModelCheckpoint,
    words.CSVLogger: CSVLogger,
    words.LearningRateScheduler: LearningRateScheduler,
    words.SwapEMAWeights: SwapEMAWeights,
    words.ResetStates: ResetStates,
}


def started(found: list[Any], folder: str) -> list[Active]:
    """The callbacks of a run; TerminateOnNaN is the loop's own, BackupAndRestore every run's."""
    return [ACTIVE[type(word)](word, folder) for word in found if type(word) in ACTIVE]
