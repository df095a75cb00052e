"""Metrics of hits and misses, as pure functions of their state; numbers of Keras 3."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from modelspec.catalog import confusion as words
from modelspec.catalog.metrics import Metric
from modelspec.engine.losses import aligned, same_rank

State = dict[str, Tensor]
EPSILON = 1e-7

#: Which of the predictions and targets are counted, (thresholds, batch, ...) and (batch, ...).
OUTCOMES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "true_positives": lambda positive, true: positive & true,
    "false_positives": lambda positive, true: positive & ~true,
    "true_negatives": lambda positive, true: ~positive & ~true,
    "false_negatives": lambda positive, true: ~positive & true,
}


def confusion(
    word: Metric,
    state: State,
    y_true: Tensor,
    y_pred: Tensor,
    weight: Tensor | None,
) -> State:
    y_true, y_pred = same_rank(y_true != 0, y_pred)
    limits: Any = word.__dict__["thresholds"]  # may be None
    best: Any = word.__dict__.get("top_k")
    if limits is None:
        limits = [0.5 if best is None else -1e10]
    if best is not None:
        indices = y_pred.topk(best).indices
        chosen = torch.zeros_like(y_pred, dtype=torch.bool).scatter_(-1, indices, True)
        y_pred = torch.where(chosen, y_pred, -torch.inf)
    which: Any = word.__dict__.get("class_id")
    if which is not None:
        y_true, y_pred = y_true[..., which, None], y_pred[..., which, None]
    positive = torch.stack([y_pred > limit for limit in limits])  # (thresholds, batch, ...)
    return {name: held + summed(OUTCOMES[name](positive, y_true), weight)
            for name, held in state.items()}  # fmt: skip


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


def f_counts(
    word: words.FScore, state: State, y_true: Tensor, y_pred: Tensor, weight: Tensor | None
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


def f_score(word: words.FScore, state: State) -> float | list[float]:
    hits, predicted, actual = (
        state[name].double() for name in ("true_positives", "predicted", "actual")
    )
    precision, recall = hits / (predicted + EPSILON), hits / (actual + EPSILON)
    squared = word.beta**2
    scores = (1 + squared) * precision * recall / (squared * precision + recall + EPSILON)
    if word.average == "weighted":
        return float((scores * actual / (actual.sum() + EPSILON)).sum())
    if word.average is None:
        return list(scores.tolist())
    return float(scores.mean())


def amount(word: words.Outcomes, state: State) -> float | list[float]:
    """How many there were, for each threshold."""
    found = state[word.counted].tolist()
    return list(found) if len(found) > 1 else float(found[0])
