"""What is measured beside the loss: numbers over all samples seen, for people to read."""

from __future__ import annotations

from typing import ClassVar

from modelspec.catalog.words import snake
from modelspec.language.kinds import Bool, Choice, Float, Int, ListOf
from modelspec.language.shapes import Shape, show
from modelspec.language.word import Reject, Word

States = dict[str, tuple[tuple[int, ...], str]]


class Metric(Word):
    """A metric: of targets and an output, both `(batch, ...)`, over any number of batches.

    - `better`: whether `max` or `min` is wanted of it.
    - `targets`: what its targets are: `same` shape as the output, `classes` (class numbers), or
      `onehot` (a value for each class).
    """

    group = "metrics"
    better: ClassVar[str] = "max"
    targets: ClassVar[str] = "same"

    @property
    def name(self) -> str:
        """What it is called in logs and `history.jsonl`."""
        return snake(type(self).__name__)

    def state(self, output: Shape) -> States:
        """What it remembers from batch to batch: tensors by name, each a shape and a dtype."""
        return {"total": ((), "float32"), "count": ((), "float32")}

    def misfit(self, output: Shape, target: Shape) -> Reject | None:
        """Why it cannot measure such an output with such targets; None where it can."""
        name = type(self).__name__
        sparse = len(target) == len(output) - 1 and not ends_in_one(output)
        if self.targets == "classes":
            if output and (sparse or target == (*output[:-1], 1)):
                return None
            return Reject(
                "",
                f"`{name}` takes class numbers as targets, and these are {show(target)}",
                f"`{name.removeprefix('Sparse')}` takes one value for each class",
            )
        if sparse and output:
            other = f"`Sparse{name}` takes class numbers" if self.targets == "onehot" else (
                "`accuracy` works with class numbers"
            )  # fmt: skip
            return Reject(
                "", f"`{name}` takes a target for each value, and these are class numbers", other
            )
        return None


def ends_in_one(shape: Shape) -> bool:
    return not shape or shape[-1] == 1


def top(k: int) -> Int:
    return Int("How many of the best count.", default=k, min=1)


class Accuracy(Metric):
    """How often output and target are equal. (A bare `accuracy` is the one that fits the loss.)"""


class BinaryAccuracy(Metric):
    """How often an output is on the target's side of a threshold."""

    threshold = Float("Greater outputs count as 1, others as 0.", default=0.5)


class CategoricalAccuracy(Metric):
    """How often the greatest output is the right class, with one-hot targets."""

    targets = "onehot"


class SparseCategoricalAccuracy(Metric):
    """How often the greatest output is the right class, with integer targets."""

    targets = "classes"


class TopKCategoricalAccuracy(Metric):
    """How often the right class is among the `k` greatest outputs, with one-hot targets."""

    targets = "onehot"
    k = top(5)


class SparseTopKCategoricalAccuracy(Metric):
    """How often the right class is among the `k` greatest outputs, with integer targets."""

    targets = "classes"
    k = top(5)
    from_sorted_ids = Bool("Whether outputs are class numbers, the best first.", default=False)


class MeanSquaredError(Metric):
    """Mean of the squared differences."""

    better = "min"


class MeanAbsoluteError(Metric):
    """Mean of the absolute differences."""

    better = "min"


class RootMeanSquaredError(Metric):
    """Root of the mean of the squared differences."""

    better = "min"


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
    )


def limits(metric: Metric, output: Shape) -> Reject | None:
    """Why `top_k` or `class_id` cannot be counted in the output's last axis."""
    top_k, class_id = metric.__dict__["top_k"], metric.__dict__["class_id"]
    classes = output[-1] if output else 1
    if not isinstance(classes, int):
        return None
    if top_k is not None and top_k > classes:
        return Reject("top_k", f"`top_k` is {top_k}, and the output has {classes} values")
    if class_id is not None and class_id >= classes:
        return Reject("class_id", f"`class_id` is {class_id}, and the output has {classes} values")
    return None


class Precision(Metric):
    """Share of what was predicted positive that is."""

    thresholds = thresholds()
    top_k = Int("Only the `top_k` greatest outputs may count as positive.", default=None, min=1)
    class_id = Int("The only class to count.", default=None, min=0)

    def state(self, output: Shape) -> States:
        count = len(self.__dict__["thresholds"] or [0])
        return dict.fromkeys(("true_positives", "false_positives"), ((count,), "float32"))

    def misfit(self, output: Shape, target: Shape) -> Reject | None:
        return super().misfit(output, target) or limits(self, output)


class Recall(Metric):
    """Share of what is positive that was predicted so."""

    thresholds = thresholds()
    top_k = Int("Only the `top_k` greatest outputs may count as positive.", default=None, min=1)
    class_id = Int("The only class to count.", default=None, min=0)

    def state(self, output: Shape) -> States:
        count = len(self.__dict__["thresholds"] or [0])
        return dict.fromkeys(("true_positives", "false_negatives"), ((count,), "float32"))

    def misfit(self, output: Shape, target: Shape) -> Reject | None:
        return super().misfit(output, target) or limits(self, output)


class F1Score(Metric):
    """Harmonic mean of precision and recall, for each class or over them."""

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
            return Reject(
                "",
                f"`F1Score` takes outputs with one axis, and this one is {show(output)}",
                "insert a `Flatten` before the output, or use `Precision` and `Recall`",
            )
        return super().misfit(output, target)
