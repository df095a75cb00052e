"""What training makes small: a number from what was wanted and what was predicted."""

from __future__ import annotations

from typing import ClassVar

from modelspec.catalog.words import snake
from modelspec.language.kinds import Bool, Choice, Float, Int
from modelspec.language.shapes import Dim, Shape, show
from modelspec.language.word import Reject, Word

PROBABILITIES = ("Sigmoid", "HardSigmoid", "Softmax")

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
    """

    group = "losses"
    suits: ClassVar[tuple[str, ...]] = ()
    undoes: ClassVar[str | None] = None
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
        return None


def wrong_range(loss: Loss, activation: str | None, wanted: str, with_it: str) -> Reject | None:
    """Why a crossentropy cannot take what this activation gives."""
    name = type(loss).__name__
    if loss.__dict__["from_logits"]:
        if activation not in PROBABILITIES:
            return None
        return Reject(
            "from_logits",
            "`from_logits` is for outputs without an activation; "
            f"this one ends in `{snake(activation)}`",
            "leave `from_logits` out, or the activation",
        )
    if activation is None or activation in loss.suits:
        return None
    ends = "has no activation" if activation == "Linear" else f"ends in `{snake(activation)}`"
    return Reject(
        "",
        f"`{name}` takes {wanted}, and this output {ends}",
        f"write `activation: {with_it}`, or `{{type: {name}, from_logits: true}}` without one",
    )


def one_class(loss: Loss, output: Shape, axis: int) -> Reject | None:
    """Why a crossentropy over classes cannot take this output."""
    name = type(loss).__name__
    if not -len(output) <= axis < len(output) + 1 or axis == 0 or not output:
        return Reject(
            "axis" if output else "",
            f"`{name}` takes one value for each class, and this output is {show(output)}",
            "the output needs an axis with an entry for each class",
        )
    if class_axis(output, axis) != 1:
        return None
    return Reject(
        "",
        f"`{name}` over one class is always 0",
        "`binary_crossentropy` is for one unit; else give the layer one unit for each class",
    )


def class_axis(output: Shape, axis: int) -> Dim:
    """The size of an axis that is counted with the batch, as Keras counts."""
    return output[axis if axis < 0 else axis - 1]


def from_logits() -> Bool:
    return Bool("Whether outputs are logits (no activation) and not probabilities.", default=False)


class BinaryCrossentropy(Loss):
    """Crossentropy of independent yes-or-no targets, each 0 or 1."""

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


class MeanSquaredError(Loss):
    """Mean of the squared differences."""


class MeanAbsoluteError(Loss):
    """Mean of the absolute differences."""


class Huber(Loss):
    """Squared for small differences, absolute for large ones."""

    delta = Float("Where large begins.", default=1.0, above=0)
    source = "Huber, 1964, https://doi.org/10.1214/aoms/1177703732"


class KLDivergence(Loss):
    """How far the predicted distribution is from the wanted one: `sum(y * log(y / predicted))`."""

    def misfit(self, output: Shape, activation: str | None) -> Reject | None:
        if activation in ("LogSoftmax", "LogSigmoid", "Tanh", "Softsign"):
            return Reject(
                "",
                "`KLDivergence` takes probabilities, and this output ends in "
                f"`{snake(activation)}`",
                "write `activation: softmax`",
            )
        return super().misfit(output, activation)


class Hinge(Loss):
    """`mean(max(1 - y * predicted, 0))`, with targets -1 and 1 (0 and 1 are turned into these)."""


class SquaredHinge(Loss):
    """`mean(max(1 - y * predicted, 0) ** 2)`, with targets -1 and 1 (or 0 and 1)."""


class CategoricalHinge(Loss):
    """`max(best wrong class - right class + 1, 0)`, with one-hot targets."""


class CosineSimilarity(Loss):
    """Minus the cosine of the angle between target and output: -1 where they agree."""

    axis = Int("The axis that holds the vectors.", default=-1)
