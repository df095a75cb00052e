"""Layers that disturb their input in training, and hand it on as it is otherwise."""

from __future__ import annotations

from typing import Any, ClassVar

from modelspec.catalog.regularizers import L1L2
from modelspec.catalog.spatial import axes, data_format
from modelspec.language.kinds import Dims, Float, Int
from modelspec.language.layer import Layer, Reject
from modelspec.language.shapes import Dim, Shape, show, size


def _seed() -> Int:
    return Int("Mixed into this layer's draws; null: `train.seed` alone.", default=None)


class Disturbance(Layer):
    """Random in training, the identity in inference."""

    accepts = "float"
    masking = "pass"
    per_batch = True


class Dropping(Layer):
    """Drops units in training, of which `noise_shape` says what goes together."""

    accepts = "float"
    masking = "pass"
    per_batch = True
    rate = Float("The share of units to drop.", min=0, max=1)
    noise_shape = Dims(
        "Shape of what is drawn, the batch first: 1 drops a whole axis together, null is the "
        "input's size. `[null, 1, null]` drops the same features at every time step.",
        default=None,
    )
    seed = _seed()

    def check(self) -> None:
        for dim in self.noise_shape or ():
            if isinstance(dim, str) or dim == 0:
                raise Reject(
                    "noise_shape",
                    f"`noise_shape` holds sizes of at least 1 and nulls, not {dim}",
                    "null is the input's own size",
                )

    def shape(self, x: Shape) -> Shape:
        drawn: tuple[Dim, ...] | None = self.noise_shape
        if drawn is None:
            return x
        if len(drawn) != len(x) + 1:
            raise Reject(
                "noise_shape",
                f"`noise_shape` has one size for each axis, the batch included: "
                f"{len(x) + 1} for {show(x)}, not {len(drawn)}",
            )
        for axis, (dim, wanted) in enumerate(zip(drawn, (None, *x), strict=True)):
            if dim not in (None, 1, wanted):
                raise Reject(
                    "noise_shape",
                    f"`noise_shape` is 1, null or the input's size on each axis: "
                    f"{dim} on axis {axis} of {show((None, *x))}",
                    "" if axis else "the batch has no size of its own: write null",
                )
        return x

    def drawn(self, x: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of what is drawn for an input of shape `x`, the batch included."""
        wanted: tuple[int | None, ...] | None = self.noise_shape
        if wanted is None:
            return x
        return tuple(own if dim is None else dim for dim, own in zip(wanted, x, strict=True))

    def flops(self, output: Shape, x: Shape) -> int | None:
        return 0


class Dropout(Dropping):
    """Sets units to zero at random, and scales the others up so that sums stay the same."""

    source = "Srivastava et al. 2014, Dropout: a simple way to prevent neural networks overfitting"


class AlphaDropout(Dropping):
    """Sets units to SELU's value far below zero at random, and keeps mean and variance as SELU
    leaves them: 0 and 1.
    """

    source = "Klambauer et al., 2017, https://arxiv.org/abs/1706.02515"


class SpatialDropout(Layer):
    """Drops whole channels in training: the same ones along `rank` axes of space."""

    accepts = "float"
    masking = "pass"
    per_batch = True
    source = "Tompson et al. 2014, Efficient object localization using convolutional networks"
    rank: ClassVar[int] = 0
    rate = Float("The share of channels to drop.", min=0, max=1)
    data_format: Any = "channels_last"
    seed = _seed()

    @property
    def takes(self) -> str:
        return axes(self.rank, self.data_format)

    def drawn(self, x: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of what is drawn for an input of shape `x`, the batch included."""
        if self.data_format == "channels_first":
            return (*x[:2], *(1,) * self.rank)
        return (x[0], *(1,) * self.rank, x[-1])

    def flops(self, output: Shape, x: Shape) -> int | None:
        return 0


class SpatialDropout1D(SpatialDropout):
    """Drops whole features: the same ones at every time step of a sample."""

    rank = 1
    rate = Float("The share of features to drop.", min=0, max=1)


class SpatialDropout2D(SpatialDropout):
    """Drops whole channels: the same ones at every position of a sample."""

    rank = 2
    data_format = data_format()


class SpatialDropout3D(SpatialDropout):
    """Drops whole channels: the same ones at every position of a volume."""

    rank = 3
    data_format = data_format()


class GaussianNoise(Disturbance):
    """Adds noise from a normal distribution around zero."""

    stddev = Float("Standard deviation of the noise.", min=0, max=1)
    seed = _seed()

    def flops(self, output: Shape, x: Shape) -> int | None:
        return size(output)


class GaussianDropout(Disturbance):
    """Multiplies by noise from a normal distribution around one, of the variance that dropping
    the same share would have: `rate / (1 - rate)`.
    """

    source = "Srivastava et al. 2014, Dropout: a simple way to prevent neural networks overfitting"
    rate = Float("As of `Dropout`; below 1.", min=0, below=1)
    seed = _seed()

    def flops(self, output: Shape, x: Shape) -> int | None:
        return size(output)


class ActivityRegularization(Layer):
    """Hands its input on, and adds a penalty on it to the loss."""

    accepts = "float"
    masking = "pass"
    l1 = Float("Penalty on the sum of absolute values.", default=0.0, min=0)
    l2 = Float("Penalty on the sum of squares.", default=0.0, min=0)

    @property
    def activity_regularizer(self) -> L1L2:
        """The penalty, as every layer has it."""
        return L1L2.of({"l1": self.l1, "l2": self.l2})

    def flops(self, output: Shape, x: Shape) -> int | None:
        return 0
