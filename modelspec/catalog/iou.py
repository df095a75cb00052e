"""Metrics of segmentation: how predicted regions and true ones overlap."""

from __future__ import annotations

from typing import Any

from modelspec.catalog.metrics import Metric, States
from modelspec.language.kinds import Bool, Float, Int, ListOf
from modelspec.language.shapes import Shape, show
from modelspec.language.word import Reject


def num_classes() -> Int:
    return Int("How many classes there are.", min=1)


def target_class_ids(default: Any) -> ListOf:
    doc = "The classes to measure; what is shown is their mean."
    given = {} if default is None else {"default": default}
    return ListOf(doc, Int("", min=0), least=1, **given)


def ignore_class() -> Int:
    return Int("A target that does not count.", default=None)


def sparse(which: str, default: bool) -> Bool:
    doc = f"Whether {which} are class numbers, and not a value for each class."
    return Bool(doc, default=default)


def axis() -> Int:
    return Int("The axis of the classes, where there is one; the batch is axis 0.", default=-1)


class Overlap(Metric):
    """What regions share, over what they cover together: class by class, then the mean.

    A class that neither occurs nor is predicted does not count. Weights count as they are; Keras
    cuts them down to whole numbers.
    """

    num_classes: Any
    target_class_ids: Any = None
    ignore_class: Any = None
    sparse_y_true: Any = True
    sparse_y_pred: Any = True
    axis: Any = -1

    def state(self, output: Shape) -> States:
        return {"confusion": ((self.num_classes, self.num_classes), "float64")}

    def check(self) -> None:
        chosen = self.target_class_ids or []
        if any(one >= self.num_classes for one in chosen):
            raise Reject(
                "target_class_ids",
                f"there are {self.num_classes} classes, 0 to {self.num_classes - 1}",
                "leave out those that are not among them",
            )

    def misfit(self, output: Shape, target: Shape) -> Reject | None:
        predicted = output if self.sparse_y_pred else self.without_classes(output)
        true = target if self.sparse_y_true else self.without_classes(target)
        name = type(self).__name__
        if predicted is None or true is None:
            return Reject("axis", f"`{name}` finds no axis {self.axis} in {show(output)}")
        if trimmed(predicted) == trimmed(true):
            return None
        return Reject(
            "",
            f"`{name}` compares class numbers, {show(true)} true and {show(predicted)} predicted",
            "`sparse_y_pred: false` takes an output with a value for each class"
            if "sparse_y_pred" in self.arguments and self.sparse_y_pred
            else "`MeanIoU` says by `sparse_y_true` and `sparse_y_pred` which are class numbers",
        )

    def without_classes(self, shape: Shape) -> Shape | None:
        """A shape without the axis of the classes; None where it has no such axis."""
        axis = self.axis - 1 if self.axis > 0 else self.axis + len(shape)
        return (*shape[:axis], *shape[axis + 1 :]) if 0 <= axis < len(shape) else None


def trimmed(shape: Shape) -> Shape:
    return shape[:-1] if shape and shape[-1] == 1 else shape


class IoU(Overlap):
    """Overlap of the chosen classes, of class numbers or of a value for each class."""

    num_classes = num_classes()
    target_class_ids = target_class_ids(None)
    ignore_class = ignore_class()
    sparse_y_true = sparse("targets", True)
    sparse_y_pred = sparse("outputs", True)
    axis = axis()


class MeanIoU(Overlap):
    """Mean overlap of all classes, of class numbers or of a value for each class."""

    num_classes = num_classes()
    ignore_class = ignore_class()
    sparse_y_true = sparse("targets", True)
    sparse_y_pred = sparse("outputs", True)
    axis = axis()


class OneHotIoU(Overlap):
    """Overlap of the chosen classes, with one-hot targets."""

    sparse_y_true = False
    num_classes = num_classes()
    target_class_ids = target_class_ids(None)
    ignore_class = ignore_class()
    sparse_y_pred = sparse("outputs", False)
    axis = axis()


class OneHotMeanIoU(Overlap):
    """Mean overlap of all classes, with one-hot targets."""

    sparse_y_true = False
    num_classes = num_classes()
    ignore_class = ignore_class()
    sparse_y_pred = sparse("outputs", False)
    axis = axis()


class BinaryIoU(Overlap):
    """Overlap of two regions, 0 and 1: what is at least `threshold` is 1."""

    num_classes = 2
    target_class_ids = target_class_ids([0, 1])
    threshold = Float("The least output that counts as 1.", default=0.5)
