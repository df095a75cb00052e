"""Which sizes of an exported program may change: the batch, and what the spec leaves open."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from modelspec.exchange.random_inputs import random_inputs
from modelspec.model.graph import Graph

#: The batch of the inputs that a model is traced with: torch takes 0 and 1 for constants.
BATCH = 4


def examples(graph: Graph) -> dict[str, Tensor]:
    """Inputs to trace a model with."""
    return random_inputs(graph, BATCH)


def free_sizes(graph: Graph) -> dict[str, dict[int, Any]]:
    """By input, the axes whose sizes may change."""
    found: dict[str, dict[int, Any]] = {}
    for name, id in graph.program.inputs.items():
        free: dict[int, Any] = {0: torch.export.Dim.DYNAMIC}
        for axis, dim in enumerate(graph.program.tensors[id].shape or (), 1):
            if not isinstance(dim, int):
                free[axis] = torch.export.Dim.AUTO
        found[name] = free
    return found


def size_names(graph: Graph) -> list[dict[int, str]]:
    """The same in the order of the inputs, each with a name: `batch`, or the word of the spec."""
    found = []
    for name, id in graph.program.inputs.items():
        free = {0: "batch"}
        for axis, dim in enumerate(graph.program.tensors[id].shape or (), 1):
            if not isinstance(dim, int):
                free[axis] = dim or f"{name}_{axis}"
        found.append(free)
    return found
