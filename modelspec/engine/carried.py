"""States that stateful layers hand on from batch to batch: where they begin, what they need."""

from __future__ import annotations

from typing import NoReturn

import torch
from torch import Tensor

from modelspec.engine.runner import TORCH
from modelspec.model.graph import Graph, Owner
from modelspec.source.diagnostics import Diagnostic, Label, Rejected


def begun(
    graph: Graph, device: torch.device | str = "cpu", batch_size: int | None = None
) -> dict[str, Tensor]:
    """Every state by its full name, at its beginning: zeros for each sample of a batch."""
    count = batch_size or graph.batch_size
    found: dict[str, Tensor] = {}
    for owner in graph.owners.values():
        dtype = TORCH[owner.definition.dtype or "float32"]
        for state in owner.carried:
            shape = [dim for dim in state.shape if isinstance(dim, int)]
            found[owner.name(state)] = torch.zeros(count, *shape, dtype=dtype, device=device)
    return found


def refuse_uneven(graph: Graph, samples: int, batch_size: int, what: str) -> None:
    """Raise `Rejected` where a stateful model would meet a batch that is not whole."""
    owner, left = graph.stateful, samples % batch_size
    if owner is None or not left:
        return
    refuse(
        owner,
        batch_size,
        f"{what} has {samples}: {samples // batch_size} whole batches, and {left} left over",
        f"leave out {left}, or choose a `batch_size` that divides {samples}",
    )


def refuse_other_size(graph: Graph, given: int, batch_size: int) -> None:
    """Raise `Rejected` where a batch is not of the size that the states are of."""
    owner = graph.stateful
    if owner is None or given == batch_size:
        return
    refuse(
        owner,
        batch_size,
        f"this batch has {given}",
        f"begin anew with batches of {given}: `module.reset_states({given})`",
    )


def refuse(owner: Owner, batch_size: int, fact: str, help: str) -> NoReturn:
    raise Rejected(
        [
            Diagnostic(
                "wrong-samples",
                f"`{owner.definition.name}` is stateful: all batches have {batch_size} samples",
                Label(owner.call.span, "goes on where the batch before ended"),
                notes=(fact,),
                help=(help,),
            )
        ]
    )
