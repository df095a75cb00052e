"""What training makes small: a number from what was wanted and what was predicted."""

from __future__ import annotations

from typing import ClassVar

from modelspec.catalog.misfits import PROBABILITIES, below_zero, no_axis, one_class, wrong_range
from modelspec.catalog.words import snake
from modelspec.language.kinds import Bool, Choice, Float, Int, ListOf
from modelspec.language.shapes import Shape, show
from modelspec.language.word import Reject, Word

#: What the loss of a batch is, from a loss per sample (or per time step of one).
reduction = Choice(
    "How the values of a batch become one: the mean, the sum, or the mean over sample weights.",
    "sum_over_batch_size",
    "sum",
    "mean",
    "mean_with_sample_weight",
    default="sum_over_batch_size",
)


class Loss(Word):
    """A loss: of targets and an output, both `(batch, ...)`.

    - `suits`: the activations that an output may end in; empty where any will do.
    - `undoes`: the activation whose input the loss can be computed from directly (the same
      numbers, sooner and more exactly).
    - `least`, `most`: between what numbers targets lie; None is no bound.
    - `shares`: the values of a target sum to 1. `copies`: the output is to be the target.
    """

    group = "losses"
    suits: ClassVar[tuple[str, ...]] = ()
    undoes: ClassVar[str | None] = None
    least: ClassVar[float | None] = None
    most: ClassVar[float | None] = None
    shares: ClassVar[bool] = False
    copies: ClassVar[bool] = False
    reduction = reduction

    def target(self, output: Shape, dtype: str) -> tuple[Shape, str]:
        """Shape (batch left out) and dtype of the targets that fit such an output."""
        return output, "float64" if dtype == "float64" else "float32"

    def default_accuracy(self, output: Shape) -> str:
        """The metric that the name `accuracy` stands for, by Keras's rule."""
        if not output or output[-1] == 1:
            return "BinaryAccuracy"
        target, _ = self.target(output, "float32")
        sparse = len(target) < len(output) or target[-1] == 1
        return "SparseCategoricalAccuracy" if sparse else "CategoricalAccuracy"

    def misfit(self, output: Shape, activation: str | None) -> Reject | None:
        """Why this loss surely does not fit an output of that shape; None where it may.

        `activation` is the class name of what the output ends in, `Linear` where it surely ends
        in none, None where that is unknown.
        """
        if activation == "Softmax" and output and output[-1] == 1:
            return Reject(
                "",
                "a softmax over one unit is always 1",
                "write `activation: sigmoid`, or give the layer one unit for each class",
            )
        return no_axis(self.__dict__.get("axis"), output)


def from_logits() -> Bool:
    return Bool("Whether outputs are logits (no activation) and not probabilities.", default=False)


class BinaryCrossentropy(Loss):
    """Crossentropy of independent yes-or-no targets, each 0 or 1."""

    least, most = 0, 1
    from_logits = from_logits()
    label_smoothing = Float("How far targets move towards 0.5.", default=0.0, min=0, max=1)
    axis = Int("The axis to average along.", default=-1)
    suits = PROBABILITIES
    undoes = "Sigmoid"

    def misfit(self, output: Shape, activation: str | None) -> Reject | None:
        return super().misfit(output, activation) or wrong_range(
            self, activation, "probabilities", "sigmoid"
        )


class CategoricalCrossentropy(Loss):
    """Crossentropy of classes, with one-hot targets (or any probabilities)."""

    least, most, shares = 0, 1, True
    from_logits = from_logits()
    label_smoothing = Float("How far targets move towards all alike.", default=0.0, min=0, max=1)
    axis = Int("The axis of the classes.", default=-1)
    # Keras divides by the sum over classes, so anything positive is a distribution.
    suits = (*PROBABILITIES, "Softplus", "Exponential")
    undoes = "Softmax"

    def misfit(self, output: Shape, activation: str | None) -> Reject | None:
        return (
            super().misfit(output, activation)
            or one_class(self, output, self.axis)
            or wrong_range(self, activation, "a probability for each class", "softmax")
        )


class SparseCategoricalCrossentropy(Loss):
    """Crossentropy of classes, with integer targets."""

    from_logits = from_logits()
    ignore_class = Int("A target that does not count.", default=None)
    axis = Int("The axis of the classes.", default=-1)
    suits = (*PROBABILITIES, "Softplus", "Exponential")
    undoes = "Softmax"

    def target(self, output: Shape, dtype: str) -> tuple[Shape, str]:
        axis = self.axis + len(output) if self.axis < 0 else self.axis - 1
        return output[:axis] + output[axis + 1 :], "int64"

    def misfit(self, output: Shape, activation: str | None) -> Reject | None:
        return (
            super().misfit(output, activation)
            or one_class(self, output, self.axis)
            or wrong_range(self, activation, "a probability for each class", "softmax")
        )


class KLDivergence(Loss):
    """How far the predicted distribution is from the wanted one: `sum(y * log(y / predicted))`."""

    least, most, shares = 0, 1, True

    def misfit(self, output: Shape, activation: str | None) -> Reject | None:
        return super().misfit(output, activation) or below_zero(
            self, activation, "probabilities", "softmax"
        )


class Poisson(Loss):
    """`mean(predicted - y * log(predicted))`: for counts, of which the output is the mean."""

    least = 0

    def misfit(self, output: Shape, activation: str | None) -> Reject | None:
        return super().misfit(output, activation) or below_zero(
            self, activation, "rates above 0", "softplus"
        )


def gamma() -> Float:
    return Float("How much less an easy sample counts; 0 is all alike.", default=2.0, min=0)


class BinaryFocalCrossentropy(Loss):
    """Crossentropy of yes-or-no targets that counts what is nearly right less."""

    least, most = 0, 1
    apply_class_balancing = Bool("Whether `alpha` weighs the two targets.", default=False)
    alpha = Float("Weight of the target 1; `1 - alpha` is that of 0.", default=0.25)
    gamma = gamma()
    from_logits = from_logits()
    label_smoothing = Float("How far targets move towards 0.5.", default=0.0, min=0, max=1)
    axis = Int("The axis to average along.", default=-1)
    suits = PROBABILITIES
    source = "Lin et al., 2018, https://arxiv.org/abs/1708.02002"

    def misfit(self, output: Shape, activation: str | None) -> Reject | None:
        return super().misfit(output, activation) or wrong_range(
            self, activation, "probabilities", "sigmoid"
        )


class CategoricalFocalCrossentropy(Loss):
    """Crossentropy of classes, with one-hot targets, that counts what is nearly right less."""

    least, most, shares = 0, 1, True
    alpha = Float("Factor of the loss.", default=0.25)
    gamma = gamma()
    from_logits = from_logits()
    label_smoothing = Float("How far targets move towards all alike.", default=0.0, min=0, max=1)
    axis = Int("The axis of the classes.", default=-1)
    suits = (*PROBABILITIES, "Softplus", "Exponential")
    source = "Lin et al., 2018, https://arxiv.org/abs/1708.02002"

    def misfit(self, output: Shape, activation: str | None) -> Reject | None:
        return (
            super().misfit(output, activation)
            or one_class(self, output, self.axis)
            or wrong_range(self, activation, "a probability for each class", "softmax")
        )


class CategoricalGeneralizedCrossEntropy(Loss):
    """`(1 - p ** q) / q` of the right class's probability: forgives wrong integer targets."""

    q = Float("From 0, a crossentropy, to 1, an absolute error.", default=0.5, above=0, below=1)
    suits = PROBABILITIES
    source = "Zhang and Sabuncu, 2018, https://arxiv.org/abs/1805.07836"

    def target(self, output: Shape, dtype: str) -> tuple[Shape, str]:
        return output[:-1], "int64"

    def misfit(self, output: Shape, activation: str | None) -> Reject | None:
        return (
            super().misfit(output, activation)
            or one_class(self, output, -1)
            or wrong_range(self, activation, "a probability for each class", "softmax")
        )


class Overlap(Loss):
    """A loss of how two regions overlap."""

    least, most = 0, 1
    axis = ListOf(
        "The axes that make up a region, the batch being 0; null is all of them.",
        Int(""),
        default=None,
        single=True,
        least=1,
    )
    suits = PROBABILITIES

    def misfit(self, output: Shape, activation: str | None) -> Reject | None:
        rank = len(output) + 1
        axes = self.__dict__["axis"] or ()
        whole = len({axis % rank for axis in axes}) == len(axes)
        if not whole or not all(-rank <= axis < rank for axis in axes):
            with_batch = show(("batch", *output))
            return Reject(
                "axis",
                f"`axis` is {list(axes)}, and the output is {with_batch}",
                "leave `axis` out: all axes make up the region",
            )
        return super().misfit(output, activation) or wrong_range(
            self, activation, "probabilities", "sigmoid"
        )


class Dice(Overlap):
    """1 minus twice what target and output share, over the sum of both."""

    source = "Milletari et al., 2016, https://arxiv.org/abs/1606.04797"


class Tversky(Overlap):
    """A `Dice` with weights for what is wrongly missing and what is wrongly there."""

    alpha = Float("Weight of what the target has and the output has not.", default=0.5)
    beta = Float("Weight of what the output has and the target has not.", default=0.5)
    source = "Salehi et al., 2017, https://arxiv.org/abs/1706.05721"


class CTC(Loss):
    """Minus the logarithm of the probability of a sequence, wherever in time its parts are.

    Outputs are logits, (time, classes); targets are class numbers, (length); class 0 is the blank
    in outputs and padding in targets.
    """

    source = "Graves et al., 2006, https://www.cs.toronto.edu/~graves/icml_2006.pdf"

    def target(self, output: Shape, dtype: str) -> tuple[Shape, str]:
        return (None,), "int64"

    def misfit(self, output: Shape, activation: str | None) -> Reject | None:
        if len(output) != 2:
            return Reject(
                "",
                f"`CTC` takes (time, classes), and this output is {show(output)}",
                "an LSTM with `return_sequences: true`, then `Dense`, gives that",
            )
        if activation in (None, "Linear", "LogSoftmax"):
            return None
        ends = snake(activation)
        return Reject("", f"`CTC` takes logits, and this output ends in `{ends}`",
                      "leave the activation out")  # fmt: skip
