"""The catalogue's metrics as pure functions of their state; numbers of Keras 3.

A state is a dict of tensors of constant size (`Metric.state` says which). Nothing here waits for
the device but `result`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from modelspec.catalog import confusion as rates
from modelspec.catalog import iou as regions
from modelspec.catalog import metrics as words
from modelspec.catalog import regression as errors
from modelspec.catalog.metrics import Metric
from modelspec.engine import confusion, curves, iou, probabilistic, regression
from modelspec.engine.losses import aligned, same_rank

State = dict[str, Tensor]


def begin(word: Metric, output: tuple[Any, ...], device: torch.device | str = "cpu") -> State:
    """The state before the first batch, for an output of that shape (batch left out)."""
    return {
        name: torch.zeros(shape, dtype=getattr(torch, dtype), device=device)
        for name, (shape, dtype) in word.state(output).items()
    }


@torch.no_grad()
def update(
    word: Metric, state: State, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
) -> State:
    """The state after one more batch.

    `y_true` and `y_pred` are `(batch, ...)`; weights have their first axes, and are 0 where a mask
    hides a step.
    """
    values = VALUES.get(type(word))
    if values is not None:
        shown = probabilistic.shown(word, y_true, sample_weight)
        return averaged(state, values(word, y_true, y_pred), shown)
    return COUNTS[type(word)](word, state, y_true, y_pred, sample_weight)


def result(word: Metric, state: State) -> float | list[float]:
    """The metric over all batches; a list where it has several values. Waits for the device."""
    found = RESULTS.get(type(word))
    return mean(state) if found is None else found(word, state)


def begin_mean(device: torch.device | str = "cpu") -> State:
    """The state of a running mean, such as a loss over an epoch."""
    return {"total": torch.zeros((), device=device), "count": torch.zeros((), device=device)}


@torch.no_grad()
def add_to_mean(state: State, value: Tensor, samples: float) -> State:
    """One more value, which is itself a mean over so many samples."""
    total = torch.add(state["total"], value, alpha=samples)
    return {"total": total, "count": state["count"] + samples}


def mean(state: State) -> float:
    """Total over count; 0 before the first batch."""
    count = state["count"].item()
    return state["total"].item() / count if count else 0.0


def averaged(state: State, values: Tensor, weight: Tensor | None) -> State:
    """A running mean with one more batch of values, each sample counting alike."""
    batch = values.shape[0]
    if weight is None:
        total = torch.add(state["total"], values.sum(), alpha=batch / values.numel())
        return {"total": total, "count": state["count"] + batch}
    if weight.ndim < values.ndim:
        values = values.float().mean(dim=tuple(range(weight.ndim, values.ndim)))
    weight = aligned(weight.float(), values).expand_as(values)
    share = batch / values.numel()
    return {
        "total": torch.add(state["total"], (values * weight).sum(), alpha=share),
        "count": torch.add(state["count"], weight.sum(), alpha=share),
    }


# --- means over samples


def accuracy(word: Metric, y_true: Tensor, y_pred: Tensor) -> Tensor:
    y_true, y_pred = same_rank(y_true, y_pred)
    return y_true == y_pred


def binary(word: words.BinaryAccuracy, y_true: Tensor, y_pred: Tensor) -> Tensor:
    y_true, y_pred = same_rank(y_true, y_pred)
    return (y_pred > word.threshold) == y_true


def categorical(word: Metric, y_true: Tensor, y_pred: Tensor) -> Tensor:
    return y_true.argmax(-1) == y_pred.argmax(-1)


def sparse(word: Metric, y_true: Tensor, y_pred: Tensor) -> Tensor:
    return without_last(y_true, y_pred) == y_pred.argmax(-1)


def without_last(classes: Tensor, y_pred: Tensor) -> Tensor:
    """Class numbers, without a last axis of one."""
    return classes.squeeze(-1) if classes.ndim == y_pred.ndim else classes


def top_k(word: words.TopKCategoricalAccuracy, y_true: Tensor, y_pred: Tensor) -> Tensor:
    return among_best(y_true.argmax(-1), y_pred, word.k)


def sparse_top_k(
    word: words.SparseTopKCategoricalAccuracy, y_true: Tensor, y_pred: Tensor
) -> Tensor:
    classes = without_last(y_true, y_pred)
    if word.from_sorted_ids:
        return (classes[..., None] == y_pred[..., : word.k]).any(-1)
    return among_best(classes.long(), y_pred, word.k)


def among_best(classes: Tensor, y_pred: Tensor, k: int) -> Tensor:
    """Whether fewer than `k` outputs are greater than the class's own."""
    own = y_pred.gather(-1, classes[..., None])
    return (y_pred > own).sum(-1) < k


def squared(word: Metric, y_true: Tensor, y_pred: Tensor) -> Tensor:
    return F.mse_loss(*same_rank(y_true.float(), y_pred.float()), reduction="none")


def absolute(word: Metric, y_true: Tensor, y_pred: Tensor) -> Tensor:
    return F.l1_loss(*same_rank(y_true.float(), y_pred.float()), reduction="none")


VALUES: dict[type[Metric], Callable[[Any, Tensor, Tensor], Tensor]] = {
    words.Accuracy: accuracy,
    words.BinaryAccuracy: binary,
    words.CategoricalAccuracy: categorical,
    words.SparseCategoricalAccuracy: sparse,
    words.TopKCategoricalAccuracy: top_k,
    words.SparseTopKCategoricalAccuracy: sparse_top_k,
    words.Mean: lambda word, y_true, y_pred: y_pred.float(),
    errors.MeanSquaredError: squared,
    errors.MeanAbsoluteError: absolute,
    errors.RootMeanSquaredError: squared,
    errors.PearsonCorrelation: regression.pearson,
    errors.ConcordanceCorrelation: regression.concordance,
    **dict.fromkeys(probabilistic.LOSSES, probabilistic.as_loss),
}


def total(
    word: Metric, state: State, y_true: Tensor, y_pred: Tensor, weight: Tensor | None
) -> State:
    values = y_pred.float()
    if weight is not None:
        values = values * aligned(weight.float(), values)
    return {"total": state["total"] + values.sum()}


OUTCOMES = rates.TruePositives, rates.TrueNegatives, rates.FalsePositives, rates.FalseNegatives
SWEEPS = (
    rates.SensitivityAtSpecificity, rates.SpecificityAtSensitivity,
    rates.PrecisionAtRecall, rates.RecallAtPrecision,
)  # fmt: skip
OVERLAPS = (
    regions.IoU, regions.MeanIoU, regions.OneHotIoU, regions.OneHotMeanIoU, regions.BinaryIoU,
)  # fmt: skip
COUNTS: dict[type[Metric], Callable[[Any, State, Tensor, Tensor, Tensor | None], State]] = {
    words.Sum: total,
    errors.R2Score: regression.r2_sums,
    rates.AUC: curves.count,
    **dict.fromkeys((rates.Precision, rates.Recall), confusion.confusion),
    **dict.fromkeys((rates.F1Score, rates.FBetaScore), confusion.f_counts),
    **dict.fromkeys(OUTCOMES, confusion.confusion),
    **dict.fromkeys(SWEEPS, curves.sweep),
    **dict.fromkeys(OVERLAPS, iou.count),
}
RESULTS: dict[type[Metric], Callable[[Any, State], float | list[float]]] = {
    words.Sum: lambda word, state: float(state["total"]),
    errors.RootMeanSquaredError: lambda word, state: mean(state) ** 0.5,
    errors.R2Score: regression.r2,
    rates.AUC: curves.area,
    **dict.fromkeys((rates.Precision, rates.Recall), confusion.share),
    **dict.fromkeys((rates.F1Score, rates.FBetaScore), confusion.f_score),
    **dict.fromkeys(OUTCOMES, confusion.amount),
    **dict.fromkeys(SWEEPS, curves.best),
    **dict.fromkeys(OVERLAPS, iou.overlap),
}
