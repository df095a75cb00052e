"""Layers that bring their input to zero mean and unit variance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelspec.catalog.initializers import Constant, Ones, TruncatedNormal, Zeros
from modelspec.catalog.layers.merging import axis_of
from modelspec.language.kinds import (
    Bool,
    Either,
    Entry,
    Float,
    Int,
    ListOf,
    Table,
    constraint,
    initializer,
    regularizer,
)
from modelspec.language.layer import Layer, Reject, Weight
from modelspec.language.shapes import Dim, Shape, size


def several_axes(doc: str) -> Either:
    """One axis or several; the batch is axis 0, the last one -1."""
    return Either(doc, Int("An axis."), ListOf("Several axes.", Int("An axis.")), default=-1)


def axes_of(argument: str, axis: int | list[int], x: Shape) -> list[int]:
    """The axes that an argument names, in order, counted without the batch."""
    listed = axis if isinstance(axis, list) else [axis]
    axes = sorted({axis_of(argument, one, x) for one in listed})
    if len(axes) < len(listed) or not axes:
        raise Reject(argument, f"`{argument}` lists one or more axes, each once")
    return axes


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

    With `renorm` (Ioffe 2017, Batch renormalization) training corrects what it normalized towards
    further running statistics, so that training and inference agree for small batches.
    """

    source = "Ioffe & Szegedy 2015, Batch normalization: accelerating deep network training"
    per_batch = True
    axis = Int("The axis of the features; the batch is axis 0, the last one -1.", default=-1)
    momentum = Float("Share of the running statistics that a step keeps.", default=0.99)
    moving_mean_initializer = initializer("How the running mean starts.", "zeros")
    moving_variance_initializer = initializer("How the running variance starts.", "ones")
    renorm = Bool("Whether to correct batches towards running statistics.", default=False)
    renorm_clipping = Table(
        "Bounds of the correction `x * r + d`: `rmin` and `rmax` of r, `dmax` of |d|.",
        Float("A bound."),
        default=None,
    )
    renorm_momentum = Float("As `momentum`, for the statistics of the correction.", default=0.99)
    synchronized = Bool(
        "Accepted for Keras's sake: a run has one device, and its batch is the whole batch.",
        default=False,
    )

    def check(self) -> None:
        if not self.renorm:
            return
        bounds: dict[str, float] = self.renorm_clipping or {}
        for key in bounds:
            if key not in ("rmin", "rmax", "dmax"):
                raise Reject("renorm_clipping", f"`{key}` is none of `rmin`, `rmax`, `dmax`")
        if bounds.get("rmax", 0.0) < bounds.get("rmin", 0.0) and "rmax" in bounds:
            raise Reject("renorm_clipping", "`rmax` is below `rmin`")
        if bounds.get("dmax", 0.0) < 0:
            raise Reject("renorm_clipping", "`dmax` is below zero")
        self.stddev_initializer()

    def stddev_initializer(self) -> Any:
        """How a running standard deviation starts: as the root of how the variance does."""
        start: Any = self.moving_variance_initializer
        if isinstance(start, Zeros | Ones):
            return start
        if isinstance(start, Constant) and start.value >= 0:
            return Constant.of({"value": start.value**0.5})
        raise Reject(
            "moving_variance_initializer",
            "with `renorm` the running variance starts as a constant of at least 0",
            "`zeros`, `ones` or {type: Constant, value: ...}",
        )

    def shape(self, x: Shape) -> Shape:
        axis_of("axis", self.axis, x)
        return x

    def weights(self, x: Shape) -> Iterator[Weight]:
        features = (x[axis_of("axis", self.axis, x)],)
        yield from self.affine(features)
        mean, variance = self.moving_mean_initializer, self.moving_variance_initializer
        yield Weight("moving_mean", features, mean, trainable=False)
        yield Weight("moving_variance", features, variance, trainable=False)
        if self.renorm:
            stddev = self.stddev_initializer()
            yield Weight("moving_stddev", features, stddev, trainable=False)
            yield Weight("renorm_mean", features, mean, trainable=False)
            yield Weight("renorm_stddev", features, stddev, trainable=False)


class LayerNormalization(Normalization):
    """Normalizes each sample by itself, over one axis or several."""

    source = "Ba et al. 2016, Layer normalization"
    axis = several_axes("The axes to normalize over; the batch is axis 0, the last one -1.")

    def over(self, x: Shape) -> list[int]:
        """The axes that are normalized over, in order, counted without the batch."""
        return axes_of("axis", self.axis, x)

    def shape(self, x: Shape) -> Shape:
        self.over(x)
        return x

    def weights(self, x: Shape) -> Iterator[Weight]:
        yield from self.affine(tuple(x[axis] for axis in self.over(x)))

    def flops(self, output: Shape, x: Shape) -> int | None:
        count = size(output)
        # Mean and variance take three more for each element.
        return None if count is None else 5 * count


class GroupNormalization(Normalization):
    """Normalizes each sample by itself, over groups of its features and all axes but theirs."""

    source = "Wu & He 2018, Group normalization"
    groups = Int(
        "How many groups; -1 is one for each feature (instance normalization).", default=32
    )
    axis = Int("The axis of the features; the batch is axis 0, the last one -1.", default=-1)

    def check(self) -> None:
        if self.groups < 1 and self.groups != -1:
            raise Reject("groups", f"`groups` is at least 1, or -1, not {self.groups}")

    def shape(self, x: Shape) -> Shape:
        features = x[axis_of("axis", self.axis, x)]
        if isinstance(features, int) and features % self.groups:
            raise Reject(
                "groups",
                f"{self.groups} groups do not divide {features} features",
                "one group for each feature is -1",
            )
        return x

    def weights(self, x: Shape) -> Iterator[Weight]:
        yield from self.affine((x[axis_of("axis", self.axis, x)],))

    def flops(self, output: Shape, x: Shape) -> int | None:
        count = size(output)
        return None if count is None else 5 * count


class RMSNormalization(Layer):
    """Divides by the root of the mean square over axes of each sample, and scales as learned."""

    source = "Zhang & Sennrich 2019, Root mean square layer normalization"
    accepts = "float"
    axis = several_axes("The axes to take the mean over; the batch is axis 0, the last one -1.")
    epsilon = Float("Added to the mean square, against division by zero.", default=1e-6, min=0)

    def over(self, x: Shape) -> list[int]:
        """The axes of the mean, in order, counted without the batch."""
        return axes_of("axis", self.axis, x)

    def shape(self, x: Shape) -> Shape:
        self.over(x)
        return x

    def weights(self, x: Shape) -> Iterator[Weight]:
        yield Weight("scale", tuple(x[axis] for axis in self.over(x)), Ones.of({}))

    def flops(self, output: Shape, x: Shape) -> int | None:
        count = size(output)
        return None if count is None else 4 * count


class UnitNormalization(Layer):
    """Brings each sample to a length of one (Euclidean), along axes."""

    masking = "pass"
    axis = several_axes("The axes that the length is over; the batch is axis 0, the last one -1.")

    def over(self, x: Shape) -> list[int]:
        """The axes of the length, in order, counted without the batch."""
        return axes_of("axis", self.axis, x)

    def shape(self, x: Shape) -> Shape:
        self.over(x)
        return x

    def flops(self, output: Shape, x: Shape) -> int | None:
        count = size(output)
        return None if count is None else 3 * count


class SpectralNormalization(Layer):
    """Keeps a layer's kernel at a spectral norm of one, as it trains.

    Each step of training divides the kernel by an estimate of its largest singular value, found by
    power iteration from a vector that is kept; the optimizer moves the kernel from there.
    """

    source = "Miyato et al. 2018, Spectral normalization for generative adversarial networks"
    per_batch = True
    layer = Entry("The layer: one with a kernel, or an embedding.")
    power_iterations = Int("Steps of power iteration at each step of training.", default=1, min=1)

    @property
    def inner(self) -> Layer:
        layer: Layer = self.layer.layer
        return layer

    @property
    def takes(self) -> Any:
        return self.inner.takes

    @property
    def activity_regularizer(self) -> Any:
        """The layer's own penalty on its output, if any."""
        return vars(self.inner).get("activity_regularizer")

    def check(self) -> None:
        from modelspec.catalog.layers.convolution import Convolution, Separable
        from modelspec.catalog.layers.core import Dense, Vectors
        from modelspec.catalog.layers.einsum import EinsumDense

        layer = self.layer.layer
        if not isinstance(layer, Dense | EinsumDense | Vectors | Convolution) or isinstance(
            layer, Separable
        ):
            raise Reject(
                "layer",
                "spectral normalization is of one kernel, or of one table of vectors",
                "wrap a Dense, EinsumDense, Embedding or convolution that is not separable",
            )

    @property
    def kernel(self) -> str:
        """The name of the weight that is normalized."""
        return "embeddings" if "embeddings_initializer" in self.inner.arguments else "kernel"

    def shape(self, x: Shape) -> Shape:
        shape: Shape = self.inner.shape(x)
        return shape

    def weights(self, x: Shape) -> Iterator[Weight]:
        for weight in self.inner.weights(x):
            if weight.name == self.kernel:
                last = weight.shape[-1]
            weight.name = f"layer.{weight.name}"
            yield weight
        start = TruncatedNormal.of({"mean": 0.0, "stddev": 0.02, "seed": None})
        yield Weight("vector_u", (1, last), start, trainable=False)

    def dtypes(self, compute: str, *inputs: Any) -> list[str]:
        return self.inner.dtypes(compute, *inputs)

    def flops(self, output: Shape, x: Shape) -> int | None:
        return self.inner.flops(output, x)
