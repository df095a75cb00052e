"""Convolutions: a learned window slides over time, an image or a volume."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any, ClassVar

from modelspec.catalog.spatial import axes, data_format, joined, slid, split, times
from modelspec.language.kinds import (
    Bool,
    Choice,
    Int,
    Sizes,
    activation,
    constraint,
    initializer,
    regularizer,
)
from modelspec.language.layer import Layer, Reject, Weight
from modelspec.language.shapes import Dim, Shape, size

__all__ = [
    "Conv1D", "Conv1DTranspose", "Conv2D", "Conv2DTranspose", "Conv3D", "Conv3DTranspose",
    "DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D",
]  # fmt: skip

PADDING = "`valid` keeps the window inside; `same` pads with zeros to ceil(size / stride)."


class Convolution(Layer):
    """What convolutions share; `rank` axes of space."""

    rank: ClassVar[int] = 0
    #: Keras allows strides and dilation together in depthwise convolutions alone.
    strides_dilated: ClassVar[bool] = False

    filters = Int("How many channels the output has.", min=1)
    kernel_size = Sizes("Size of the window.")
    strides = Sizes("Steps that the window takes.", default=1)
    padding = Choice(PADDING, "valid", "same", default="valid")
    data_format = data_format()
    dilation_rate = Sizes("Distance between the window's cells; 1 is adjacent.", default=1)
    groups = Int("Groups of channels that are convolved apart.", default=1, min=1)
    activation = activation("Applied to the result; null is linear.")
    use_bias = Bool("Whether to add a learned offset for each channel.", default=True)
    kernel_initializer = initializer("How the kernel starts.", "glorot_uniform")
    bias_initializer = initializer("How the bias starts.", "zeros")
    kernel_regularizer = regularizer("Penalty on the kernel.")
    bias_regularizer = regularizer("Penalty on the bias.")
    activity_regularizer = regularizer("Penalty on the output.")
    kernel_constraint = constraint("Projection of the kernel after each update.")
    bias_constraint = constraint("Projection of the bias after each update.")

    @property
    def takes(self) -> str:
        return axes(self.rank, self.data_format)

    def check(self) -> None:
        if max(self.strides) > 1 and max(self.dilation_rate) > 1 and not self.strides_dilated:
            raise Reject("dilation_rate", "`strides` and `dilation_rate` cannot both be above 1")
        if "groups" in self.arguments and self.filters % self.groups:
            raise Reject("groups", f"{self.groups} groups do not divide {self.filters} filters")

    def channels(self, x: Shape) -> Dim:
        """How many channels the input has."""
        return split(x, self.data_format)[1]

    def slid(self, x: Shape) -> Shape:
        """The sizes over space that the window leaves."""
        space, _ = split(x, self.data_format)
        size, strides = self.kernel_size, self.strides
        return slid("kernel_size", space, size, strides, self.padding, self.dilation_rate)

    def shape(self, x: Shape) -> Shape:
        channels = self.channels(x)
        if isinstance(channels, int) and channels % self.groups:
            message = f"{self.groups} groups do not divide {channels} input channels"
            raise Reject("groups", message)
        return joined(self.slid(x), self.filters, self.data_format)

    def weights(self, x: Shape) -> Iterator[Weight]:
        channels = self.channels(x)
        depth = channels // self.groups if isinstance(channels, int) else None
        yield self.kernel((*self.kernel_size, depth, self.filters))
        if self.use_bias:
            yield self.bias(self.filters)

    def kernel(self, shape: Shape) -> Weight:
        return Weight(
            "kernel",
            shape,
            self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )

    def bias(self, count: Dim) -> Weight:
        return Weight(
            "bias",
            (count,),
            self.bias_initializer,
            regularizer=self.bias_regularizer,
            constraint=self.bias_constraint,
        )

    def flops(self, output: Shape, x: Shape) -> int | None:
        count, channels = size(output), self.channels(x)
        if count is None or not isinstance(channels, int):
            return None
        return count * (2 * prod(self.kernel_size) * channels // self.groups + self.use_bias)


class Conv1D(Convolution):
    """Convolution over time."""

    rank = 1
    padding = Choice(
        PADDING + " `causal` pads the past alone, so that no step sees a later one.",
        "valid",
        "same",
        "causal",
        default="valid",
    )


class Conv2D(Convolution):
    """Convolution over an image."""

    rank = 2


class Conv3D(Convolution):
    """Convolution over a volume, or over an image and time."""

    rank = 3


# Kernels of other kinds are mixed into `Convolution`, which `self` is.


class Depthwise:
    """Each channel is convolved on its own."""

    strides_dilated: ClassVar[bool] = True
    filters: Any = None
    groups: Any = None
    kernel_initializer: Any = None
    kernel_regularizer: Any = None
    kernel_constraint: Any = None
    depth_multiplier = Int("Output channels for each input channel.", default=1, min=1)
    depthwise_initializer = initializer("How the kernel starts.", "glorot_uniform")
    depthwise_regularizer = regularizer("Penalty on the kernel.")
    depthwise_constraint = constraint("Projection of the kernel after each update.")

    def shape(self: Any, x: Shape) -> Shape:
        channels = times(self.channels(x), self.depth_multiplier)
        return joined(self.slid(x), channels, self.data_format)

    def weights(self: Any, x: Shape) -> Iterator[Weight]:
        channels = self.channels(x)
        yield Weight(
            "kernel",
            (*self.kernel_size, channels, self.depth_multiplier),
            self.depthwise_initializer,
            regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
        )
        if self.use_bias:
            yield self.bias(times(channels, self.depth_multiplier))

    def flops(self: Any, output: Shape, x: Shape) -> int | None:
        count, window = size(output), prod(self.kernel_size)
        return None if count is None else count * (2 * window + bool(self.use_bias))


class DepthwiseConv1D(Depthwise, Convolution):
    """Convolution of each channel on its own, over time."""

    rank = 1


class DepthwiseConv2D(Depthwise, Convolution):
    """Convolution of each channel on its own, over an image."""

    rank = 2


class Separable:
    """Each channel is convolved on its own, then all are mixed cell by cell."""

    strides_dilated: ClassVar[bool] = True
    groups: Any = None
    kernel_initializer: Any = None
    kernel_regularizer: Any = None
    kernel_constraint: Any = None
    depth_multiplier = Int("Channels in between for each input channel.", default=1, min=1)
    depthwise_initializer = initializer("How the depthwise kernel starts.", "glorot_uniform")
    pointwise_initializer = initializer("How the pointwise kernel starts.", "glorot_uniform")
    depthwise_regularizer = regularizer("Penalty on the depthwise kernel.")
    pointwise_regularizer = regularizer("Penalty on the pointwise kernel.")
    depthwise_constraint = constraint("Projection of the depthwise kernel after each update.")
    pointwise_constraint = constraint("Projection of the pointwise kernel after each update.")

    def shape(self: Any, x: Shape) -> Shape:
        return joined(self.slid(x), self.filters, self.data_format)

    def weights(self: Any, x: Shape) -> Iterator[Weight]:
        channels = self.channels(x)
        yield Weight(
            "depthwise_kernel",
            (*self.kernel_size, channels, self.depth_multiplier),
            self.depthwise_initializer,
            regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
        )
        yield Weight(
            "pointwise_kernel",
            (*(1,) * self.rank, times(channels, self.depth_multiplier), self.filters),
            self.pointwise_initializer,
            regularizer=self.pointwise_regularizer,
            constraint=self.pointwise_constraint,
        )
        if self.use_bias:
            yield self.bias(self.filters)

    def flops(self: Any, output: Shape, x: Shape) -> int | None:
        cells, channels = size(self.slid(x)), self.channels(x)
        if cells is None or not isinstance(channels, int):
            return None
        filters, between = int(self.filters), int(channels * self.depth_multiplier)
        window: int = prod(self.kernel_size)
        mixed = filters * (2 * between + bool(self.use_bias))
        return cells * (2 * window * between + mixed)


class SeparableConv1D(Separable, Convolution):
    """A convolution of each channel over time, then one that mixes channels step by step."""

    rank = 1


class SeparableConv2D(Separable, Convolution):
    """A convolution of each channel over an image, then one that mixes channels cell by cell."""

    rank = 2
    source = "Chollet, 2017, https://arxiv.org/abs/1610.02357"


class Transposed:
    """Each cell of the input paints a window of the output."""

    groups: Any = None
    padding = Choice(
        "`valid` keeps every cell painted; `same` gives size * stride.",
        "valid",
        "same",
        default="valid",
    )
    output_padding = Sizes(
        "Cells more at the end of each axis; null chooses by `padding`.", default=None, min=0
    )

    def check(self: Any) -> None:
        Convolution.check(self)
        given: Any = self.output_padding  # may be None
        for more, stride in zip(given or (), self.strides, strict=False):
            if more >= stride:
                message = f"an output padding of {more} is not below the stride, {stride}"
                raise Reject("output_padding", message)

    def shape(self: Any, x: Shape) -> Shape:
        space, _ = split(x, self.data_format)
        painted = [self.painted(axis, length) for axis, length in enumerate(space)]
        return joined(painted, self.filters, self.data_format)

    def painted(self: Any, axis: int, length: Dim) -> Dim:
        """The output's size along an axis of space."""
        stride: int = self.strides[axis]
        covers: int = self.dilation_rate[axis] * (self.kernel_size[axis] - 1) + 1
        given: Any = self.output_padding  # may be None
        if self.padding == "same" and given is None:
            return times(length, stride)
        if not isinstance(length, int):
            return None
        more: int = max(stride - covers, 0) if given is None else given[axis]
        return (length - 1) * stride + (covers if self.padding == "valid" else covers % 2) + more

    def weights(self: Any, x: Shape) -> Iterator[Weight]:
        yield self.kernel((*self.kernel_size, self.filters, self.channels(x)))
        if self.use_bias:
            yield self.bias(self.filters)

    def flops(self: Any, output: Shape, x: Shape) -> int | None:
        given, made = size(x), size(output)
        if given is None or made is None:
            return None
        filters, window = int(self.filters), int(prod(self.kernel_size))
        return given * 2 * window * filters + made * bool(self.use_bias)


class Conv1DTranspose(Transposed, Convolution):
    """The transpose of a convolution over time: each step paints a window of the output."""

    rank = 1


class Conv2DTranspose(Transposed, Convolution):
    """The transpose of a convolution: each cell of an image paints a window of the output."""

    rank = 2


class Conv3DTranspose(Transposed, Convolution):
    """The transpose of a convolution: each cell of a volume paints a window of the output."""

    rank = 3
