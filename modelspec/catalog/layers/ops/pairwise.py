"""Operations on the elements of two tensors, or of a tensor and a number."""

from __future__ import annotations

from typing import Any

from modelspec.language.layer import Reject
from modelspec.language.operation import Constant, Operation, over_batches
from modelspec.language.shapes import Shape


class Pairwise(Operation):
    """Two operands, element by element.

    `from` names both, `[a, b]`; a number, `x1` or `x2`, stands for the one that `from` leaves out.
    They have the same number of axes, and sizes that are the same or 1.
    """

    x1 = Constant("A number in place of the first operand.", default=None)
    x2 = Constant("A number in place of the second operand.", default=None)

    @property
    def takes(self) -> dict[str, str]:
        return {name: "..." for name in ("x1", "x2") if self.__dict__[name] is None}

    def check(self) -> None:
        if not self.takes:
            raise Reject("x2", "one of the operands is a tensor", "leave `x1` or `x2` out")

    def constants(self) -> tuple[Any, ...]:
        return tuple(one for one in (self.x1, self.x2) if one is not None)

    def shape(self, *given: Shape) -> Shape:
        return over_batches(given)


class Comparison(Operation):
    """Two operands, element by element, to true or false.

    `from` names both, `[a, b]`; a number, `x1` or `x2`, stands for the one that `from` leaves out.
    They have the same number of axes, and sizes that are the same or 1.
    """

    x1 = Constant("A number in place of the first operand.", default=None)
    x2 = Constant("A number in place of the second operand.", default=None)

    result = "bool"
    takes = Pairwise.takes
    check = Pairwise.check
    constants = Pairwise.constants
    shape = Pairwise.shape


class Add(Pairwise):
    """The sum of two operands."""


class Subtract(Pairwise):
    """The first operand less the second."""

    refuses = ("bool",)


class Multiply(Pairwise):
    """The product of two operands."""


class Divide(Pairwise):
    """The first operand over the second, as a float."""

    result = "float"


class DivideNoNan(Pairwise):
    """The first operand over the second, as a float; zero where the second is zero."""

    result = "float"


class FloorDivide(Pairwise):
    """The largest whole number up to the first operand over the second."""


class Mod(Pairwise):
    """What is left of the first operand after whole multiples of the second, with its sign."""

    refuses = ("bool",)


class Power(Pairwise):
    """The first operand to the power of the second."""

    refuses = ("bool",)


class Maximum(Pairwise):
    """The larger of two operands."""


class Minimum(Pairwise):
    """The smaller of two operands."""


class Arctan2(Pairwise):
    """The angle of the point (second operand, first operand)."""

    result = "float"


class Logaddexp(Pairwise):
    """`log(exp(x1) + exp(x2))`, without overflow."""

    result = "float"


class Equal(Comparison):
    """Whether the operands are equal."""


class NotEqual(Comparison):
    """Whether the operands differ."""


class Greater(Comparison):
    """Whether the first operand is larger than the second."""


class GreaterEqual(Comparison):
    """Whether the first operand is at least the second."""


class Less(Comparison):
    """Whether the first operand is smaller than the second."""


class LessEqual(Comparison):
    """Whether the first operand is at most the second."""


class LogicalAnd(Comparison):
    """Whether both operands are true; a number is true unless it is zero."""


class LogicalOr(Comparison):
    """Whether one of the operands is true; a number is true unless it is zero."""


class LogicalXor(Comparison):
    """Whether the one operand is true and the other not; a number is true unless it is zero."""


class Where(Pairwise):
    """`x1` where a condition holds, `x2` elsewhere.

    `from: {condition: c, x1: a, x2: b}`; a number, `x1` or `x2`, stands for what `from` leaves out.
    """

    @property
    def takes(self) -> dict[str, str]:
        return {"condition": "...", **super().takes}

    def working(self, compute: str, *given: str) -> str:
        return super().working(compute, *given[1:])  # the condition has no say
