"""What the proofs of exports run on."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from modelspec.model.graph import Graph, Program

#: What a size that the spec leaves open is in a check.
OPEN = 12
#: The part of integers that is 0 in a check.
PADDED = 0.25


def random_inputs(graph: Graph, batch: int) -> dict[str, Tensor]:
    """Normal floats, booleans, integers that every table has a row for, a part of them 0: a table
    may mask it.
    """
    generator = torch.Generator().manual_seed(batch)
    highest = vocabulary(graph.program)
    found = {}
    for name, id in graph.program.inputs.items():
        tensor = graph.program.tensors[id]
        dims = [dim if isinstance(dim, int) else OPEN for dim in tensor.shape or ()]
        if tensor.dtype == "string":
            found[name] = random_texts(batch, dims, generator)
            continue
        dtype = getattr(torch, tensor.dtype)
        if dtype.is_floating_point:
            found[name] = torch.randn(batch, *dims, generator=generator).to(dtype)
        else:
            high = 2 if dtype == torch.bool else highest
            drawn = torch.randint(0, high, (batch, *dims), generator=generator)
            behind = drawn[..., 1:]
            behind[torch.rand(behind.shape, generator=generator) < PADDED] = 0
            found[name] = drawn.to(dtype)
    return found


def random_texts(batch: int, dims: list[int], generator: torch.Generator) -> Any:
    """Texts of a few words, some of them alike."""
    words = ["a", "The", "model,", "reads", "two", "TEXTS.", "and", "café", "says", "so!", "word1"]
    texts = np.empty((batch, *dims), object)
    for place in np.ndindex(texts.shape):
        chosen = torch.randint(0, len(words), (4,), generator=generator).tolist()
        texts[place] = " ".join(words[at] for at in chosen)
    return texts


def vocabulary(program: Program) -> int:
    """The size of the smallest table that integers may be looked up in."""
    smallest = 100
    for step in program.steps:
        for argument in ("input_dim", "num_tokens", "num_classes"):
            size: Any = vars(step.layer).get(argument)
            smallest = min(smallest, size) if isinstance(size, int) else smallest
        if step.body is not None:
            smallest = min(smallest, vocabulary(step.body))
    return smallest
