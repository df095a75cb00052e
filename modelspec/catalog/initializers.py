"""How a weight starts."""

from __future__ import annotations

from modelspec.language.kinds import Bool, Choice, Either, Float, Int, ListOf
from modelspec.language.shapes import Shape, show
from modelspec.language.word import Reject, Word


class Initializer(Word):
    """How a weight starts: a function of its shape and a seed."""

    group = "initializers"

    def misfit(self, shape: Shape) -> Reject | None:
        """Why a weight of this shape cannot start so; None where it can."""
        rank = len(shape)
        for name in ("input_axes", "output_axes"):
            if not all(-rank <= axis < rank for axis in self.__dict__.get(name) or ()):
                message = f"`{name}` is {self.__dict__[name]}, and this weight is {show(shape)}"
                return Reject("", message, "leave both out: the last two axes are meant")
        return None


def seed() -> Int:
    return Int("Seed of this weight alone; null follows the run's.", default=None, min=0)


def axes(meaning: str) -> ListOf:
    return ListOf(f"The axes that count {meaning}; null is Keras's rule.", Int(""), default=None)


class Zeros(Initializer):
    """All 0."""


class Ones(Initializer):
    """All 1."""


class Constant(Initializer):
    """All the same value."""

    value = Float("The value.", default=0.0)


class Identity(Initializer):
    """The identity matrix, times `gain`; for weights of two axes."""

    gain = Float("Factor.", default=1.0)

    def misfit(self, shape: Shape) -> Reject | None:
        if len(shape) == 2:
            return None
        return Reject(
            "",
            f"`Identity` makes matrices, and this weight is {show(shape)}",
            "`orthogonal` works for any weight of two axes or more",
        )


class Orthogonal(Initializer):
    """A random orthogonal matrix, times `gain`; axes before the last are its rows."""

    gain = Float("Factor.", default=1.0)
    seed = seed()
    source = "Saxe et al., 2014, https://openreview.net/forum?id=_wzZwKpTDF_9C"

    def misfit(self, shape: Shape) -> Reject | None:
        if len(shape) >= 2:
            return None
        return Reject(
            "",
            f"`Orthogonal` needs two axes or more, and this weight is {show(shape)}",
            "`random_normal` works for any weight",
        )


class RandomNormal(Initializer):
    """Drawn from a normal distribution."""

    mean = Float("Its mean.", default=0.0)
    stddev = Float("Its standard deviation.", default=0.05, min=0)
    seed = seed()


class RandomUniform(Initializer):
    """Drawn evenly from a range."""

    minval = Float("The range's lower end.", default=-0.05)
    maxval = Float("The range's upper end.", default=0.05)
    seed = seed()

    def check(self) -> None:
        if self.minval > self.maxval:
            raise Reject("minval", "`minval` is above `maxval`", "swap them")


class TruncatedNormal(Initializer):
    """Drawn from a normal distribution, without what is over two standard deviations away."""

    mean = Float("Its mean.", default=0.0)
    stddev = Float("Its standard deviation before it is cut.", default=0.05, min=0)
    seed = seed()


class VarianceScaling(Initializer):
    """Random, with variance `scale / n`, where `n` counts a weight's inputs, outputs or both."""

    scale = Float("Factor of the variance.", default=1.0, above=0)
    mode = Choice("What `n` counts.", "fan_in", "fan_out", "fan_avg", default="fan_in")
    distribution = Choice(
        "What is drawn from; `normal` is `truncated_normal`.",
        "truncated_normal",
        "untruncated_normal",
        "uniform",
        "normal",
        default="truncated_normal",
    )
    seed = seed()
    input_axes = axes("inputs")
    output_axes = axes("outputs")


class GlorotNormal(Initializer):
    """Truncated normal, with variance `2 / (inputs + outputs)`."""

    scale, mode, distribution = 1.0, "fan_avg", "truncated_normal"
    seed = seed()
    input_axes = axes("inputs")
    output_axes = axes("outputs")
    source = "Glorot and Bengio, 2010, https://proceedings.mlr.press/v9/glorot10a.html"


class GlorotUniform(Initializer):
    """Uniform, with variance `2 / (inputs + outputs)`."""

    scale, mode, distribution = 1.0, "fan_avg", "uniform"
    seed = seed()
    input_axes = axes("inputs")
    output_axes = axes("outputs")
    source = "Glorot and Bengio, 2010, https://proceedings.mlr.press/v9/glorot10a.html"


class HeNormal(Initializer):
    """Truncated normal, with variance `2 / inputs`."""

    scale, mode, distribution = 2.0, "fan_in", "truncated_normal"
    seed = seed()
    input_axes = axes("inputs")
    output_axes = axes("outputs")
    source = "He et al., 2015, https://arxiv.org/abs/1502.01852"


class HeUniform(Initializer):
    """Uniform, with variance `2 / inputs`."""

    scale, mode, distribution = 2.0, "fan_in", "uniform"
    seed = seed()
    input_axes = axes("inputs")
    output_axes = axes("outputs")
    source = "He et al., 2015, https://arxiv.org/abs/1502.01852"


class LecunNormal(Initializer):
    """Truncated normal, with variance `1 / inputs`."""

    scale, mode, distribution = 1.0, "fan_in", "truncated_normal"
    seed = seed()
    input_axes = axes("inputs")
    output_axes = axes("outputs")
    source = "Klambauer et al., 2017, https://arxiv.org/abs/1706.02515"


class LecunUniform(Initializer):
    """Uniform, with variance `1 / inputs`."""

    scale, mode, distribution = 1.0, "fan_in", "uniform"
    seed = seed()
    input_axes = axes("inputs")
    output_axes = axes("outputs")
    source = "LeCun et al., 1998, Efficient BackProp"


#: The windows of `scipy.signal` that take no parameters.
WINDOWS = (
    "hann", "hamming", "blackman", "bartlett", "boxcar", "triang", "cosine", "nuttall",
    "blackmanharris", "flattop", "bohman", "barthann", "lanczos", "parzen", "tukey", "exponential",
    "taylor",
)  # fmt: skip


class STFT(Initializer):
    """The cosines or sines of a Fourier transform over windows: (window, 1, frequencies)."""

    side = Choice("Cosines, or sines.", "real", "imag", default="real")
    window = Either(
        "What each frame is multiplied by: a window's name, or its values; null is nothing.",
        Choice("", *WINDOWS),
        ListOf("", Float("")),
        default="hann",
        null=True,
    )
    scaling = Choice(
        "What the window is divided by: its norm, or its sum; null is nothing.",
        "density",
        "spectrum",
        default="density",
        null=True,
    )
    periodic = Bool("Whether the window is one period of an endless one.", default=False)

    def misfit(self, shape: Shape) -> Reject | None:
        if len(shape) != 3 or shape[1] != 1 or shape[2] == 1:
            return Reject(
                "",
                "`STFT` makes weights of (window, 1, frequencies), two of those at least, and this "
                f"is {show(shape)}",
                "`glorot_uniform` works for any weight",
            )
        given = self.__dict__["window"]
        if not isinstance(given, list) or len(given) == shape[0]:
            return None
        return Reject("window", f"`window` has {len(given)} values, and a frame {shape[0]}")


class UnitForgetBias(Initializer):
    """The bias of an LSTM: ones for the forget gate, `inner` for the others.

    Not written in specs: `LSTM` makes it, for its `unit_forget_bias`.
    """

    inner: Initializer

    def misfit(self, shape: Shape) -> Reject | None:
        return self.inner.misfit(shape)
