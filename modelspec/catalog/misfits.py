"""Why a loss surely does not fit an output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelspec.catalog.words import snake
from modelspec.language.shapes import Dim, Shape, show
from modelspec.language.word import Reject

if TYPE_CHECKING:
    from modelspec.catalog.losses import Loss

PROBABILITIES = ("Sigmoid", "HardSigmoid", "Softmax", "SparseSigmoid", "Sparsemax")
#: What surely gives numbers below 0.
NEGATIVE = ("LogSoftmax", "LogSigmoid", "Tanh", "Softsign", "HardTanh")


def wrong_range(loss: Loss, activation: str | None, wanted: str, with_it: str) -> Reject | None:
    """Why a crossentropy cannot take what this activation gives."""
    name = type(loss).__name__
    if loss.__dict__.get("from_logits"):
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
    logits = f", or `{{type: {name}, from_logits: true}}` without one"
    return Reject(
        "",
        f"`{name}` takes {wanted}, and this output {ends}",
        f"write `activation: {with_it}`{logits if 'from_logits' in loss.arguments else ''}",
    )


def below_zero(loss: Loss, activation: str | None, wanted: str, with_it: str) -> Reject | None:
    """Why a loss that takes logarithms of outputs cannot take what this activation gives."""
    if activation not in NEGATIVE:
        return None
    name, ends = type(loss).__name__, snake(activation)
    return Reject("", f"`{name}` takes {wanted}, and this output ends in `{ends}`",
                  f"write `activation: {with_it}`")  # fmt: skip


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


def no_axis(axis: object, output: Shape) -> Reject | None:
    """Why an axis, counted with the batch as 0, is none of this output's."""
    rank = len(output) + 1
    if not isinstance(axis, int) or -rank <= axis < rank:
        return None
    shown = show(("batch", *output))
    return Reject("axis", f"`axis` is {axis}, and the output is {shown}", "the last axis is -1")


def class_axis(output: Shape, axis: int) -> Dim:
    """The size of an axis that is counted with the batch, as Keras counts."""
    return output[axis if axis < 0 else axis - 1]
