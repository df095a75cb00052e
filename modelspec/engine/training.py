"""Training from a spec, or on from a run: opens the data, runs the loop, keeps the folder."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from torch import Tensor

from modelspec.engine import checkpoint as keeping
from modelspec.engine import findings, wanted
from modelspec.engine.carried import refuse_uneven
from modelspec.engine.data import Prepared, prepare
from modelspec.engine.learnt import Learnt, adapting, brought, filed, read_states
from modelspec.engine.loop import Diverged, Evaluated, Event, Finished, Interrupted, Loop, Saved
from modelspec.engine.module import Module
from modelspec.engine.run import HISTORY, Run, create, device_of, load_into, refused, write_spec
from modelspec.engine.weights import takes_weights, write
from modelspec.model.graph import Graph, Owner, Step
from modelspec.model.run_folder import Hold, number_of

#: An epoch's end is kept if the last checkpoint is older than this; the last epoch always is.
SECONDS = 5.0


class Trainer:
    """One training run and its folder. `stop(signal)` ends it after the step at hand."""

    def __init__(
        self, graph: Graph, folder: str, *, device: str | None = None, weights: str | None = None
    ) -> None:
        self.graph, self.folder = graph, folder
        self.device = device_of(device)
        data = ready(graph)
        self.prepared = prepare(data, wanted.everything(graph), graph.spec.training.seed)
        refuse_partial(graph, self.prepared)
        #: What the data shows that is surely wrong.
        self.warnings = findings.found(graph, self.prepared.train)
        self.learnt = brought(graph) | ({} if weights is None else read_states(weights))
        self.loop = self.begin(Module(graph, graph.spec.training.seed), weights)
        given = weights is not None or takes_weights(graph) or bool(adapting(graph))
        # Weights from elsewhere may be gone, or others, when the run is resumed.
        begun = self.loop.checkpoint() if given else None
        #: Where an earlier run of the name is kept, "" if there was none.
        self.aside = create(folder, graph, self.prepared.encoders, begun, self.learnt)
        self.number, self.kept = number_of(self.folder), time.monotonic()

    @classmethod
    def resumed(cls, run: Run) -> Trainer:
        """Where the run's last checkpoint stood; its spec is kept as it now is. Raises
        `Unreadable` where the checkpoint is damaged, or of another model.
        """
        self = cls.__new__(cls)
        self.graph, self.folder, self.device = run.graph, run.folder, str(run.device)
        data, training = ready(run.graph), run.graph.spec.training
        held = keeping.newest(run.folder)
        self.prepared = prepare(
            data, wanted.everything(run.graph), training.seed, run.encoders or None
        )
        refuse_partial(run.graph, self.prepared)
        self.warnings = []  # they were told when the run began
        self.learnt = run.learnt
        module = Module(run.graph, training.seed, pretrained=held is None)
        self.loop = self.begin(module, None, learns=held is None)
        if held is not None:
            self.loop.restore(held)
        write_spec(run.folder, run.graph)
        self.number, self.kept = number_of(self.folder), time.monotonic()
        return self

    def begin(self, module: Module, weights: str | None, *, learns: bool = True) -> Loop:
        """The loop at its start: layers that adapt have learnt from train, unless they had."""
        if weights is not None:
            load_into(module, weights)
        held = {n: v.detach().to(self.device) for n, v in module.weights().items()}
        if learns:
            self.learn(held)
        return Loop(
            self.graph, held, self.prepared.train, self.prepared.validation, self.folder,
            self.device, Learnt(self.learnt),
        )  # fmt: skip

    def learn(self, weights: dict[str, Tensor]) -> None:
        """Let the layers that adapt see train; what they learn goes to `weights` and `learnt`."""
        if adapting(self.graph):
            from modelspec.engine.adapt import adapt

            adapted = adapt(self.graph, weights, self.learnt, self.prepared.train, self.device)
            self.learnt = adapted.states
            for name, value in adapted.weights.items():
                weights[name].copy_(value)
        self.learnt = filed(self.graph) | self.learnt

    def stop(self, signal: int) -> None:
        """Ask the loop to end after the step at hand, with a checkpoint."""
        self.loop.signal = signal

    def run(self) -> Iterator[Event]:
        """Train, event by event. Left early (a `break`, a signal), it keeps a checkpoint."""
        hold = Hold(self.folder, self.number)
        try:
            yield from self.events()
        finally:
            hold.release()

    def events(self) -> Iterator[Event]:
        every = self.graph.spec.training.checkpoint_every
        saved = self.loop.at.steps
        done = self.loop.ended
        self.record()  # what the checkpoint knows, and no epoch that has to be run again
        try:
            for event in self.loop.run():
                yield event
                if isinstance(event, Evaluated):
                    self.record()
                    if not self.loop.ended and time.monotonic() - self.kept < SECONDS:
                        continue
                elif not every or self.loop.at.steps % every:
                    continue
                saved = self.loop.at.steps
                yield self.save()
        except (GeneratorExit, Interrupted):
            if self.loop.at.steps != saved:
                with suppress(Diverged):
                    self.save()
            raise
        except Diverged as diverged:
            if not self.loop.forgives:
                raise
            self.loop.reason = str(diverged)
        yield self.finish(done)

    def save(self) -> Saved:
        path = keeping.save(self.folder, self.loop.checkpoint())
        self.kept = time.monotonic()
        return Saved(path, self.loop.at.steps)

    def record(self) -> None:
        """The history so far, a line an epoch."""
        lines = "".join(json.dumps(one) + "\n" for one in self.loop.history)
        keeping.write_text(os.path.join(self.folder, HISTORY), lines)

    def finish(self, again: bool) -> Finished:
        """The last checkpoint stays; what `weights.safetensors` holds is what callbacks chose."""
        reason = self.loop.finish()
        if again:
            reason = f"was already finished: {reason}"
        place, weights = os.path.join(self.folder, "weights.safetensors"), self.loop.at.weights
        # Weights that are lost do not replace those of the last checkpoint.
        if not os.path.exists(place) or all(bool(w.isfinite().all()) for w in weights.values()):
            aside = f"{place}.new"
            write(weights, aside)
            os.replace(aside, place)
        return Finished(self.loop.epoch, reason, self.folder, self.loop.history)


def refuse_partial(graph: Graph, prepared: Prepared) -> None:
    """Raise `Rejected` where a stateful model would meet a batch that is not whole."""
    size, steps = graph.batch_size, graph.spec.training.steps_per_epoch
    count = len(prepared.train)
    refuse_uneven(graph, min(count, steps * size) if steps else count, size, "`train`")
    if prepared.validation is not None:
        refuse_uneven(graph, len(prepared.validation), size, "`validation`")


def ready(graph: Graph) -> Any:
    """The spec's data, where the spec can be trained; raises `Rejected`."""
    if not graph.losses:
        raise refused(
            "not-trainable",
            "no output has a loss, so there is nothing to train for",
            "outputs: {" + next(iter(graph.program.outputs), "name") + ": {loss: ...}}",
        )
    if not learns(graph):
        raise refused(
            "not-trainable", "no loss depends on a weight that training could change",
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


def learns(graph: Graph) -> bool:
    """Whether some loss depends on a weight that is trained."""
    wanted = {head.tensor for head in graph.heads.values() if head.losses}
    for step in reversed(graph.program.steps):
        if wanted.isdisjoint(step.outputs):
            continue
        if any(owner.trained for owner in owners(graph, step)):
            return True
        wanted.update(step.reads())
    return False


def owners(graph: Graph, step: Step) -> Iterator[Owner]:
    """What owns the weights that a step uses, inside a wrapper too."""
    if step.definition.path in graph.owners:
        yield graph.owners[step.definition.path]
    for inner in step.body.steps if step.body is not None else ():
        yield from owners(graph, inner)
