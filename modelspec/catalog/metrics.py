"""What is measured beside the loss: numbers over all samples seen, for people to read."""

from __future__ import annotations

from typing import ClassVar

from modelspec.catalog.misfits import no_axis
from modelspec.catalog.words import snake
from modelspec.language.kinds import Bool, Float, Int
from modelspec.language.shapes import Shape, show
from modelspec.language.word import Reject, Word

States = dict[str, tuple[tuple[int, ...], str]]


class Metric(Word):
    """A metric: of targets and an output, both `(batch, ...)`, over any number of batches.

    - `better`: whether `max` or `min` is wanted of it.
    - `targets`: what its targets are: `same` shape as the output, `classes` (class numbers),
      `onehot` (a value for each class), or `any`.
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
        misplaced = no_axis(self.__dict__.get("axis"), output)
        if self.targets == "any" or misplaced is not None:
            return misplaced
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

    def misfit(self, output: Shape, target: Shape) -> Reject | None:
        return super().misfit(output, target) or too_many(self.k, output)


class SparseTopKCategoricalAccuracy(Metric):
    """How often the right class is among the `k` greatest outputs, with integer targets."""

    targets = "classes"
    k = top(5)
    from_sorted_ids = Bool("Whether outputs are class numbers, the best first.", default=False)

    def misfit(self, output: Shape, target: Shape) -> Reject | None:
        return super().misfit(output, target) or (
            None if self.from_sorted_ids else too_many(self.k, output)
        )


def too_many(k: int, output: Shape) -> Reject | None:
    """Why there are no `k` classes to choose from."""
    classes = output[-1] if output else 1
    if not isinstance(classes, int) or k <= classes:
        return None
    message = f"`k` is {k}, and the output has {classes} classes: the right one is among them"
    return Reject("k", message, f"write a `k` below {classes}" if classes > 2 else "")


class Mean(Metric):
    """The mean of the output, whatever its targets are."""

    targets = "any"


class Sum(Metric):
    """The sum of the output over all samples, whatever its targets are."""

    targets = "any"

    def state(self, output: Shape) -> States:
        return {"total": ((), "float32")}
