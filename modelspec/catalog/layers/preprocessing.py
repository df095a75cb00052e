"""Layers that bring raw values and images into range and shape."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelspec.catalog.initializers import Ones, Zeros
from modelspec.catalog.spatial import axes, data_format, joined, split
from modelspec.language.kinds import Bool, Choice, Either, Float, Int, ListOf
from modelspec.language.layer import Layer, Reject, Weight
from modelspec.language.shapes import Dim, Shape, show, size


class Rescaling(Layer):
    """`x * scale + offset`, with fixed numbers: 1/255 brings bytes to [0, 1]."""

    masking = "pass"
    scale = Either(
        "The factor, or one for each of the last axis.",
        Float("A factor."),
        ListOf("Factors.", Float("A factor.")),
    )
    offset = Either(
        "What is added then, or one for each of the last axis.",
        Float("An offset."),
        ListOf("Offsets.", Float("An offset.")),
        default=0.0,
    )

    def shape(self, x: Shape) -> Shape:
        for argument in ("scale", "offset"):
            value = self.__dict__[argument]
            last = x[-1] if x else 1
            if isinstance(value, list) and isinstance(last, int) and len(value) not in (1, last):
                raise Reject(argument, f"{len(value)} numbers do not fit a last axis of {last}")
        return x

    def flops(self, output: Shape, x: Shape) -> int | None:
        count = size(output)
        return None if count is None else 2 * count


def values(doc: str) -> Either:
    """A number, or numbers along one or two axes."""
    number = Float("A number.")
    row = ListOf("Numbers.", number)
    return Either(doc, number, row, ListOf("Rows of numbers.", row), default=None)


class Normalization(Layer):
    """`(x - mean) / sqrt(variance)`, with the mean and variance of the training data.

    They are learnt from `train` alone when training starts, and kept with the run, unless `mean`
    and `variance` give them.
    """

    masking = "pass"
    axis = Either(
        "The axis or axes whose entries have a mean and variance each, the batch counted as 0; "
        "null is one mean for all values.",
        Int("An axis."),
        ListOf("Axes.", Int("An axis.")),
        default=-1,
        null=True,
    )
    mean = values("The mean, where it is known; with `variance`.")
    variance = values("The variance, where it is known; with `mean`.")
    invert = Bool("Whether to go back: `x * sqrt(variance) + mean`.", default=False)

    @property
    def adapts(self) -> bool:
        return self.mean is None

    @property
    def axes(self) -> list[int]:
        """The axes as they are written."""
        return (
            [] if self.axis is None else self.axis if isinstance(self.axis, list) else [self.axis]
        )

    def check(self) -> None:
        if (self.mean is None) != (self.variance is None):
            lacking = "mean" if self.mean is None else "variance"
            raise Reject(lacking, "`mean` and `variance` are given together, or both learnt")
        if self.mean is None:
            return
        given, other = extent(self.mean), extent(self.variance)
        if given is None or other is None or given != other:
            raise Reject("variance", "`mean` and `variance` have one shape")
        if len(given) > len(self.axes):
            raise Reject(
                "mean", f"{len(given)} axes of means do not fit {len(self.axes)} of `axis`"
            )

    def kept(self, x: Shape) -> list[int]:
        """The axes of a sample that keep a mean for each entry, in order, from 0."""
        rank = len(x) + 1
        for axis in self.axes:
            if not -rank <= axis < rank:
                raise Reject("axis", f"there is no axis {axis} in {show(x)}; the batch is axis 0")
            if axis % rank == 0:
                raise Reject(
                    "axis",
                    f"axis {axis} is the batch",
                    "null is one mean for all values",
                )
        return sorted({axis % rank - 1 for axis in self.axes})

    def learnt_shape(self, x: Shape) -> tuple[Dim, ...]:
        """The shape of the mean and the variance."""
        return tuple(x[axis] for axis in self.kept(x))

    def shape(self, x: Shape) -> Shape:
        known = self.learnt_shape(x)
        if self.mean is not None:
            given = extent(self.mean) or ()
            for size_, dim in zip(reversed(given), reversed(known), strict=False):
                if isinstance(dim, int) and size_ not in (1, dim):
                    raise Reject("mean", f"{size_} means do not fit an axis of {dim}")
        return x

    def weights(self, x: Shape) -> Iterator[Weight]:
        if not self.adapts:
            return
        shape = self.learnt_shape(x)
        yield Weight("mean", shape, Zeros.of({}), trainable=False)
        yield Weight("variance", shape, Ones.of({}), trainable=False)
        yield Weight("count", (), Zeros.of({}), trainable=False, dtype="int32")

    def flops(self, output: Shape, x: Shape) -> int | None:
        count = size(output)
        return None if count is None else 2 * count


def extent(given: Any) -> tuple[int, ...] | None:
    """The shape of nested lists; None where they are uneven."""
    if not isinstance(given, list):
        return ()
    inner = {extent(item) for item in given}
    if len(inner) != 1 or None in inner:
        return None
    return (len(given), *(inner.pop() or ()))


class Framed(Layer):
    """Brings images to one height and width."""

    rank = 2
    height: Any
    width: Any
    data_format: Any

    @property
    def takes(self) -> str:
        return axes(2, self.data_format)

    def shape(self, x: Shape) -> Shape:
        _, channels = split(x, self.data_format)
        return joined((self.height, self.width), channels, self.data_format)


class Resizing(Framed):
    """Images of one height and width, stretched or shrunk; integers stay integers."""

    gives = "same"
    height = Int("The height of the result.", min=1)
    width = Int("The width of the result.", min=1)
    interpolation = Choice(
        "How the values in between are found.",
        "nearest", "bilinear", "bicubic",
        default="bilinear",
    )  # fmt: skip
    crop_to_aspect_ratio = Bool(
        "Whether to cut the longer side first, so that nothing is distorted.", default=False
    )
    pad_to_aspect_ratio = Bool(
        "Whether to pad the shorter side first, so that nothing is distorted.", default=False
    )
    fill_mode = Choice("What is padded with: `fill_value`.", "constant", default="constant")
    fill_value = Float("The value of padded cells.", default=0.0)
    antialias = Bool(
        "Whether each value sees all that it stands for when an image shrinks (`bilinear` and "
        "`bicubic`).",
        default=False,
    )
    data_format = data_format()

    def check(self) -> None:
        if self.crop_to_aspect_ratio and self.pad_to_aspect_ratio:
            raise Reject("pad_to_aspect_ratio", "an image is cropped to its ratio, or padded")

    def flops(self, output: Shape, x: Shape) -> int | None:
        count = size(output)
        seen = {"nearest": 0, "bilinear": 2, "bicubic": 4}[self.interpolation]
        return None if count is None else count * 4 * seen


class CenterCrop(Framed):
    """The middle of images; of smaller ones the largest part of that ratio, enlarged."""

    height = Int("The height of the result.", min=1)
    width = Int("The width of the result.", min=1)
    data_format = data_format()

    def flops(self, output: Shape, x: Shape) -> int | None:
        return 0
