"""The memory that a training step really takes: every allocation of torch, added up."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import torch

from modelspec.catalog.words import bind
from modelspec.engine import wanted
from modelspec.engine.data import prepare
from modelspec.engine.loop import step_of
from modelspec.engine.module import Module
from modelspec.engine.step import Trainable
from modelspec.model.graph import Graph


def peak(graph: Graph) -> int:
    """Bytes at the fullest moment of the second step, weights and the batch included."""
    size = graph.spec.training.batch_size
    source = bind("sources", {"type": "Synthetic", "samples": size})
    data = SimpleNamespace(train=source, validation=None, test=None, fields={})
    batch = prepare(data, wanted.everything(graph)).train.batch(np.arange(size))
    weights = {name: w.detach() for name, w in Module(graph, 0).weights().items()}
    at, step = Trainable(graph, weights, graph.spec.training), step_of(graph, None)
    step(at, batch)
    held = [*weights.values(), *batch.values(), *(t for kept in at.state.values() for t in kept)]
    return sum(tensor.nbytes for tensor in held) + allocated(lambda: step(at, batch))


def allocated(run) -> int:
    """The most that was allocated at once while it ran, beside what was there before."""
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities, profile_memory=True) as seen:
        outcome = run()
    events = [e for e in seen.profiler.kineto_results.events() if e.name() == "[memory]"]
    now = most = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        now += event.nbytes()
        most = max(most, now)
    del outcome
    return most
