"""What a run does in training that a script does not say: refused before anything is written."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from modelspec.catalog.layers import attention, normalization, recurrent, regularization, wrappers
from modelspec.catalog.layers.augmentation import colour, geometric
from modelspec.catalog.sources import Synthetic
from modelspec.engine import wanted
from modelspec.engine.data import open_source
from modelspec.engine.data.prepare import feeds_of
from modelspec.engine.data.samples import samples_of
from modelspec.engine.lowering import lowering
from modelspec.engine.run import Run
from modelspec.engine.runner import Outcome
from modelspec.exchange.python.source import PythonSource
from modelspec.exchange.python.training.data import Data
from modelspec.model.graph import Graph, Program, Step
from modelspec.source.diagnostics import Report

#: Layers whose draws PyTorch's modules make too.
DRAWING = (
    regularization.Dropout, regularization.SpatialDropout, regularization.AlphaDropout,
    regularization.GaussianNoise, regularization.GaussianDropout, recurrent.Recurrent,
    wrappers.Bidirectional, attention.MultiHeadAttention,
    geometric.RandomFlip, geometric.RandomRotation, geometric.RandomZoom,
    geometric.RandomTranslation, colour.RandomBrightness, colour.RandomContrast,
)  # fmt: skip
RULE = "a training script says all that training does"


def refuse(run: Run, made: PythonSource, data: Data, report: Report) -> None:
    """Report every part of training that has no place in a script."""
    graph = run.graph
    outcome = passed(run)
    for step in every(graph.program):
        why = None
        if "random" in lowering(type(step.layer)).asks and not isinstance(step.layer, DRAWING):
            why = "it draws random numbers in training"
        if getattr(step.layer, "activity_regularizer", None) is not None:
            why = "what it gives is penalized"
        if why is not None:
            report.error("cannot-export", RULE, step.call.span, f"`{step.layer.title()}`: {why}",
                         help=HELP)  # fmt: skip
    for step in graph.program.steps:
        masked = isinstance(step.layer, normalization.BatchNormalization) and any(
            outcome.masks[id] is not None for id in step.reads()
        )
        if masked:
            report.error("cannot-export", RULE, step.call.span,
                         "its statistics leave out masked steps", help=HELP)  # fmt: skip
    for head in graph.heads.values():
        if outcome.masks[head.tensor] is not None and (head.losses or head.metrics):
            report.error("cannot-export", RULE, head.span,
                         f"a mask says which steps of `{head.name}` count", help=HELP)  # fmt: skip
    refuse_batch(graph, data, report)


HELP = "leave out `--with-training`: the model itself can be written"


def refuse_batch(graph: Graph, data: Data, report: Report) -> None:
    """PyTorch normalizes no batch of one sample."""
    flat = any(
        isinstance(step.layer, normalization.BatchNormalization)
        and len(graph.program.tensors[step.reads()[0]].shape or ()) == 1
        for step in graph.program.steps
    )
    size = graph.spec.training.batch_size
    if flat and (data.count % size == 1 or size == 1):
        report.error("cannot-export", "PyTorch normalizes batches of two samples or more",
                     graph.spec.training.__dict__.get("span"),
                     f"of {data.count} samples, the last batch has one",
                     help=f"--set train.batch_size={size + 1}")  # fmt: skip


def every(program: Program) -> Iterator[Step]:
    """All steps, those inside wrappers too."""
    for step in program.steps:
        yield step
        if step.body is not None:
            yield from every(step.body)


@torch.no_grad()
def passed(run: Run) -> Outcome:
    """One pass in training over samples that are drawn."""
    module = run.module
    return module.runner(module.weights(), drawn(run.graph, 2), training=True)


def drawn(graph: Graph, count: int) -> dict[str, torch.Tensor]:
    """Random samples with targets, as the engine takes them."""
    word = Synthetic.of({"samples": count, "seed": 0})
    everything = wanted.everything(graph)
    rows = open_source(word, everything)
    feeds = feeds_of(word, rows, everything, {})
    samples = samples_of(feeds, rows, 0, count)

    return samples.batch(np.arange(count))
