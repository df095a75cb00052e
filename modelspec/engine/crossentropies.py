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

#: Keras clips probabilities to [EPSILON, 1 - EPSILON], the latter rounded to their dtype.
HIGHEST = {torch.float32: 1.0 - 2.0**-23, torch.float64: 1.0 - EPSILON}


def clipped(probabilities: Tensor) -> Tensor:
    return probabilities.clamp(EPSILON, HIGHEST[probabilities.dtype])


def clipped_logs(logs: Tensor) -> Tensor:
    """Logarithms of probabilities, clipped where those are."""
    return logs.clamp(math.log(EPSILON), math.log(HIGHEST[logs.dtype]))


def clipped_logits(logits: Tensor) -> Tensor:
    """Logits of probabilities, clipped where those are."""
    high = HIGHEST[logits.dtype]
    return logits.clamp(math.log(EPSILON / (1 - EPSILON)), math.log(high / (1 - high)))


def smoothed(y_true: Tensor, amount: float, towards: float) -> Tensor:
    return y_true * (1.0 - amount) + towards * amount if amount else y_true


def binary(word: words.BinaryCrossentropy, y_true: Tensor, y_pred: Tensor, how: str) -> Tensor:
    y_true = smoothed(y_true, word.label_smoothing, 0.5)
    return F.binary_cross_entropy(clipped(y_pred), y_true, reduction=how)


def binary_logits(
    word: words.BinaryCrossentropy, y_true: Tensor, logits: Tensor, how: str
) -> Tensor:
    y_true = smoothed(y_true, word.label_smoothing, 0.5)
    if not word.from_logits:  # clipped where Keras clips the probability
        logits = clipped_logits(logits)
    return F.binary_cross_entropy_with_logits(logits, y_true, reduction=how)


def categorical(
    word: words.CategoricalCrossentropy, y_true: Tensor, y_pred: Tensor, how: str
) -> Tensor:
    y_pred = y_pred / y_pred.sum(word.axis, keepdim=True)
    return expected(word, y_true, clipped(y_pred).log(), how)


def categorical_logits(
    word: words.CategoricalCrossentropy, y_true: Tensor, logits: Tensor, how: str
) -> Tensor:
    logs = torch.log_softmax(logits, word.axis)
    if not word.from_logits:
        logs = clipped_logs(logs)
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
    return -finished(clipped(right).log(), how)


def sparse_logits(
    word: words.SparseCategoricalCrossentropy, y_true: Tensor, logits: Tensor, how: str
) -> Tensor:
    if word.from_logits:
        flat = logits.flatten(0, -2), y_true.flatten()
        return F.cross_entropy(*flat, reduction=how).view(() if how == "mean" else y_true.shape)
    logs = clipped_logs(torch.log_softmax(logits, -1))
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
    values = F.binary_cross_entropy(clipped(y_pred), y_true, reduction="none")
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
    shares = clipped(y_pred / y_pred.sum(word.axis, keepdim=True))
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
