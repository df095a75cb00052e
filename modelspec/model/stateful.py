"""What a model says of its batches, and what layers that go on from batch to batch need of them."""

from __future__ import annotations

from typing import Any

from modelspec.model.graph import Graph, Owner
from modelspec.source.diagnostics import Report
from modelspec.source.text import Span


def batches(graph: Graph, report: Report) -> None:
    """Report batches of two sizes, and those that are shuffled in front of a stateful layer."""
    training: Any = graph.spec.training
    if training is None:  # which has been reported
        return
    said = {one.batch_span: one.batch_size for one in graph.spec.body.inputs if one.batch_span}
    other = training.spans.get("batch_size") or next(iter(said), None)
    for span, size in said.items():
        if size is not None and size != training.batch_size:
            report.error(
                "wrong-batches",
                "all inputs, and the steps of training, have as many samples in a batch",
                span,
                f"here {size}",
                also=[] if other is None else [(other, f"and here {training.batch_size}")],
                help="say `batch_size` once: of an input, or of `train`",
            )
    owner = graph.stateful
    if owner is not None and graph.losses and training.shuffle:
        shuffled(owner, training.spans.get("shuffle"), report)


def shuffled(owner: Owner, written: Span | None, report: Report) -> None:
    """Report that what a stateful layer is trained on would be in another order each epoch."""
    layer: Any = owner.definition.layer
    place: Span = layer.__dict__.get("spans", {}).get("stateful", owner.call.span)
    goes_on = f"`{owner.definition.name}` goes on where the batch before ended"
    report.error(
        "wrong-batches",
        "what a stateful layer is trained on keeps its order",
        place if written is None else written,
        goes_on if written is None else "each epoch would have an order of its own",
        also=[] if written is None else [(place, goes_on)],
        help="train: {shuffle: false}",
    )
