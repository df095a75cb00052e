"""Metrics of what was taken for what: rates of hits and misses."""

from __future__ import annotations

from typing import Any, ClassVar

from modelspec.catalog.metrics import Metric, States
from modelspec.language.kinds import Bool, Choice, Float, Int, ListOf
from modelspec.language.shapes import Shape, show
from modelspec.language.word import Reject


class AUC(Metric):
    """Area under a curve of rates (or precision and recall) over many thresholds."""

    num_thresholds = Int("How many thresholds there are.", default=200, min=2)
    curve = Choice(
        "The curve: ROC, precision and recall, or their gains.",
        "ROC", "PR", "PRGAIN", "roc", "pr", "prgain",
        default="ROC",
    )  # fmt: skip
    summation_method = Choice(
        "How the area between two thresholds is taken.",
        "interpolation",
        "minoring",
        "majoring",
        default="interpolation",
    )
    thresholds = ListOf(
        "Thresholds of one's own, in place of even ones.", Float("", min=0, max=1), default=None
    )
    multi_label = Bool("Whether to take the area of each label, and average.", default=False)
    num_labels = Int("How many labels there are; the output says so too.", default=None, min=1)
    label_weights = ListOf("A weight for each label.", Float("", min=0), default=None)
    from_logits = Bool("Whether outputs are logits and not probabilities.", default=False)
    source = "Davis and Goadrich, 2006, https://www.biostat.wisc.edu/~page/rocpr.pdf"

    def check(self) -> None:
        if self.__dict__["num_labels"] is not None and not self.multi_label:
            raise Reject("num_labels", "`num_labels` goes with `multi_label: true`")

    @property
    def bins(self) -> int:
        """How many thresholds there are, the outermost two included."""
        own = self.__dict__["thresholds"]
        return self.num_thresholds if own is None else len(own) + 2

    def state(self, output: Shape) -> States:
        labels = output[-1] if self.multi_label else 1
        # For false and true targets: how many outputs lie between two thresholds.
        return {"counts": ((2, self.bins, labels if isinstance(labels, int) else 1), "float32")}

    def misfit(self, output: Shape, target: Shape) -> Reject | None:
        if self.multi_label and len(output) != 1:
            return Reject(
                "multi_label",
                f"`multi_label` is for outputs with one axis, and this one is {show(output)}",
                "leave `multi_label` out",
            )
        labels = output[-1] if output else 1
        for name in ("label_weights", "num_labels"):
            given = self.__dict__[name]
            count = len(given) if isinstance(given, list) else given
            if given is not None and isinstance(labels, int) and count != labels:
                return Reject(name, f"`{name}` is for {count} labels, and the output has {labels}")
        return super().misfit(output, target)


def thresholds() -> ListOf:
    return ListOf(
        "Greater outputs count as positive; null is 0.5 (with `top_k`, no threshold).",
        Float("", min=0, max=1),
        default=None,
        single=True,
        least=1,
    )


def limits(metric: Metric, output: Shape) -> Reject | None:
    """Why `top_k` or `class_id` cannot be counted in the output's last axis."""
    top_k, class_id = metric.__dict__.get("top_k"), metric.__dict__["class_id"]
    classes = output[-1] if output else 1
    if not isinstance(classes, int):
        return None
    if top_k is not None and top_k > classes:
        return Reject("top_k", f"`top_k` is {top_k}, and the output has {classes} values")
    if class_id is not None and class_id >= classes:
        return Reject("class_id", f"`class_id` is {class_id}, and the output has {classes} values")
    return None


def class_id() -> Int:
    return Int("The only class to count.", default=None, min=0)


class Precision(Metric):
    """Share of what was predicted positive that is."""

    thresholds = thresholds()
    top_k = Int("Only the `top_k` greatest outputs may count as positive.", default=None, min=1)
    class_id = class_id()

    def state(self, output: Shape) -> States:
        count = len(self.__dict__["thresholds"] or [0])
        return dict.fromkeys(("true_positives", "false_positives"), ((count,), "float32"))

    def misfit(self, output: Shape, target: Shape) -> Reject | None:
        return super().misfit(output, target) or limits(self, output)


class Recall(Metric):
    """Share of what is positive that was predicted so."""

    thresholds = thresholds()
    top_k = Int("Only the `top_k` greatest outputs may count as positive.", default=None, min=1)
    class_id = class_id()

    def state(self, output: Shape) -> States:
        count = len(self.__dict__["thresholds"] or [0])
        return dict.fromkeys(("true_positives", "false_negatives"), ((count,), "float32"))

    def misfit(self, output: Shape, target: Shape) -> Reject | None:
        return super().misfit(output, target) or limits(self, output)


class FScore(Metric):
    """A mean of precision and recall, for each class or over them."""

    beta: Any = 1.0
    average = Choice(
        "Over all at once, over classes alike, or by how many each has; null gives each class's.",
        "micro",
        "macro",
        "weighted",
        default=None,
    )
    threshold = Float(
        "Greater outputs count as 1; null counts the greatest.", default=None, above=0, max=1
    )

    def state(self, output: Shape) -> States:
        classes = output[-1] if output else 1
        per_class = self.average != "micro" and isinstance(classes, int)
        shape = (classes,) if per_class and isinstance(classes, int) else ()
        names = ("true_positives", "predicted", "actual")
        return dict.fromkeys(names, (shape, "float32"))

    def misfit(self, output: Shape, target: Shape) -> Reject | None:
        if len(output) != 1:
            name = type(self).__name__
            return Reject(
                "",
                f"`{name}` takes outputs with one axis, and this one is {show(output)}",
                "insert a `Flatten` before the output, or use `Precision` and `Recall`",
            )
        return super().misfit(output, target)


class F1Score(FScore):
    """Harmonic mean of precision and recall, for each class or over them."""


class FBetaScore(FScore):
    """Mean of precision and recall, the latter `beta` times as important."""

    beta = Float("How many times as important recall is as precision.", default=1.0, above=0)

    @property
    def name(self) -> str:
        return "fbeta_score"


class Outcomes(Metric):
    """How many predictions turned out in one of the four ways."""

    counted: ClassVar[str]
    thresholds = thresholds()

    def state(self, output: Shape) -> States:
        return {self.counted: ((len(self.__dict__["thresholds"] or [0]),), "float32")}


class TruePositives(Outcomes):
    """How many positives were predicted so."""

    counted = "true_positives"


class TrueNegatives(Outcomes):
    """How many negatives were predicted so."""

    counted = "true_negatives"


class FalsePositives(Outcomes):
    """How many negatives were predicted positive."""

    better, counted = "min", "false_positives"


class FalseNegatives(Outcomes):
    """How many positives were predicted negative."""

    better, counted = "min", "false_negatives"


class Sweep(Metric):
    """The best of one rate over even thresholds at which another rate is good enough.

    `wanted` names the argument, which is the rate that has to be reached.
    """

    wanted: ClassVar[str]
    num_thresholds = Int("How many thresholds there are, from 0 to 1.", default=200, min=1)
    class_id = class_id()

    def state(self, output: Shape) -> States:
        # For false and true targets: how many outputs have so many thresholds below them.
        return {"counts": ((2, self.num_thresholds + 1), "float32")}

    def misfit(self, output: Shape, target: Shape) -> Reject | None:
        return super().misfit(output, target) or limits(self, output)


def rate(meaning: str) -> Float:
    return Float(meaning, min=0, max=1)


class SensitivityAtSpecificity(Sweep):
    """The best share of positives found where enough negatives are."""

    wanted = "specificity"
    specificity = rate("The share of negatives that has to be predicted so.")


class SpecificityAtSensitivity(Sweep):
    """The best share of negatives found where enough positives are."""

    wanted = "sensitivity"
    sensitivity = rate("The share of positives that has to be predicted so.")


class PrecisionAtRecall(Sweep):
    """The best precision where recall is high enough."""

    wanted = "recall"
    recall = rate("The recall that has to be reached.")


class RecallAtPrecision(Sweep):
    """The best recall where precision is high enough."""

    wanted = "precision"
    precision = rate("The precision that has to be reached.")
