"""Losses as metrics: what they measure, over all samples."""

from __future__ import annotations

from modelspec.catalog.metrics import Metric
from modelspec.language.kinds import Bool, Float, Int


def from_logits() -> Bool:
    return Bool("Whether outputs are logits (no activation) and not probabilities.", default=False)


def label_smoothing(where: str) -> Float:
    return Float(f"How far targets move towards {where}.", default=0, min=0, max=1)


class BinaryCrossentropy(Metric):
    """Crossentropy of independent yes-or-no targets, each 0 or 1."""

    better = "min"
    from_logits = from_logits()
    label_smoothing = label_smoothing("0.5")


class CategoricalCrossentropy(Metric):
    """Crossentropy of classes, with one-hot targets (or any probabilities)."""

    better, targets = "min", "onehot"
    from_logits = from_logits()
    label_smoothing = label_smoothing("all alike")
    axis = Int("The axis of the classes.", default=-1)


class SparseCategoricalCrossentropy(Metric):
    """Crossentropy of classes, with integer targets."""

    better, targets = "min", "classes"
    from_logits = from_logits()
    ignore_class = Int("A target that does not count.", default=None)
    axis = Int("The axis of the classes.", default=-1)


class KLDivergence(Metric):
    """How far the predicted distribution is from the wanted one."""

    better = "min"


class Poisson(Metric):
    """`mean(predicted - y * log(predicted))`: for counts, of which the output is the mean."""

    better = "min"


class Hinge(Metric):
    """`mean(max(1 - y * predicted, 0))`, with targets -1 and 1 (or 0 and 1)."""

    better = "min"


class SquaredHinge(Metric):
    """`mean(max(1 - y * predicted, 0) ** 2)`, with targets -1 and 1 (or 0 and 1)."""

    better = "min"


class CategoricalHinge(Metric):
    """`max(best wrong class - right class + 1, 0)`, with one-hot targets."""

    better, targets = "min", "onehot"
