"""Losses and metrics over samples that are not trained on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from modelspec.engine.carried import begun, refuse_uneven
from modelspec.engine.data import Samples, batches
from modelspec.engine.objective import Meter, Objective
from modelspec.engine.runner import Runner
from modelspec.engine.texts import moved
from modelspec.model.graph import Graph
from modelspec.source.diagnostics import Report


@torch.inference_mode()
def measure(
    graph: Graph,
    runner: Runner,
    weights: Mapping[str, Tensor],
    samples: Samples,
    batch_size: int,
    device: torch.device | str = "cpu",
    cast: torch.dtype | None = None,
) -> dict[str, Any]:
    """Every loss and metric, as means over the samples. Raises `Rejected` without a loss.

    Stateful layers begin anew, and go on from batch to batch.
    """
    report = Report()
    if not graph.losses:
        report.error("missing-key", "no output has a loss, so there is nothing to measure",
                     help="outputs: {name: {loss: ...}}")  # fmt: skip
    report.raise_if_errors()
    refuse_uneven(graph, len(samples), batch_size, "what is measured on")
    held = {**weights, **begun(graph, device, batch_size)}
    objective, meter = Objective(graph, training=False), Meter(graph, device)
    for position, batch in batches(samples, batch_size, np.arange(len(samples))):
        given = moved(batch, device)
        outcome = runner(held, given, training=False, cast=cast)
        held |= outcome.updates
        n = min(batch_size, len(samples) - position)
        meter.add(objective(outcome, given, weights), outcome, given, n)
    return meter.logs()
