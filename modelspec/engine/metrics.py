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

from modelspec.catalog import metrics as words
from modelspec.catalog.metrics import Metric
from modelspec.engine import curves
from modelspec.engine.losses import aligned, same_rank

State = dict[str, Tensor]
EPSILON = 1e-7


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
        return averaged(state, values(word, y_true, y_pred), sample_weight)
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
    words.MeanSquaredError: squared,
    words.MeanAbsoluteError: absolute,
    words.RootMeanSquaredError: squared,
}


# --- counts of hits and misses


def confusion(
    word: words.Precision | words.Recall,
    state: State,
    y_true: Tensor,
    y_pred: Tensor,
    weight: Tensor | None,
) -> State:
    y_true, y_pred = same_rank(y_true != 0, y_pred)
    limits: Any = word.thresholds  # may be None
    best: Any = word.top_k
    if limits is None:
        limits = [0.5 if best is None else -1e10]
    if best is not None:
        indices = y_pred.topk(best).indices
        chosen = torch.zeros_like(y_pred, dtype=torch.bool).scatter_(-1, indices, True)
        y_pred = torch.where(chosen, y_pred, -torch.inf)
    which: Any = word.class_id
    if which is not None:
        y_true, y_pred = y_true[..., which, None], y_pred[..., which, None]
    positive = torch.stack([y_pred > limit for limit in limits])  # (thresholds, batch, ...)
    hits = summed(positive & y_true, weight)
    if isinstance(word, words.Precision):
        name, misses = "false_positives", summed(positive & ~y_true, weight)
    else:
        name, misses = "false_negatives", summed(~positive & y_true, weight)
    return {"true_positives": state["true_positives"] + hits, name: state[name] + misses}


def summed(flags: Tensor, weight: Tensor | None) -> Tensor:
    """The flags' sum for each threshold, in the first axis."""
    if weight is not None:
        flags = flags * aligned(weight.float(), flags[0])
    return flags.flatten(1).sum(1)


def share(word: words.Precision | words.Recall, state: State) -> float | list[float]:
    hits = state["true_positives"]
    misses = state["false_positives" if isinstance(word, words.Precision) else "false_negatives"]
    shares = (hits / (hits + misses).clamp(min=1e-30)).tolist()
    return list(shares) if len(shares) > 1 else float(shares[0])


def f1_counts(
    word: words.F1Score, state: State, y_true: Tensor, y_pred: Tensor, weight: Tensor | None
) -> State:
    threshold: Any = word.threshold  # may be None
    y_pred = y_pred.float()
    if threshold is None:
        chosen = (y_pred >= y_pred.amax(-1, keepdim=True)) & (y_pred.abs() > 1e-9)
    else:
        chosen = y_pred > threshold
    actual, predicted = y_true.float(), chosen.float()
    each = {"true_positives": actual * predicted, "predicted": predicted, "actual": actual}
    if weight is not None:
        column = weight.float().reshape(-1, 1)
        each = {name: value * column for name, value in each.items()}
    if word.average == "micro":
        return {name: state[name] + value.sum() for name, value in each.items()}
    return {name: state[name] + value.sum(0) for name, value in each.items()}


def f1(word: words.F1Score, state: State) -> float | list[float]:
    hits, predicted, actual = (
        state[name].double() for name in ("true_positives", "predicted", "actual")
    )
    precision, recall = hits / (predicted + EPSILON), hits / (actual + EPSILON)
    scores = 2 * precision * recall / (precision + recall + EPSILON)
    if word.average == "weighted":
        return float((scores * actual / (actual.sum() + EPSILON)).sum())
    if word.average is None:
        return list(scores.tolist())
    return float(scores.mean())


COUNTS: dict[type[Metric], Callable[[Any, State, Tensor, Tensor, Tensor | None], State]] = {
    words.AUC: curves.count,
    words.Precision: confusion,
    words.Recall: confusion,
    words.F1Score: f1_counts,
}
RESULTS: dict[type[Metric], Callable[[Any, State], float | list[float]]] = {
    words.RootMeanSquaredError: lambda word, state: mean(state) ** 0.5,
    words.AUC: curves.area,
    words.Precision: share,
    words.Recall: share,
    words.F1Score: f1,
}
