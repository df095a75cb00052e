"""Operations that take an axis away, or run along it."""

from __future__ import annotations

import typing

from modelspec.language.kinds import Bool, Choice, Either, Float, Int, ListOf
from modelspec.language.layer import Reject
from modelspec.language.operation import Operation, axes_in, axis_in
from modelspec.language.shapes import Shape, size

AXES = "The axis, or several; the batch is axis 0. All at once, Keras's default, would mix samples."
AXIS = "The axis; the batch is axis 0."


class Reduction(Operation):
    """One value from all along an axis, or along several."""

    takes = "..."
    axis = Either(AXES, Int(""), ListOf("", Int("")))
    keepdims = Bool("Whether the axes stay, with size 1.", default=False)

    def shape(self, x: Shape) -> Shape:
        gone = axes_in("axis", self.axis, len(x))
        if self.keepdims:
            return tuple(1 if at in gone else dim for at, dim in enumerate(x))
        return tuple(dim for at, dim in enumerate(x) if at not in gone)

    def flops(self, output: Shape, x: Shape) -> int | None:
        return size(x)


class Scan(Operation):
    """Each element with all before it along an axis."""

    takes = "..."
    axis = Int(AXIS)

    def shape(self, x: Shape) -> Shape:
        axis_in("axis", self.axis, len(x))
        return x

    def dtype_of(self, working: str) -> str:
        return "int32" if working == "bool" else working


class Along(Operation):
    """As many elements as came in, found anew along an axis."""

    takes = "..."
    axis = Int(AXIS, default=-1)
    shape = Scan.shape


class Place(Operation):
    """Where something is along an axis: int32, counted from 0."""

    takes = "..."
    axis = Int(AXIS)
    keepdims = Bool("Whether the axis stays, with size 1.", default=False)

    result = "int32"
    shape = Reduction.shape
    flops = Reduction.flops


class Sum(Reduction):
    """The sum along axes."""

    result = "count"


class Prod(Reduction):
    """The product along axes."""

    result = "count"


class Mean(Reduction):
    """The mean along axes."""

    result = "float"


class Var(Reduction):
    """The variance along axes: the mean squared distance from the mean."""

    result = "float"


class Std(Reduction):
    """The standard deviation along axes: the root of the variance."""

    result = "float"


class Max(Reduction):
    """The largest along axes."""


class Min(Reduction):
    """The smallest along axes."""


class Logsumexp(Reduction):
    """`log(sum(exp(x)))` along axes, without overflow."""

    result = "float"


class Any(Reduction):
    """Whether any along axes is true; a number is true unless it is zero."""

    result = "bool"


class All(Reduction):
    """Whether all along axes are true; a number is true unless it is zero."""

    result = "bool"


class CountNonzero(Reduction):
    """How many along axes are not zero."""

    result = "int32"
    keepdims = None  # type: ignore[assignment]


class Norm(Reduction):
    """The length along one axis, or the norm of matrices along two."""

    result = "float"
    ord = Either(
        "Which norm; null is the Euclidean one, and that of all elements for matrices.",
        Float(""),
        Choice("", "fro", "nuc"),
        default=None,
    )

    def check(self) -> None:
        count = len(self.axis) if isinstance(self.axis, list) else 1
        if count > 2:
            raise Reject("axis", "a norm is along one axis or two", "reduce the others apart")
        if count == 1 and isinstance(self.ord, str):
            raise Reject("ord", f"`{self.ord}` is a norm of matrices", "name two axes")
        if count == 2 and isinstance(self.ord, float) and abs(self.ord) not in (1, 2, float("inf")):
            raise Reject("ord", f"there is no norm {self.ord:g} of matrices", "1, 2 or .inf")


class Argmax(Place):
    """Where the largest element is."""


class Argmin(Place):
    """Where the smallest element is."""


class Cumsum(Scan):
    """The sum of each element and all before it."""


class Cumprod(Scan):
    """The product of each element and all before it."""


class Softmax(Along):
    """Shares that add up to 1 along an axis: `exp(x)` over its sum."""

    accepts = "float"


class LogSoftmax(Along):
    """The logarithm of `ops.Softmax`."""

    accepts = "float"


class Sort(Along):
    """Its elements along an axis, the smallest first."""


class Argsort(Along):
    """Where each element of `ops.Sort` was: int32, counted from 0."""

    result = "int32"


class TopK(Operation):
    """The largest elements along the last axis (`values`), and where they are (`indices`)."""

    takes = "... features"
    refuses = ("bool",)
    k = Int("How many.", min=1)
    sorted = Bool("Whether they come largest first.", default=True)

    def returns(self) -> tuple[str, ...]:
        return ("values", "indices")

    def shape(self, x: Shape) -> list[Shape]:
        if isinstance(x[-1], int) and self.k > x[-1]:
            raise Reject("k", f"the last axis has {x[-1]} elements", f"at most {x[-1]}")
        return [(*x[:-1], self.k)] * 2

    def dtypes(self, compute: str, *inputs: typing.Any) -> list[str]:
        return [*super().dtypes(compute, *inputs)[:1], "int32"]


class OneHot(Operation):
    """A float for each class: 1 for the one that an integer names, 0 for all others."""

    takes = "..."
    accepts = "integer"
    num_classes = Int("How many classes.", min=1)
    axis = Int("Where the classes stand in the result; the batch is axis 0.", default=-1)

    result = "float"

    def shape(self, x: Shape) -> Shape:
        at = axis_in("axis", self.axis, len(x) + 1)
        return (*x[:at], self.num_classes, *x[at:])
