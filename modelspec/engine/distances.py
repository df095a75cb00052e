"""Losses of differences, numerics of Keras 3; see `engine.losses` for what is common."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from modelspec.catalog import distances as words
from modelspec.catalog.losses import Loss

EPSILON = 1e-7


def finished(values: Tensor, reduction: str) -> Tensor:
    return values.mean() if reduction == "mean" else values


def percentage(word: Loss, y_true: Tensor, y_pred: Tensor, how: str) -> Tensor:
    return finished(100.0 * ((y_true - y_pred) / y_true.abs().clamp(min=EPSILON)).abs(), how)


def logarithmic(word: Loss, y_true: Tensor, y_pred: Tensor, how: str) -> Tensor:
    logs = [torch.log(x.clamp(min=EPSILON) + 1.0) for x in (y_pred, y_true)]
    return finished((logs[0] - logs[1]).square(), how)


def log_cosh(word: Loss, y_true: Tensor, y_pred: Tensor, how: str) -> Tensor:
    difference = y_pred - y_true
    return finished(difference + F.softplus(-2.0 * difference) - math.log(2.0), how)


def hinge_margin(y_true: Tensor, y_pred: Tensor) -> Tensor:
    is_binary = ((y_true == 0) | (y_true == 1)).all()
    signs = torch.where(is_binary, 2.0 * y_true - 1.0, y_true)
    return (1.0 - signs * y_pred).clamp(min=0)


def categorical_hinge(word: Loss, y_true: Tensor, y_pred: Tensor, how: str) -> Tensor:
    right = (y_true * y_pred).sum(-1)
    wrong = ((1.0 - y_true) * y_pred).amax(-1)
    return finished((wrong - right + 1.0).clamp(min=0), how)


def cosine(word: words.CosineSimilarity, y_true: Tensor, y_pred: Tensor, how: str) -> Tensor:
    y_true = F.normalize(y_true, dim=word.axis, eps=EPSILON)
    y_pred = F.normalize(y_pred, dim=word.axis, eps=EPSILON)
    return -finished((y_true * y_pred).sum(word.axis), how)


def circle(word: words.Circle, y_true: Tensor, y_pred: Tensor, how: str) -> Tensor:
    """A value for each sample; 0 for those that have nobody of their class in the batch."""
    classes = y_true.reshape(-1, 1)
    alike = classes == classes.T  # (batch, batch)
    others = ~alike
    if word.remove_diagonal:
        alike = alike & ~torch.eye(len(classes), dtype=torch.bool, device=alike.device)
    apart = (1 - y_pred @ y_pred.T).clamp(min=0)
    pull = word.gamma * (word.margin + apart) * (apart - word.margin)
    push = word.gamma * (1 + word.margin - apart).clamp(min=0) * (1 - word.margin - apart)
    both = torch.logsumexp(torch.where(alike, pull, -torch.inf), 1)
    both = both + torch.logsumexp(torch.where(others, push, -torch.inf), 1)
    return finished(F.softplus(both), how)


Function = Callable[[Any, Tensor, Tensor, str], Tensor]
FUNCTIONS: dict[type[Loss], Function] = {
    words.MeanSquaredError: lambda word, t, p, how: F.mse_loss(p, t, reduction=how),
    words.MeanAbsoluteError: lambda word, t, p, how: F.l1_loss(p, t, reduction=how),
    words.MeanAbsolutePercentageError: percentage,
    words.MeanSquaredLogarithmicError: logarithmic,
    words.LogCosh: log_cosh,
    words.Huber: lambda word, t, p, how: F.huber_loss(p, t, reduction=how, delta=word.delta),
    words.Hinge: lambda word, t, p, how: finished(hinge_margin(t, p), how),
    words.SquaredHinge: lambda word, t, p, how: finished(hinge_margin(t, p).square(), how),
    words.CategoricalHinge: categorical_hinge,
    words.CosineSimilarity: cosine,
    words.Circle: circle,
}
