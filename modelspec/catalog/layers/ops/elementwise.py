"""Operations on each element of one tensor."""

from __future__ import annotations

from typing import Any

from modelspec.language.dtypes import DTYPES
from modelspec.language.kinds import Bool, Choice, Float, Int
from modelspec.language.layer import Reject
from modelspec.language.operation import Constant, Operation


class Elementwise(Operation):
    """Each element by itself; integers stay integers."""

    takes = "..."


class Real(Operation):
    """Each element by itself; integers become floats."""

    takes = "..."
    result = "float"


class Test(Operation):
    """A boolean for each element."""

    takes = "..."
    result = "bool"


class Negative(Elementwise):
    """The negative of each element."""

    refuses = ("bool",)


class Abs(Elementwise):
    """The absolute value of each element."""


class Sign(Elementwise):
    """-1, 0 or 1, by the sign of each element."""


class Trunc(Elementwise):
    """Each element without its fraction."""


class Relu(Elementwise):
    """Each element, or zero where it is negative."""

    refuses = ("bool",)


class Relu6(Elementwise):
    """Each element, held between 0 and 6."""

    refuses = ("bool",)


class StopGradient(Elementwise):
    """Each element as it is; gradients end here."""


class ZerosLike(Elementwise):
    """Zeros in the shape of the tensor."""


class OnesLike(Elementwise):
    """Ones in the shape of the tensor."""


class LogicalNot(Test):
    """Whether each element is false, or zero."""


class Isfinite(Test):
    """Whether each element is a number and finite."""


class Isinf(Test):
    """Whether each element is infinite."""


class Isnan(Test):
    """Whether each element is no number."""


class Sqrt(Real):
    """The square root of each element."""


class Rsqrt(Real):
    """One over the square root of each element."""


class Reciprocal(Real):
    """One over each element."""


class Exp(Real):
    """e to the power of each element."""


class Exp2(Real):
    """2 to the power of each element."""


class Expm1(Real):
    """e to the power of each element, less 1; exact for small ones."""


class Log(Real):
    """The natural logarithm of each element."""


class Log1p(Real):
    """The natural logarithm of 1 plus each element; exact for small ones."""


class Log2(Real):
    """The logarithm to base 2 of each element."""


class Log10(Real):
    """The logarithm to base 10 of each element."""


class Sin(Real):
    """The sine of each element, in radians."""


class Cos(Real):
    """The cosine of each element, in radians."""


class Tan(Real):
    """The tangent of each element, in radians."""


class Arcsin(Real):
    """The angle whose sine is each element."""


class Arccos(Real):
    """The angle whose cosine is each element."""


class Arctan(Real):
    """The angle whose tangent is each element."""


class Sinh(Real):
    """The hyperbolic sine of each element."""


class Cosh(Real):
    """The hyperbolic cosine of each element."""


class Tanh(Real):
    """The hyperbolic tangent of each element."""


class Arcsinh(Real):
    """The inverse hyperbolic sine of each element."""


class Arccosh(Real):
    """The inverse hyperbolic cosine of each element."""


class Arctanh(Real):
    """The inverse hyperbolic tangent of each element."""


class Erf(Real):
    """The error function of each element."""


class Erfinv(Real):
    """The inverse of the error function, of each element."""


class Floor(Real):
    """The largest whole number up to each element."""


class Ceil(Real):
    """The smallest whole number from each element on."""


class Sigmoid(Real):
    """`1 / (1 + exp(-x))` of each element."""


class Softsign(Real):
    """`x / (1 + |x|)` of each element."""

    refuses = ("bool",)


class Selu(Real):
    """Each element by the scaled exponential linear unit."""

    accepts = "float"


class Silu(Real):
    """`x * sigmoid(x)` of each element."""

    accepts = "float"


class Softplus(Real):
    """`log(1 + exp(x))` of each element."""

    accepts = "float"


class LogSigmoid(Real):
    """The logarithm of the sigmoid of each element."""

    accepts = "float"


class HardSigmoid(Real):
    """`relu6(x + 3) / 6` of each element."""

    accepts = "float"


class HardSilu(Real):
    """`x * hard_sigmoid(x)` of each element."""

    accepts = "float"


class Square(Elementwise):
    """The square of each element."""

    def dtype_of(self, working: str) -> str:
        return "int32" if working == "bool" else working


class Round(Elementwise):
    """Each element rounded; halves go to the even neighbour."""

    refuses = ("bool",)
    decimals = Int("Digits to keep after the point; negative ones before it.", default=0)


class NanToNum(Elementwise):
    """Each element, or a finite number where it is none."""

    nan = Float("Stands for what is no number.", default=0.0)
    posinf = Float("Stands for infinity; null is the largest number.", default=None)
    neginf = Float("Stands for minus infinity; null is the lowest number.", default=None)


class Clip(Elementwise):
    """Each element, held between two bounds."""

    x_min = Constant("The lower bound.")
    x_max = Constant("The upper bound.")

    def check(self) -> None:
        if self.x_min > self.x_max:
            raise Reject("x_min", f"{self.x_min} is above `x_max`, {self.x_max}", "exchange them")

    def constants(self) -> tuple[Any, ...]:
        return (self.x_min, self.x_max)


class FullLike(Elementwise):
    """One number in the shape of the tensor, and in its dtype."""

    fill_value = Constant("The number.")


class Cast(Elementwise):
    """Each element in another dtype; a float is cut to an integer, any non-zero is true."""

    to = Choice("The dtype.", *[one for one in DTYPES if one != "string"])

    def dtype_of(self, working: str) -> str:
        to: str = self.to
        return to


class LeakyRelu(Real):
    """Each element, times a slope where it is negative."""

    accepts = "float"
    negative_slope = Float("The slope.", default=0.2)


class Elu(Real):
    """Each element, or `alpha * (exp(x) - 1)` where it is negative."""

    accepts = "float"
    alpha = Float("What negative elements tend to, with its sign turned.", default=1.0)


class Gelu(Real):
    """Each element times the share of a normal distribution below it."""

    accepts = "float"
    approximate = Bool("Whether to use the approximation by `tanh`.", default=True)
