"""Layers that bring their input to zero mean and unit variance."""

from __future__ import annotations

from collections.abc import Iterator

from modelspec.catalog.layers.merging import axis_of
from modelspec.language.kinds import (
    Bool,
    Either,
    Float,
    Int,
    ListOf,
    constraint,
    initializer,
    regularizer,
)
from modelspec.language.layer import Layer, Reject, Weight
from modelspec.language.shapes import Dim, Shape, size


class Normalization(Layer):
    """Brings values to zero mean and unit variance, then scales and shifts them as learned."""

    masking = "pass"
    epsilon = Float("Added to the variance, against division by zero.", default=1e-3, min=0)
    center = Bool("Whether to add a learned offset, beta.", default=True)
    scale = Bool("Whether to multiply by a learned factor, gamma.", default=True)
    beta_initializer = initializer("How beta starts.", "zeros")
    gamma_initializer = initializer("How gamma starts.", "ones")
    beta_regularizer = regularizer("Penalty on beta.")
    gamma_regularizer = regularizer("Penalty on gamma.")
    beta_constraint = constraint("Projection of beta after each update.")
    gamma_constraint = constraint("Projection of gamma after each update.")

    def affine(self, shape: tuple[Dim, ...]) -> Iterator[Weight]:
        """The weights gamma and beta, of that shape."""
        if self.scale:
            yield Weight(
                "gamma",
                shape,
                self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
            )
        if self.center:
            yield Weight(
                "beta",
                shape,
                self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
            )

    def flops(self, output: Shape, x: Shape) -> int | None:
        count = size(output)
        # Subtract and scale; gamma and beta fold into these two.
        return None if count is None else 2 * count


class BatchNormalization(Normalization):
    """Normalizes each feature over the batch, and over all other axes but its own.

    In training it takes the batch's mean and (biased) variance, and moves its running statistics:
    `moving = moving * momentum + batch * (1 - momentum)`. In inference, and where it is frozen by
    `trainable: false`, it takes the running statistics. Masked steps do not count.
    """

    source = "Ioffe & Szegedy 2015, Batch normalization: accelerating deep network training"
    per_batch = True
    axis = Int("The axis of the features; the batch is axis 0, the last one -1.", default=-1)
    momentum = Float("Share of the running statistics that a step keeps.", default=0.99)
    moving_mean_initializer = initializer("How the running mean starts.", "zeros")
    moving_variance_initializer = initializer("How the running variance starts.", "ones")
    synchronized = Bool(
        "Accepted for Keras's sake: a run has one device, and its batch is the whole batch.",
        default=False,
    )

    def shape(self, x: Shape) -> Shape:
        axis_of("axis", self.axis, x)
        return x

    def weights(self, x: Shape) -> Iterator[Weight]:
        features = (x[axis_of("axis", self.axis, x)],)
        yield from self.affine(features)
        yield Weight("moving_mean", features, self.moving_mean_initializer, trainable=False)
        yield Weight("moving_variance", features, self.moving_variance_initializer, trainable=False)


class LayerNormalization(Normalization):
    """Normalizes each sample by itself, over one axis or several."""

    source = "Ba et al. 2016, Layer normalization"
    axis = Either(
        "The axes to normalize over; the batch is axis 0, the last one -1.",
        Int(""),
        ListOf("", Int("")),
        default=-1,
    )

    def over(self, x: Shape) -> list[int]:
        """The axes that are normalized over, in order, counted without the batch."""
        listed = self.axis if isinstance(self.axis, list) else [self.axis]
        axes = sorted({axis_of("axis", axis, x) for axis in listed})
        if len(axes) < len(listed) or not axes:
            raise Reject("axis", "`axis` lists one or more axes, each once")
        return axes

    def shape(self, x: Shape) -> Shape:
        self.over(x)
        return x

    def weights(self, x: Shape) -> Iterator[Weight]:
        yield from self.affine(tuple(x[axis] for axis in self.over(x)))

    def flops(self, output: Shape, x: Shape) -> int | None:
        count = size(output)
        # Mean and variance take three more for each element.
        return None if count is None else 5 * count
