"""Losses of probabilities, numerics of Keras 3; see `engine.losses` for what is common."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from modelspec.catalog import losses as words
from modelspec.catalog.losses import Loss
from modelspec.engine.distances import EPSILON, finished

#: Keras clips probabilities to [EPSILON, 1 - EPSILON], the latter rounded to float32.
HIGHEST = 1.0 - 2.0**-23
LOW_LOG, HIGH_LOG = math.log(EPSILON), math.log(HIGHEST)
LOW_LOGIT, HIGH_LOGIT = math.log(EPSILON / (1 - EPSILON)), math.log(HIGHEST / (1 - HIGHEST))


def smoothed(y_true: Tensor, amount: float, towards: float) -> Tensor:
    return y_true * (1.0 - amount) + towards * amount if amount else y_true


def binary(word: words.BinaryCrossentropy, y_true: Tensor, y_pred: Tensor, how: str) -> Tensor:
    y_true = smoothed(y_true, word.label_smoothing, 0.5)
    return F.binary_cross_entropy(y_pred.clamp(EPSILON, HIGHEST), y_true, reduction=how)


def binary_logits(
    word: words.BinaryCrossentropy, y_true: Tensor, logits: Tensor, how: str
) -> Tensor:
    y_true = smoothed(y_true, word.label_smoothing, 0.5)
    if not word.from_logits:  # clipped where Keras clips the probability
        logits = logits.clamp(LOW_LOGIT, HIGH_LOGIT)
    return F.binary_cross_entropy_with_logits(logits, y_true, reduction=how)


def categorical(
    word: words.CategoricalCrossentropy, y_true: Tensor, y_pred: Tensor, how: str
) -> Tensor:
    y_pred = y_pred / y_pred.sum(word.axis, keepdim=True)
    return expected(word, y_true, y_pred.clamp(EPSILON, HIGHEST).log(), how)


def categorical_logits(
    word: words.CategoricalCrossentropy, y_true: Tensor, logits: Tensor, how: str
) -> Tensor:
    logs = torch.log_softmax(logits, word.axis)
    if not word.from_logits:
        logs = logs.clamp(LOW_LOG, HIGH_LOG)
    return expected(word, y_true, logs, how)


def expected(word: words.CategoricalCrossentropy, y_true: Tensor, logs: Tensor, how: str) -> Tensor:
    """Minus the logarithm that the targets expect."""
    y_true = smoothed(y_true, word.label_smoothing, 1.0 / y_true.shape[-1])
    if how == "mean":
        total = torch.dot(y_true.reshape(-1), logs.reshape(-1))
        return total * (-logs.shape[word.axis] / logs.numel())
    return -(y_true * logs).sum(word.axis)


def sparse(
    word: words.SparseCategoricalCrossentropy, y_true: Tensor, y_pred: Tensor, how: str
) -> Tensor:
    right = y_pred.gather(-1, y_true[..., None]).squeeze(-1) / y_pred.sum(-1)
    return -finished(right.clamp(EPSILON, HIGHEST).log(), how)


def sparse_logits(
    word: words.SparseCategoricalCrossentropy, y_true: Tensor, logits: Tensor, how: str
) -> Tensor:
    if word.from_logits:
        flat = logits.flatten(0, -2), y_true.flatten()
        return F.cross_entropy(*flat, reduction=how).view(() if how == "mean" else y_true.shape)
    logs = torch.log_softmax(logits, -1).clamp(LOW_LOG, HIGH_LOG)
    values = F.nll_loss(logs.flatten(0, -2), y_true.flatten(), reduction=how)
    return values.view(() if how == "mean" else y_true.shape)


def divergence(word: Loss, y_true: Tensor, y_pred: Tensor, how: str) -> Tensor:
    y_true, y_pred = y_true.clamp(EPSILON, 1.0), y_pred.clamp(EPSILON, 1.0)
    return finished((y_true * (y_true / y_pred).log()).sum(-1), how)


def poisson(word: Loss, y_true: Tensor, y_pred: Tensor, how: str) -> Tensor:
    return finished(y_pred - y_true * (y_pred + EPSILON).log(), how)


def binary_focal(
    word: words.BinaryFocalCrossentropy, y_true: Tensor, y_pred: Tensor, how: str
) -> Tensor:
    y_true = smoothed(y_true, word.label_smoothing, 0.5)
    if word.from_logits:
        y_pred = torch.sigmoid(y_pred)
    values = F.binary_cross_entropy(y_pred.clamp(EPSILON, HIGHEST), y_true, reduction="none")
    right = y_true * y_pred + (1 - y_true) * (1 - y_pred)
    values = values * (1.0 - right) ** word.gamma
    if word.apply_class_balancing:
        values = values * (y_true * word.alpha + (1 - y_true) * (1 - word.alpha))
    return finished(values, how)


def categorical_focal(
    word: words.CategoricalFocalCrossentropy, y_true: Tensor, y_pred: Tensor, how: str
) -> Tensor:
    y_true = smoothed(y_true, word.label_smoothing, 1.0 / y_true.shape[-1])
    if word.from_logits:
        y_pred = torch.softmax(y_pred, word.axis)
    shares = (y_pred / y_pred.sum(word.axis, keepdim=True)).clamp(EPSILON, HIGHEST)
    each = -y_true * shares.log() * (1.0 - shares) ** word.gamma
    return finished(word.alpha * each.sum(word.axis), how)


def generalized(
    word: words.CategoricalGeneralizedCrossEntropy, y_true: Tensor, y_pred: Tensor, how: str
) -> Tensor:
    right = y_pred.gather(-1, y_true[..., None]).squeeze(-1)
    return finished((1 - right**word.q) / word.q, how)


def tversky(y_true: Tensor, y_pred: Tensor, axis: Any, alpha: float, beta: float) -> Tensor:
    """1 minus the share of what is in both, among that and the weighed rests."""
    both = (y_true * y_pred).sum(axis)
    missing, extra = ((1 - y_pred) * y_true).sum(axis), (y_pred * (1 - y_true)).sum(axis)
    return 1 - both / (both + alpha * missing + beta * extra + EPSILON)


def dice(word: words.Dice, y_true: Tensor, y_pred: Tensor, how: str) -> Tensor:
    axis: Any = word.axis  # may be None
    both = (y_true * y_pred).sum(axis)
    return finished(1 - 2 * both / (y_true.sum(axis) + y_pred.sum(axis) + EPSILON), how)


def ctc(word: words.CTC, y_true: Tensor, logits: Tensor, how: str) -> Tensor:
    logs = torch.log_softmax(logits, -1).transpose(0, 1)  # (time, batch, classes)
    times = torch.full((logits.shape[0],), logits.shape[1], device=logits.device)
    lengths = (y_true != 0).sum(-1)
    return finished(F.ctc_loss(logs, y_true, times, lengths, reduction="none"), how)


def blank_where_hidden(logits: Tensor, mask: Tensor) -> Tensor:
    """Logits that are surely the blank where a mask hides a time step, which then adds nothing."""
    blank = torch.full((logits.shape[-1],), -torch.inf, device=logits.device, dtype=logits.dtype)
    blank[0] = 0.0
    return torch.where(mask[..., None], logits, blank)


Function = Callable[[Any, Tensor, Tensor, str], Tensor]
FUNCTIONS: dict[type[Loss], Function] = {
    words.BinaryCrossentropy: binary,
    words.CategoricalCrossentropy: categorical,
    words.SparseCategoricalCrossentropy: sparse,
    words.KLDivergence: divergence,
    words.Poisson: poisson,
    words.BinaryFocalCrossentropy: binary_focal,
    words.CategoricalFocalCrossentropy: categorical_focal,
    words.CategoricalGeneralizedCrossEntropy: generalized,
    words.Dice: dice,
    words.Tversky: lambda word, t, p, how: finished(
        tversky(t, p, word.axis, word.alpha, word.beta), how
    ),
    words.CTC: ctc,
}
#: From logits, whether the word says so or the caller knows them.
LOGITS: dict[type[Loss], Function] = {
    words.BinaryCrossentropy: binary_logits,
    words.CategoricalCrossentropy: categorical_logits,
    words.SparseCategoricalCrossentropy: sparse_logits,
}
