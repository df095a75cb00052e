"""Metrics over many thresholds, with Keras's numbers: areas under curves, and best rates."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from modelspec.catalog.confusion import AUC, Sweep
from modelspec.engine.losses import aligned, same_rank

EPSILON = 1e-7
State = dict[str, Tensor]


def count(word: AUC, state: State, y_true: Tensor, y_pred: Tensor, weight: Tensor | None) -> State:
    """How many outputs lie above each threshold and not above the next, by target and label."""
    y_true, y_pred = same_rank(y_true != 0, y_pred.float())
    if word.from_logits:
        y_pred = torch.sigmoid(y_pred)
    bins, labels = state["counts"].shape[1:]
    index = (y_true * bins + bin_of(word, y_pred)) * labels
    if word.multi_label:
        index = index + torch.arange(labels, device=index.device)
    amounts = torch.ones_like(y_pred)
    if weight is not None:
        amounts = amounts * aligned(weight.float(), y_pred)
    by_label: Any = word.label_weights
    if by_label is not None and not word.multi_label:
        amounts = amounts * torch.tensor(by_label, device=y_pred.device)
    return {"counts": tallied(state["counts"], index, amounts)}


def tallied(counts: Tensor, index: Tensor, amounts: Tensor) -> Tensor:
    """Counts with more amounts, each at its place in the flattened counts."""
    fresh = torch.zeros_like(counts).view(-1)
    fresh.index_add_(0, index.reshape(-1), amounts.reshape(-1))
    return counts + fresh.view_as(counts)


def bin_of(word: AUC, y_pred: Tensor) -> Tensor:
    """The last threshold that an output is greater than; the first is below all of them."""
    inside = y_pred.clamp(0.0, 1.0)
    own: Any = word.thresholds  # may be None
    if own is None:
        return ((inside * (word.num_thresholds - 1)).ceil() - 1).clamp(min=0).long()
    edges = torch.tensor([*sorted(own), 1.0 + EPSILON], device=y_pred.device)
    return torch.searchsorted(edges, inside)


def ratio(part: Tensor, whole: Tensor) -> Tensor:
    """A quotient that is 0 where the divisor is."""
    return torch.where(whole != 0, part / torch.where(whole != 0, whole, 1), 0)


def area(word: AUC, state: State) -> float:
    """The area, averaged over labels where there are several."""
    counts = state["counts"].cpu().double()
    above = counts.flip(1).cumsum(1).flip(1)  # (2, thresholds, labels)
    false_positives, true_positives = above
    negatives, positives = counts.sum(1)
    curve = word.curve.upper()
    if (curve, word.summation_method) == ("PR", "interpolation"):
        pieces = precision_pieces(true_positives, false_positives, positives)
    else:
        x, y = points(curve, true_positives, false_positives, positives, negatives)
        pieces = (x[:-1] - x[1:]) * heights(word.summation_method, y[:-1], y[1:])
    by_label = pieces.sum(0)
    weights: Any = word.label_weights
    if weights is None or not word.multi_label:
        return float(by_label.mean())
    weighing = torch.tensor(weights, dtype=torch.float64)
    return float(ratio((by_label * weighing).sum(), weighing.sum()))


def points(
    curve: str, tp: Tensor, fp: Tensor, positives: Tensor, negatives: Tensor
) -> tuple[Tensor, Tensor]:
    """The curve's x and y at every threshold, `(thresholds, labels)`."""
    recall = ratio(tp, positives)
    if curve == "ROC":
        return ratio(fp, negatives), recall
    if curve == "PR":
        return recall, ratio(tp, tp + fp)
    # Gains (Flach and Kull, 2015), with the limits that Keras sets where nothing is a hit.
    odds = ratio(positives, negatives)
    hit = tp != 0
    recall_gain = torch.where(hit, 1 - odds * ratio(positives - tp, tp), 0).clamp(min=0)
    return recall_gain, torch.where(hit, 1 - odds * ratio(fp, tp), 1)


def heights(method: str, left: Tensor, right: Tensor) -> Tensor:
    if method == "interpolation":
        return (left + right) / 2
    return torch.minimum(left, right) if method == "minoring" else torch.maximum(left, right)


def precision_pieces(tp: Tensor, fp: Tensor, positives: Tensor) -> Tensor:
    """Areas under precision over recall, hits and misses growing in proportion between thresholds.

    With slope `dTP / dP` of hits over predicted positives `P`, precision is
    `slope + intercept / P`, whose integral over recall is `slope * (dTP + intercept * log ratio)`.
    """
    predicted = tp + fp
    gained, grown = tp[:-1] - tp[1:], predicted[:-1] - predicted[1:]
    slope = ratio(gained, grown)
    intercept = tp[1:] - slope * predicted[1:]
    both = (predicted[:-1] > 0) & (predicted[1:] > 0)
    growth = torch.where(both, ratio(predicted[:-1], predicted[1:]), 1)
    return ratio(slope * (gained + intercept * growth.log()), positives.expand_as(gained))


def sweep(
    word: Sweep, state: State, y_true: Tensor, y_pred: Tensor, weight: Tensor | None
) -> State:
    """How many outputs have how many of the thresholds below them, by target."""
    y_true, y_pred = same_rank(y_true != 0, y_pred.float())
    which: Any = word.class_id  # may be None
    if which is not None:
        y_true, y_pred = y_true[..., which, None], y_pred[..., which, None]
    if word.num_thresholds == 1:
        below = (y_pred > 0.5).long()
    else:
        below = (y_pred.clamp(0.0, 1.0) * (word.num_thresholds - 1)).ceil().long()
    amounts = torch.ones_like(y_pred)
    if weight is not None:
        amounts = amounts * aligned(weight.float(), y_pred)
    counts = state["counts"]
    return {"counts": tallied(counts, y_true * counts.shape[1] + below, amounts)}


def best(word: Sweep, state: State) -> float:
    """The highest rate where the wanted one is reached; 0 where it never is."""
    counts = state["counts"].cpu()
    above = counts.flip(1).cumsum(1).flip(1)[:, 1:]  # (2, thresholds)
    false_positives, true_positives = above
    negatives, positives = counts.sum(1)
    rates = {
        "sensitivity": ratio(true_positives, positives.expand_as(true_positives)),
        "specificity": ratio(negatives - false_positives, negatives.expand_as(true_positives)),
        "precision": ratio(true_positives, true_positives + false_positives),
    }
    rates["recall"] = rates["sensitivity"]
    other = PARTNERS[word.wanted]
    reached = rates[word.wanted] >= word.__dict__[word.wanted]
    return float(torch.where(reached, rates[other], 0).max())


#: A rate that has to be reached -> the one that is to be as high as it can.
PARTNERS = {
    "specificity": "sensitivity",
    "sensitivity": "specificity",
    "recall": "precision",
    "precision": "recall",
}
