"""Training from a spec, or on from a run: opens the data, runs the loop, keeps the folder."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from typing import Any

from modelspec.engine import checkpoint as keeping
from modelspec.engine import wanted
from modelspec.engine.data import prepare
from modelspec.engine.loop import Evaluated, Event, Finished, Interrupted, Loop, Saved
from modelspec.engine.module import Module
from modelspec.engine.run import HISTORY, Run, best_device, create, load_into, refused
from modelspec.model.graph import Graph

#: An epoch's end is kept if the last checkpoint is older than this; the last epoch always is.
SECONDS = 5.0


class Trainer:
    """One training run and its folder. `stop(signal)` ends it after the step at hand."""

    def __init__(
        self, graph: Graph, folder: str, *, device: str | None = None, weights: str | None = None
    ) -> None:
        self.graph, self.folder = graph, folder
        self.device = device or best_device()
        data = ready(graph)
        self.prepared = prepare(data, wanted.everything(graph), graph.spec.training.seed)
        self.loop = self.begin(Module(graph, graph.spec.training.seed), weights)
        create(folder, graph, self.prepared.encoders)
        self.kept = time.monotonic()

    @classmethod
    def resumed(cls, run: Run) -> Trainer:
        """Where the run's last checkpoint stood."""
        self = cls.__new__(cls)
        self.graph, self.folder, self.device = run.graph, run.folder, str(run.device)
        data, training = ready(run.graph), run.graph.spec.training
        held = keeping.newest(run.folder)
        self.prepared = prepare(
            data, wanted.everything(run.graph), training.seed, run.encoders or None
        )
        self.loop = self.begin(Module(run.graph, training.seed, pretrained=held is None), None)
        if held is not None:
            self.loop.restore(held)
        self.kept = time.monotonic()
        return self

    def begin(self, module: Module, weights: str | None) -> Loop:
        if weights is not None:
            load_into(module, weights)
        held = {n: v.detach().to(self.device) for n, v in module.weights().items()}
        return Loop(
            self.graph, held, self.prepared.train, self.prepared.validation, self.folder,
            self.device,
        )  # fmt: skip

    def stop(self, signal: int) -> None:
        """Ask the loop to end after the step at hand, with a checkpoint."""
        self.loop.signal = signal

    def run(self) -> Iterator[Event]:
        """Train, event by event. Left early (a `break`, a signal), it keeps a checkpoint."""
        every = self.graph.spec.training.checkpoint_every
        saved = self.loop.at.steps
        try:
            for event in self.loop.run():
                yield event
                if isinstance(event, Evaluated):
                    self.record()
                    done = self.loop.epoch == self.graph.spec.training.epochs or self.loop.reason
                    if not done and time.monotonic() - self.kept < SECONDS:
                        continue
                elif not every or self.loop.at.steps % every:
                    continue
                saved = self.loop.at.steps
                yield self.save()
        except (GeneratorExit, Interrupted):
            if self.loop.at.steps != saved:
                self.save()
            raise
        yield self.finish()

    def save(self) -> Saved:
        path = keeping.save(self.folder, self.loop.checkpoint())
        self.kept = time.monotonic()
        return Saved(path, self.loop.at.steps)

    def record(self) -> None:
        """The history so far, a line an epoch."""
        lines = "".join(json.dumps(one) + "\n" for one in self.loop.history)
        keeping.write_text(os.path.join(self.folder, HISTORY), lines)

    def finish(self) -> Finished:
        """The last checkpoint stays; what `weights.safetensors` holds is what callbacks chose."""
        from modelspec.engine.weights import write

        reason = self.loop.finish()
        aside = os.path.join(self.folder, "final.safetensors")
        write(self.loop.at.weights, aside)
        os.replace(aside, os.path.join(self.folder, "weights.safetensors"))
        return Finished(self.loop.epoch, reason, self.folder, self.loop.history)


def ready(graph: Graph) -> Any:
    """The spec's data, where the spec can be trained; raises `Rejected`."""
    if not graph.losses:
        raise refused(
            "not-trainable",
            "no output has a loss, so there is nothing to train for",
            "outputs: {" + next(iter(graph.program.outputs), "name") + ": {loss: ...}}",
        )
    if graph.trainable_parameters == 0:
        raise refused(
            "not-trainable", "the model has no weight that training could change",
            "take `trainable: false` away from a layer",
        )  # fmt: skip
    data = graph.spec.data
    if data is None or data.train is None:
        raise refused(
            "missing-key",
            "the spec names no data to train on",
            "data: {train: rows.csv}; for a quick check, {train: {type: Synthetic, samples: 1000}}",
        )
    return data
