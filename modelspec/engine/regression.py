"""Metrics of how numbers go together, as pure functions of their state; numbers of Keras 3."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from modelspec.catalog import regression as words
from modelspec.engine.losses import same_rank

State = dict[str, Tensor]
EPSILON = 1e-7


def deviations(
    word: words.Correlation, y_true: Tensor, y_pred: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Differences from the means of both along the axis, and of the means from each other."""
    axis = word.axis
    y_true, y_pred = same_rank(y_true.float(), y_pred.float())
    means = y_true.mean(axis, keepdim=True), y_pred.mean(axis, keepdim=True)
    return y_true - means[0], y_pred - means[1], means[0] - means[1]


def pearson(word: words.PearsonCorrelation, y_true: Tensor, y_pred: Tensor) -> Tensor:
    true, pred, _ = deviations(word, y_true, y_pred)
    axis = word.axis
    spread = true.square().mean(axis).sqrt() * pred.square().mean(axis).sqrt()
    return (true * pred).mean(axis) / spread


def concordance(word: words.ConcordanceCorrelation, y_true: Tensor, y_pred: Tensor) -> Tensor:
    true, pred, apart = deviations(word, y_true, y_pred)
    axis = word.axis
    variances = true.square().mean(axis) + pred.square().mean(axis)
    both = (true * pred).mean(axis)
    return 2 * both / (variances + apart.square().mean(axis) + EPSILON)


def r2_sums(
    word: words.R2Score, state: State, y_true: Tensor, y_pred: Tensor, weight: Tensor | None
) -> State:
    """Sums over samples for each value, in double precision: their differences count."""
    y_true, y_pred = same_rank(y_true.double(), y_pred.double())
    each = torch.ones_like(y_true) if weight is None else weight.double().reshape(-1, 1)
    each = each.expand_as(y_true)  # (batch, values)
    fresh = {
        "sum": y_true * each,
        "squared_sum": y_true.square() * each,
        "residual": (y_true - y_pred).square() * each,
        "count": each,
    }
    sums = {name: state[name] + value.sum(0) for name, value in fresh.items()}
    return {**sums, "samples": state["samples"] + y_true.numel()}


def r2(word: words.R2Score, state: State) -> float | list[float]:
    """Before the first batch 0, and 0 for a value that never changes."""
    if not state["samples"]:
        return 0.0
    total = state["squared_sum"] - state["sum"].square() / state["count"]
    each = 1 - state["residual"] / total
    each = torch.where(each.isinf(), 0.0, each)
    how: Any = word.class_aggregation  # may be None
    if how == "uniform_average":
        each = each.mean()
    elif how == "variance_weighted_average":
        each = (total * each).sum() / total.sum()
    samples, regressors = state["samples"], word.num_regressors
    if 0 < regressors < samples - 1:  # with fewer samples there is nothing to correct by
        each = 1 - (1 - each) * (samples - 1) / (samples - regressors - 1)
    return list(each.tolist()) if each.ndim else float(each)
