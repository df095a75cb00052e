"""Pooling: the largest, or the mean, of a window that slides, or of all there is."""

from __future__ import annotations

from math import prod
from typing import ClassVar

from modelspec.catalog.spatial import axes, data_format, joined, slid, split
from modelspec.language.kinds import Bool, Choice, Sizes
from modelspec.language.layer import Layer
from modelspec.language.shapes import Shape, size

__all__ = [
    "AveragePooling1D",
    "AveragePooling2D",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "MaxPooling1D",
    "MaxPooling2D",
]


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


class MaxPooling2D(Pooling):
    """The largest of each window, over an image."""

    rank = 2


class AveragePooling1D(Pooling):
    """The mean of each window, over time."""

    rank = 1
    pool_size = Sizes("Size of the window.")


class AveragePooling2D(Pooling):
    """The mean of each window, over an image."""

    rank = 2
    pool_size = Sizes("Size of the window.")


class GlobalPooling(Layer):
    """All of space at once, for each channel."""

    rank: ClassVar[int] = 0
    accepts = "float"

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


class GlobalMaxPooling2D(GlobalPooling):
    """The largest value over an image, for each channel."""

    rank = 2


class GlobalAveragePooling1D(GlobalPooling):
    """The mean over time, for each channel; steps that are masked do not count."""

    rank = 1


class GlobalAveragePooling2D(GlobalPooling):
    """The mean over an image, for each channel."""

    rank = 2
