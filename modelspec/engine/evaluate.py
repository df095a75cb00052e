"""Losses and metrics over samples that are not trained on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from modelspec.engine.data import Samples, batches
from modelspec.engine.objective import Meter, Objective
from modelspec.engine.runner import Runner
from modelspec.model.graph import Graph


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
    """Every loss and metric, as means over the samples."""
    objective, meter = Objective(graph, training=False), Meter(graph, device)
    for position, batch in batches(samples, batch_size, np.arange(len(samples))):
        moved = batch
        if device != "cpu":
            moved = {name: value.to(device) for name, value in batch.items()}
        outcome = runner(weights, moved, training=False, cast=cast)
        n = min(batch_size, len(samples) - position)
        meter.add(objective(outcome, moved, weights), outcome, moved, n)
    return meter.logs()
