"""Activations as layers of their own."""

from __future__ import annotations

from modelspec.language.kinds import Either, Float, Int, ListOf, Named
from modelspec.language.layer import Layer, Reject
from modelspec.language.shapes import Shape, show


class Activation(Layer):
    """Any activation, as a layer."""

    accepts = "float"
    masking = "pass"
    activation = Named("Which one.", "activations")


class ReLU(Layer):
    """Zero below the threshold, the input itself above it."""

    accepts = "float"
    masking = "pass"
    max_value = Float("The largest value that comes out; null is without end.", default=None, min=0)
    negative_slope = Float("Slope below the threshold.", default=0.0, min=0)
    threshold = Float("Where it starts.", default=0.0, min=0)


class LeakyReLU(Layer):
    """The input itself above zero, and a share of it below."""

    accepts = "float"
    masking = "pass"
    negative_slope = Float("The share.", default=0.3, min=0)


class Softmax(Layer):
    """Positive numbers that sum to one; masked places get none."""

    accepts = "float"
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
