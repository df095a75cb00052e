"""Losses as metrics: the loss of each sample, to be averaged."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from modelspec.catalog import distances, losses, regression
from modelspec.catalog import probabilistic as words
from modelspec.catalog.losses import Loss
from modelspec.catalog.metrics import Metric
from modelspec.engine.losses import aligned, per_sample

#: The loss that a metric shows; one of the same arguments, and others at their defaults.
LOSSES: dict[type[Metric], type[Loss]] = {
    words.BinaryCrossentropy: losses.BinaryCrossentropy,
    words.CategoricalCrossentropy: losses.CategoricalCrossentropy,
    words.SparseCategoricalCrossentropy: losses.SparseCategoricalCrossentropy,
    words.KLDivergence: losses.KLDivergence,
    words.Poisson: losses.Poisson,
    words.Hinge: distances.Hinge,
    words.SquaredHinge: distances.SquaredHinge,
    words.CategoricalHinge: distances.CategoricalHinge,
    regression.MeanAbsolutePercentageError: distances.MeanAbsolutePercentageError,
    regression.MeanSquaredLogarithmicError: distances.MeanSquaredLogarithmicError,
    regression.LogCoshError: distances.LogCosh,
    regression.CosineSimilarity: distances.CosineSimilarity,
}


def as_loss(word: Metric, y_true: Tensor, y_pred: Tensor) -> Tensor:
    """The values of the loss that a metric shows, `(batch, ...)`."""
    cls = LOSSES[type(word)]
    defaults = {name: kind.default for name, kind in cls.arguments.items()}
    loss = cls.of(defaults | {name: word.__dict__[name] for name in word.arguments})
    values = per_sample(loss, y_true, y_pred)
    return -values if cls is distances.CosineSimilarity else values


def shown(word: Metric, y_true: Tensor, weight: Tensor | None) -> Tensor | None:
    """The weights, 0 for targets of an ignored class.

    As in Keras that takes weights: without any, an ignored target counts, with a loss of 0.
    """
    ignored: Any = word.__dict__.get("ignore_class")
    if ignored is None or weight is None:
        return weight
    counts = y_true != ignored
    given = aligned(weight.float(), counts)
    return given * aligned(counts, given)
