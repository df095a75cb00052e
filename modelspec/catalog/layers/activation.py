"""Activations as layers of their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelspec.language import dtypes
from modelspec.language.kinds import (
    Either,
    Float,
    Int,
    ListOf,
    Named,
    constraint,
    initializer,
    regularizer,
)
from modelspec.language.layer import Layer, Reject, Weight
from modelspec.language.shapes import Shape, show


class Bend(Layer):
    """A function of each number, of which some make integers of integers."""

    masking = "pass"

    @property
    def whole(self) -> bool:
        """Whether what it makes of an integer is one."""
        return False

    def dtypes(self, compute: str, *inputs: Any) -> list[str]:
        return [inputs[0] if self.whole and not dtypes.is_float(inputs[0]) else compute]


class Activation(Bend):
    """Any activation, as a layer. Of an integer, `linear`, `relu` and `relu6` make another."""

    activation = Named("Which one.", "activations")

    def shape(self, x: Shape) -> Shape:
        word: Any = self.activation
        made: Shape = word.shape(x)
        return made

    @property
    def whole(self) -> bool:
        word: Any = self.activation
        kept = type(word).__name__ in ("Linear", "Relu", "Relu6")
        return kept and not vars(word).get("negative_slope")


class ReLU(Bend):
    """Zero below the threshold, the input itself above it."""

    max_value = Float("The largest value that comes out; null is without end.", default=None, min=0)
    negative_slope = Float("Slope below the threshold.", default=0.0, min=0)
    threshold = Float("Where it starts.", default=0.0, min=0)

    @property
    def whole(self) -> bool:
        return not self.negative_slope


class LeakyReLU(Layer):
    """The input itself above zero, and a share of it below."""

    source = "Maas et al., 2013, Rectifier nonlinearities improve neural network acoustic models"
    masking = "pass"
    negative_slope = Float("The share.", default=0.3, min=0)


class PReLU(Layer):
    """The input itself above zero, and below it a share that is learned for each place."""

    source = "He et al., 2015, https://arxiv.org/abs/1502.01852"
    masking = "pass"
    alpha_initializer = initializer("How the shares start.", "zeros")
    alpha_regularizer = regularizer("Penalty on the shares.")
    alpha_constraint = constraint("Projection of the shares after each update.")
    shared_axes = ListOf(
        "The axes along which one share serves all, 1 the first after the batch; `[1, 2]` learns "
        "one for each channel of an image.",
        Int("An axis.", min=1),
        default=None,
        single=True,
    )

    def shape(self, x: Shape) -> Shape:
        for axis in self.shared_axes or ():
            if axis > len(x):
                raise Reject("shared_axes", f"{show(x)} has no axis {axis}")
        return x

    def weights(self, x: Shape) -> Iterator[Weight]:
        shared = self.shared_axes or ()
        yield Weight(
            "alpha",
            tuple(1 if axis in shared else dim for axis, dim in enumerate(x, 1)),
            self.alpha_initializer,
            regularizer=self.alpha_regularizer,
            constraint=self.alpha_constraint,
        )


class ELU(Layer):
    """The input itself above zero, `alpha * (exp(x) - 1)` below."""

    source = "Clevert et al., 2016, https://arxiv.org/abs/1511.07289"
    masking = "pass"
    alpha = Float("Minus the value far below zero.", default=1.0)


class Softmax(Layer):
    """Positive numbers that sum to one; masked places get none."""

    masking = "pass"
    axis = Either(
        "The axis that sums to one, or several; 1 is the first after the batch, -1 the last.",
        Int("An axis."),
        ListOf("Several axes.", Int("An axis.")),
        default=-1,
    )

    @property
    def axes(self) -> tuple[int, ...]:
        return tuple(self.axis) if isinstance(self.axis, list) else (self.axis,)

    def check(self) -> None:
        if not self.axes:
            raise Reject("axis", "softmax needs an axis")

    def shape(self, x: Shape) -> Shape:
        rank = len(x) + 1
        for axis in self.axes:
            if axis in (0, -rank):
                raise Reject("axis", "axis 0 is the batch", "axes count from 1 after the batch")
            if not -rank < axis < rank:
                raise Reject("axis", f"{show(x)} has no axis {axis}")
        if len({axis % rank for axis in self.axes}) < len(self.axes):
            raise Reject("axis", "the same axis stands here twice")
        return x
