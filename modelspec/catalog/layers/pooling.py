"""Pooling: the largest, or the mean, of a window that slides, or of all there is."""

from __future__ import annotations

from math import prod
from typing import ClassVar

from modelspec.catalog.spatial import axes, data_format, joined, slid, split
from modelspec.language.kinds import Bool, Choice, Sizes
from modelspec.language.layer import Layer
from modelspec.language.shapes import Shape, size

__all__ = [
    "AdaptiveAveragePooling1D", "AdaptiveAveragePooling2D", "AdaptiveAveragePooling3D",
    "AdaptiveMaxPooling1D", "AdaptiveMaxPooling2D", "AdaptiveMaxPooling3D",
    "AveragePooling1D", "AveragePooling2D", "AveragePooling3D",
    "GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalAveragePooling3D",
    "GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D",
    "MaxPooling1D", "MaxPooling2D", "MaxPooling3D",
]  # fmt: skip


class Pooling(Layer):
    """A window that slides, over `rank` axes of space."""

    rank: ClassVar[int] = 0
    accepts = "float"

    pool_size = Sizes("Size of the window.", default=2)
    strides = Sizes("Steps that the window takes; null is its size.", default=None)
    padding = Choice(
        "`valid` keeps the window inside; `same` lets it reach over the edges, where it sees the "
        "cells that exist.",
        "valid",
        "same",
        default="valid",
    )
    data_format = data_format()

    @property
    def takes(self) -> str:
        return axes(self.rank, self.data_format)

    @property
    def steps(self) -> tuple[int, ...]:
        return self.strides or self.pool_size

    def shape(self, x: Shape) -> Shape:
        space, channels = split(x, self.data_format)
        left = slid("pool_size", space, self.pool_size, self.steps, self.padding)
        return joined(left, channels, self.data_format)

    def flops(self, output: Shape, x: Shape) -> int | None:
        count = size(output)
        return None if count is None else count * prod(self.pool_size)


class MaxPooling1D(Pooling):
    """The largest of each window, over time."""

    rank = 1
    accepts = "number"
    gives = "same"


class MaxPooling2D(Pooling):
    """The largest of each window, over an image."""

    rank = 2
    accepts = "number"
    gives = "same"


class MaxPooling3D(Pooling):
    """The largest of each window, over a volume."""

    rank = 3
    accepts = "number"
    gives = "same"


class AveragePooling1D(Pooling):
    """The mean of each window, over time."""

    rank = 1
    pool_size = Sizes("Size of the window.")


class AveragePooling2D(Pooling):
    """The mean of each window, over an image."""

    rank = 2
    pool_size = Sizes("Size of the window.")


class AveragePooling3D(Pooling):
    """The mean of each window, over a volume."""

    rank = 3
    pool_size = Sizes("Size of the window.")


class GlobalPooling(Layer):
    """All of space at once, for each channel."""

    rank: ClassVar[int] = 0

    data_format = data_format()
    keepdims = Bool("Whether the axes of space stay, each of size 1.", default=False)

    @property
    def takes(self) -> str:
        return axes(self.rank, self.data_format)

    def shape(self, x: Shape) -> Shape:
        _, channels = split(x, self.data_format)
        return joined((1,) * self.rank if self.keepdims else (), channels, self.data_format)

    def flops(self, output: Shape, x: Shape) -> int | None:
        return size(x)


class GlobalMaxPooling1D(GlobalPooling):
    """The largest value over time, for each channel."""

    rank = 1
    gives = "same"


class GlobalMaxPooling2D(GlobalPooling):
    """The largest value over an image, for each channel."""

    rank = 2
    gives = "same"


class GlobalMaxPooling3D(GlobalPooling):
    """The largest value over a volume, for each channel."""

    rank = 3
    gives = "same"


class GlobalAveragePooling1D(GlobalPooling):
    """The mean over time, for each channel; steps that are masked do not count."""

    rank = 1


class GlobalAveragePooling2D(GlobalPooling):
    """The mean over an image, for each channel."""

    rank = 2


class GlobalAveragePooling3D(GlobalPooling):
    """The mean over a volume, for each channel."""

    rank = 3


class AdaptivePooling(Layer):
    """Windows that are chosen so that the output has a given size.

    Cell `i` of `n` sees from `floor(i * size / n)` to before `ceil((i + 1) * size / n)`.
    """

    rank: ClassVar[int] = 0
    accepts = "float"

    output_size = Sizes("Size of the output over space.")
    data_format = data_format()

    @property
    def takes(self) -> str:
        return axes(self.rank, self.data_format)

    def shape(self, x: Shape) -> Shape:
        _, channels = split(x, self.data_format)
        return joined(self.output_size, channels, self.data_format)

    def flops(self, output: Shape, x: Shape) -> int | None:
        return size(x)


class AdaptiveAveragePooling1D(AdaptivePooling):
    """The mean of each of a given number of windows, over time."""

    rank = 1


class AdaptiveAveragePooling2D(AdaptivePooling):
    """The mean of each of a given number of windows, over an image."""

    rank = 2


class AdaptiveAveragePooling3D(AdaptivePooling):
    """The mean of each of a given number of windows, over a volume."""

    rank = 3


class AdaptiveMaxPooling1D(AdaptivePooling):
    """The largest of each of a given number of windows, over time."""

    rank = 1


class AdaptiveMaxPooling2D(AdaptivePooling):
    """The largest of each of a given number of windows, over an image."""

    rank = 2


class AdaptiveMaxPooling3D(AdaptivePooling):
    """The largest of each of a given number of windows, over a volume."""

    rank = 3
