"""The catalogue's losses, on tensors; numerics of Keras 3, in as few torch calls as they take.

A loss here is a function `(word, y_true, y_pred, reduction)`. With `reduction="none"` it gives a
value per element (`ELEMENTWISE`) or per vector along the last axis, with `"mean"` their mean.
"""

from __future__ import annotations

import torch
from torch import Tensor

from modelspec.catalog import distances
from modelspec.catalog import losses as words
from modelspec.catalog.losses import Loss
from modelspec.engine import crossentropies
from modelspec.engine import distances as differences
from modelspec.engine.crossentropies import LOGITS, Function, blank_where_hidden

LOSSES: dict[type[Loss], Function] = crossentropies.FUNCTIONS | differences.FUNCTIONS
#: Those that give a value for each element, of which Keras takes the mean along an axis.
ELEMENTWISE = frozenset({
    words.BinaryCrossentropy, words.BinaryFocalCrossentropy, words.Poisson,
    distances.MeanSquaredError, distances.MeanAbsoluteError, distances.MeanAbsolutePercentageError,
    distances.MeanSquaredLogarithmicError, distances.LogCosh, distances.Huber, distances.Hinge,
    distances.SquaredHinge,
})  # fmt: skip
#: Those whose targets are class numbers.
SPARSE = (words.SparseCategoricalCrossentropy, words.CategoricalGeneralizedCrossEntropy)


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
    if mask is not None and isinstance(word, words.CTC):
        y_pred, mask = blank_where_hidden(y_pred, mask), None
    counts = ignore_mask(word, y_true)
    some = counts is not None or isinstance(word, distances.Circle)
    if sample_weight is None and mask is None and not some and word.reduction != "sum":
        return function(word, y_true, y_pred, "mean")
    if counts is not None:
        y_true = torch.where(counts, y_true, 0)
    values = averaged(word, function(word, y_true, y_pred, "none"))
    if isinstance(word, distances.Circle):
        counts = values > 0
    if counts is not None:
        mask = counts if mask is None else mask & counts
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
    if cls in SPARSE:
        return function, *classes_last(word.__dict__.get("axis", -1), y_true, y_pred)
    if cls in (words.CTC, distances.Circle):
        return function, y_true.long(), y_pred
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
