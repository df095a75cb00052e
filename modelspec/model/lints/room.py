"""Whether a step of training fits into memory: a rule on this machine's, and a gate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelspec.model.graph import Graph
from modelspec.model.lints.findings import Finding
from modelspec.model.machine import bytes_of, physical_memory
from modelspec.model.memory import Memory, Part
from modelspec.source.text import Span

MOST = 3  # layers that are shown
#: A step never needs so many times the memory of weights and tensors: what is far from the limit
#: is not reckoned in detail.
AT_MOST = 50


def room(graph: Graph) -> Iterator[Finding]:
    """Training that needs more than this machine has."""
    training = graph.spec.training
    if training is None or not graph.losses:
        return
    limit = physical_memory()
    tensors = sum(tensor.bytes or 0 for tensor in graph.program.tensors)
    if AT_MOST * (4 * graph.parameters + training.batch_size * tensors) > limit:
        found = over(graph, limit, f"this machine has {bytes_of(limit)}")
        if found is not None:
            yield found


def over(graph: Graph, limit: int, whose: str) -> Finding | None:
    """What to say where a graph needs more than the limit at its batch size; None where not."""
    memory, training = Memory(graph), graph.spec.training
    batch: int = training.batch_size
    needed = memory.at(batch)
    if needed <= limit:
        return None
    parts = sorted(memory.parts, key=lambda part: -total(part, batch))[:MOST]
    written: Span | None = training.__dict__["spans"].get("batch_size")
    place = written or (parts[0].span if parts else graph.spec.root.span)
    shown = [one for one in parts if 100 * total(one, batch) > needed and one.span != place]
    what = "a step of training" if memory.training else "a prediction"
    return Finding(
        "too-much-memory",
        f"{what} fits into memory",
        place,
        f"with {batch:,} sample{'' if batch == 1 else 's'} it needs "
        f"{'at least ' if memory.open else ''}{bytes_of(needed)}; {whose}",
        by=training,
        also=tuple((part.span, label(part, batch)) for part in shown),
        notes=tuple(sums(memory, batch)),
        help=smaller(memory, batch, limit),
    )


def total(part: Part, batch: int) -> int:
    return part.sample * batch + part.fixed


def label(part: Part, batch: int) -> str:
    """`conv`: 1.2 GiB for the samples, 3.0 MiB for its weights."""
    held = [
        f"{bytes_of(count)} for {what}"
        for count, what in ((part.sample * batch, "the samples"), (part.fixed, "its weights"))
        if count
    ]
    return f"`{part.name}`: {', '.join(held)}"


def sums(memory: Memory, batch: int) -> Iterator[str]:
    """The arithmetic."""
    fullest = memory.at(batch) - memory.fixed - batch * (memory.batch + memory.outputs)
    parts = [f"weights {bytes_of(memory.weights)}"]
    if memory.training:
        optimizer: Any = memory.graph.spec.training.optimizer
        slots = len(optimizer.kept())
        parts.append(f"{type(optimizer).__name__}'s state {bytes_of(memory.state)} ({slots} each)")
        if memory.copies:
            parts.append(f"kernels laid out anew {bytes_of(memory.copies)}")
    each = bytes_of(memory.outputs + memory.batch)
    parts.append(f"samples and what layers make of them {batch:,} x {each}")
    if memory.training:
        parts.append(f"gradients and what is kept for them {bytes_of(fullest)}")
    yield " + ".join(parts) + f" = {bytes_of(memory.at(batch))}"
    if memory.open:
        yield "tensors of an open size are not counted"


def smaller(memory: Memory, batch: int, limit: int) -> str:
    fits = memory.largest(limit)
    if fits:
        return f"`batch_size: {fits}` would fit"
    return "not one sample fits: fewer weights, or `trainable: false` for some"
