"""Functions that are applied to each element of a tensor, or along one of its axes."""

from __future__ import annotations

from modelspec.language.kinds import Bool, Float, Int
from modelspec.language.word import Word


class Activation(Word):
    """An activation function.

    `low` and `high` bound what it can give whatever it is given (None: no bound).
    """

    group = "activations"
    low: float | None = None
    high: float | None = None


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
