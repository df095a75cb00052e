"""The catalogue's losses, on tensors; numerics of Keras 3, in as few torch calls as they take.

A loss here is a function `(word, y_true, y_pred, reduction)`. With `reduction="none"` it gives a
value per element (`ELEMENTWISE`) or per vector along the last axis, with `"mean"` their mean.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from modelspec.catalog import losses as words
from modelspec.catalog.losses import Loss

EPSILON = 1e-7
#: Keras clips probabilities to [EPSILON, 1 - EPSILON], the latter rounded to float32.
HIGHEST = 1.0 - 2.0**-23
LOW_LOG, HIGH_LOG = math.log(EPSILON), math.log(HIGHEST)
LOW_LOGIT, HIGH_LOGIT = math.log(EPSILON / (1 - EPSILON)), math.log(HIGHEST / (1 - HIGHEST))


def loss(
    word: Loss,
    y_true: Tensor,
    y_pred: Tensor,
    sample_weight: Tensor | None = None,
    mask: Tensor | None = None,
    *,
    logits: Tensor | None = None,
) -> Tensor:
    """The loss of a batch, a scalar (Keras's reductions).

    `y_true` fits `word.target`; `sample_weight` and `mask` have the first axes of `y_pred`.
    Where the output ends in the activation that the loss `undoes`, `logits` may be that
    activation's input: the same loss without the way through probabilities.
    """
    function, y_true, y_pred = prepared(word, y_true, y_pred, logits)
    ignored = ignore_mask(word, y_true)
    if sample_weight is None and mask is None and ignored is None and word.reduction != "sum":
        return function(word, y_true, y_pred, "mean")
    if ignored is not None:
        y_true = torch.where(ignored, y_true, 0)
        mask = ignored if mask is None else mask & ignored
    values = averaged(word, function(word, y_true, y_pred, "none"))
    return reduce(word, values, sample_weight, mask)


def per_sample(word: Loss, y_true: Tensor, y_pred: Tensor) -> Tensor:
    """The loss of each sample, or of each step of one: `(batch, ...)` without the last axis."""
    function, y_true, y_pred = prepared(word, y_true, y_pred, None)
    ignored = ignore_mask(word, y_true)
    if ignored is None:
        return averaged(word, function(word, y_true, y_pred, "none"))
    values = function(word, torch.where(ignored, y_true, 0), y_pred, "none")
    return torch.where(ignored, values, 0)


def reduce(
    word: Loss, values: Tensor, sample_weight: Tensor | None = None, mask: Tensor | None = None
) -> Tensor:
    """One number from `per_sample`'s values.

    A mask counts its true entries alone: the mean is over those. Weights do not change what a
    mean divides by, except with `mean_with_sample_weight`.
    """
    weight = None if sample_weight is None else aligned(sample_weight.to(values.dtype), values)
    if mask is not None:
        shown = aligned(mask.to(values.dtype), values)
        if word.reduction in ("sum_over_batch_size", "mean"):
            shown = shown * (shown.numel() / shown.sum().clamp(min=1))
        weight = shown if weight is None else weight * shown
    if weight is not None:
        values = values * weight
    if word.reduction == "sum":
        return values.sum()
    if word.reduction == "mean_with_sample_weight" and weight is not None:
        total = weight.sum()
        return torch.where(total != 0, values.sum() / torch.where(total != 0, total, 1), 0)
    return values.mean()


def aligned(weight: Tensor, values: Tensor) -> Tensor:
    """A weight with as many axes as the values; the missing ones come last."""
    while weight.ndim > values.ndim and weight.shape[-1] == 1:
        weight = weight.squeeze(-1)
    return weight.reshape(weight.shape + (1,) * (values.ndim - weight.ndim))


Function = Callable[[Any, Tensor, Tensor, str], Tensor]


def prepared(
    word: Loss, y_true: Tensor, y_pred: Tensor, logits: Tensor | None
) -> tuple[Function, Tensor, Tensor]:
    """The function to call and what to call it on: Keras's casts and squeezes, done."""
    cls = type(word)
    if logits is not None:
        function, y_pred = LOGITS[cls], logits
    elif cls in LOGITS and word.__dict__["from_logits"]:
        function = LOGITS[cls]
    else:
        function = LOSSES[cls]
    if y_pred.dtype in (torch.float16, torch.bfloat16):
        y_pred = y_pred.float()
    if cls is words.SparseCategoricalCrossentropy:
        return function, *classes_last(word.__dict__["axis"], y_true, y_pred)
    if y_true.dtype != y_pred.dtype:
        y_true = y_true.to(y_pred.dtype)
    return function, *same_rank(y_true, y_pred)


def same_rank(y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
    """Both with as many axes: a last axis of 1 goes or comes, as in Keras."""
    if y_true.ndim == y_pred.ndim > 1:
        return y_true, y_pred
    if y_pred.ndim == 1 or (y_pred.ndim == 2 and y_true.ndim == 1 and y_pred.shape[-1] == 1):
        return y_true.reshape(-1, 1), y_pred.reshape(-1, 1)
    if y_pred.ndim == y_true.ndim + 1 and y_pred.shape[-1] == 1:
        return y_true, y_pred.squeeze(-1)
    if y_true.ndim == y_pred.ndim + 1 and y_true.shape[-1] == 1:
        return y_true.squeeze(-1), y_pred
    return y_true, y_pred


def classes_last(axis: int, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
    """Integer targets, and outputs with the classes in the last axis."""
    if y_true.ndim == y_pred.ndim:
        y_true = y_true.squeeze(axis)
    if y_true.dtype != torch.int64:
        y_true = y_true.long()
    return y_true, y_pred if axis in (-1, y_pred.ndim - 1) else y_pred.movedim(axis, -1)


def ignore_mask(word: Loss, y_true: Tensor) -> Tensor | None:
    """Which targets count, where one class is ignored."""
    ignored = word.__dict__.get("ignore_class")
    return None if ignored is None else y_true != ignored


def averaged(word: Loss, values: Tensor) -> Tensor:
    """Values per sample from values per element."""
    return values.mean(word.__dict__.get("axis", -1)) if type(word) in ELEMENTWISE else values


def finished(values: Tensor, reduction: str) -> Tensor:
    return values.mean() if reduction == "mean" else values


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


def hinge_margin(y_true: Tensor, y_pred: Tensor) -> Tensor:
    is_binary = ((y_true == 0) | (y_true == 1)).all()
    signs = torch.where(is_binary, 2.0 * y_true - 1.0, y_true)
    return (1.0 - signs * y_pred).clamp(min=0)


def divergence(word: Loss, y_true: Tensor, y_pred: Tensor, how: str) -> Tensor:
    y_true, y_pred = y_true.clamp(EPSILON, 1.0), y_pred.clamp(EPSILON, 1.0)
    return finished((y_true * (y_true / y_pred).log()).sum(-1), how)


def categorical_hinge(word: Loss, y_true: Tensor, y_pred: Tensor, how: str) -> Tensor:
    right = (y_true * y_pred).sum(-1)
    wrong = ((1.0 - y_true) * y_pred).amax(-1)
    return finished((wrong - right + 1.0).clamp(min=0), how)


def cosine(word: words.CosineSimilarity, y_true: Tensor, y_pred: Tensor, how: str) -> Tensor:
    y_true = F.normalize(y_true, dim=word.axis, eps=EPSILON)
    y_pred = F.normalize(y_pred, dim=word.axis, eps=EPSILON)
    return -finished((y_true * y_pred).sum(word.axis), how)


LOSSES: dict[type[Loss], Function] = {
    words.BinaryCrossentropy: binary,
    words.CategoricalCrossentropy: categorical,
    words.SparseCategoricalCrossentropy: sparse,
    words.MeanSquaredError: lambda word, t, p, how: F.mse_loss(p, t, reduction=how),
    words.MeanAbsoluteError: lambda word, t, p, how: F.l1_loss(p, t, reduction=how),
    words.Huber: lambda word, t, p, how: F.huber_loss(p, t, reduction=how, delta=word.delta),
    words.KLDivergence: divergence,
    words.Hinge: lambda word, t, p, how: finished(hinge_margin(t, p), how),
    words.SquaredHinge: lambda word, t, p, how: finished(hinge_margin(t, p).square(), how),
    words.CategoricalHinge: categorical_hinge,
    words.CosineSimilarity: cosine,
}
#: From logits, whether the word says so or the caller knows them.
LOGITS: dict[type[Loss], Function] = {
    words.BinaryCrossentropy: binary_logits,
    words.CategoricalCrossentropy: categorical_logits,
    words.SparseCategoricalCrossentropy: sparse_logits,
}
ELEMENTWISE = frozenset(
    {
        words.BinaryCrossentropy,
        words.MeanSquaredError,
        words.MeanAbsoluteError,
        words.Huber,
        words.Hinge,
        words.SquaredHinge,
    }
)
