"""Layers that disturb their input in training, and hand it on as it is otherwise."""

from __future__ import annotations

from modelspec.language.kinds import Choice, Dims, Float, Int
from modelspec.language.layer import Layer, Reject
from modelspec.language.shapes import Dim, Shape, show, size


def _seed() -> Int:
    return Int("Mixed into this layer's draws; null: `train.seed` alone.", default=None)


class Disturbance(Layer):
    """Random in training, the identity in inference."""

    accepts = "float"
    masking = "pass"
    per_batch = True


class Dropout(Disturbance):
    """Sets units to zero at random, and scales the others up so that sums stay the same."""

    source = "Srivastava et al. 2014, Dropout: a simple way to prevent neural networks overfitting"
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

    def flops(self, output: Shape, x: Shape) -> int | None:
        return 0


class SpatialDropout1D(Disturbance):
    """Drops whole features: the same ones at every time step of a sample."""

    source = "Tompson et al. 2014, Efficient object localization using convolutional networks"
    takes = "time channels"
    rate = Float("The share of features to drop.", min=0, max=1)
    seed = _seed()

    def flops(self, output: Shape, x: Shape) -> int | None:
        return 0


class SpatialDropout2D(Disturbance):
    """Drops whole channels: the same ones at every position of a sample."""

    source = "Tompson et al. 2014, Efficient object localization using convolutional networks"
    rate = Float("The share of channels to drop.", min=0, max=1)
    data_format = Choice(
        "Which axis the channels are.", "channels_last", "channels_first", default="channels_last"
    )
    seed = _seed()

    @property
    def takes(self) -> str:
        first = self.data_format == "channels_first"
        return "channels height width" if first else "height width channels"

    def flops(self, output: Shape, x: Shape) -> int | None:
        return 0


class GaussianNoise(Disturbance):
    """Adds noise from a normal distribution around zero."""

    stddev = Float("Standard deviation of the noise.", min=0, max=1)
    seed = _seed()

    def flops(self, output: Shape, x: Shape) -> int | None:
        return size(output)
