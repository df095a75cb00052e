"""Functions that are applied to each element of a tensor, or along one of its axes."""

from __future__ import annotations

from typing import ClassVar

from modelspec.language.kinds import Bool, Float, Int
from modelspec.language.shapes import Shape, show
from modelspec.language.word import Reject, Word


class Activation(Word):
    """An activation function.

    `low` and `high` bound what it can give whatever it is given (None: no bound). One that
    `resizes` gives another shape than it is given.
    """

    group = "activations"
    low: float | None = None
    high: float | None = None
    resizes: ClassVar[bool] = False

    def shape(self, x: Shape) -> Shape:
        """What becomes of a shape (batch left out); raises `Reject`."""
        return x


class Linear(Activation):
    """`x`, unchanged."""


class Relu(Activation):
    """`max(x, 0)`, or with arguments a line with another slope, a ceiling or a later start."""

    negative_slope = Float("Slope below the threshold.", default=0.0)
    max_value = Float("Ceiling of the result; null is none.", default=None, min=0)
    threshold = Float("Where the line begins; below it the result is 0.", default=0.0)

    @property
    def low(self) -> float | None:  # type: ignore[override]
        return 0.0 if self.negative_slope == 0 and self.threshold >= 0 else None


class Relu6(Activation):
    """`min(max(x, 0), 6)`."""

    low, high = 0.0, 6.0


class LeakyRelu(Activation):
    """`x` above 0, a gentle slope below."""

    negative_slope = Float("Slope below 0.", default=0.2)


class Elu(Activation):
    """`x` above 0, `alpha * (exp(x) - 1)` below."""

    alpha = Float("Minus the value far below 0.", default=1.0)
    source = "Clevert et al., 2016, https://arxiv.org/abs/1511.07289"


class Selu(Activation):
    """An `Elu` scaled so that activations keep zero mean and unit variance."""

    source = "Klambauer et al., 2017, https://arxiv.org/abs/1706.02515"


class Gelu(Activation):
    """`x` times the normal distribution's probability of a value below `x`."""

    approximate = Bool("Whether to use the approximation by tanh.", default=False)
    source = "Hendrycks and Gimpel, 2016, https://arxiv.org/abs/1606.08415"


class Silu(Activation):
    """`x * sigmoid(x)`, also called swish."""

    source = "Ramachandran et al., 2017, https://arxiv.org/abs/1710.05941"


class Mish(Activation):
    """`x * tanh(softplus(x))`."""

    source = "Misra, 2019, https://arxiv.org/abs/1908.08681"


class Sigmoid(Activation):
    """`1 / (1 + exp(-x))`: from 0 to 1."""

    low, high = 0.0, 1.0


class HardSigmoid(Activation):
    """`relu6(x + 3) / 6`: straight lines in place of the sigmoid."""

    low, high = 0.0, 1.0


class HardSilu(Activation):
    """`x * hard_sigmoid(x)`."""

    source = "Howard et al., 2019, https://arxiv.org/abs/1905.02244"


class Tanh(Activation):
    """The hyperbolic tangent: from -1 to 1."""

    low, high = -1.0, 1.0


class Softmax(Activation):
    """Positive values that sum to 1 along an axis."""

    axis = Int("The axis to sum to 1 along.", default=-1)
    low, high = 0.0, 1.0


class LogSoftmax(Activation):
    """The logarithm of a softmax."""

    axis = Int("The axis of the softmax.", default=-1)
    high = 0.0


class LogSigmoid(Activation):
    """The logarithm of a sigmoid."""

    high = 0.0


class Softplus(Activation):
    """`log(1 + exp(x))`: a smooth `Relu`."""

    low = 0.0


class Softsign(Activation):
    """`x / (1 + |x|)`: from -1 to 1."""

    low, high = -1.0, 1.0


class Exponential(Activation):
    """`exp(x)`."""

    low = 0.0


class Celu(Activation):
    """`max(x, 0) + min(0, alpha * (exp(x / alpha) - 1))`: an `Elu` without a kink at 0."""

    alpha = Float("Minus the value far below 0.", default=1.0, above=0)
    source = "Barron, 2017, https://arxiv.org/abs/1704.07483"


class Glu(Activation):
    """Half of `x` times the sigmoid of the other half; the axis comes out half as long."""

    axis = Int("The axis to halve.", default=-1)
    resizes = True
    source = "Dauphin et al., 2017, https://arxiv.org/abs/1612.08083"

    def shape(self, x: Shape) -> Shape:
        axis = self.axis - 1 if self.axis > 0 else self.axis + len(x)
        if self.axis == 0 or not 0 <= axis < len(x):
            raise Reject("axis", f"`axis` is {self.axis}, and this is {show(x)}")
        long = x[axis]
        if isinstance(long, int) and long % 2:
            raise Reject("axis", f"`Glu` halves an axis, and this one has {long}")
        half = long // 2 if isinstance(long, int) else None
        return (*x[:axis], half, *x[axis + 1 :])


def threshold() -> Float:
    return Float("How far from 0 the result is 0.", default=0.5, min=0)


class HardShrink(Activation):
    """`x`, and 0 where it is within `threshold` of 0."""

    threshold = threshold()


class SoftShrink(Activation):
    """`x` moved by `threshold` towards 0, and 0 where it is nearer than that."""

    threshold = threshold()


class TanhShrink(Activation):
    """`x - tanh(x)`."""


class HardTanh(Activation):
    """`min(max(x, -1), 1)`: straight lines in place of the tangent."""

    low, high = -1.0, 1.0


class Threshold(Activation):
    """`x` above `threshold`, `default_value` elsewhere."""

    threshold = Float("What `x` has to be above.")
    default_value = Float("The result elsewhere.")


class SparsePlus(Activation):
    """0 below -1, `(x + 1) ** 2 / 4` up to 1, `x` from there on: a `Softplus` that reaches 0."""

    low = 0.0


class SparseSigmoid(Activation):
    """`(x + 1) / 2`, within 0 and 1."""

    low, high = 0.0, 1.0


class Sparsemax(Activation):
    """The nearest point to `x` whose values are not negative and sum to 1: many of them are 0."""

    axis = Int("The axis to sum to 1 along.", default=-1)
    low, high = 0.0, 1.0
    source = "Martins and Astudillo, 2016, https://arxiv.org/abs/1602.02068"


class Squareplus(Activation):
    """`(x + sqrt(x ** 2 + b)) / 2`: a smooth `Relu` without exponentials."""

    b = Float("How smooth it is.", default=4, min=0)
    low = 0.0
    source = "Barron, 2021, https://arxiv.org/abs/2112.11687"
