"""Layers that move values about: new shapes, padding, cropping, repeating."""

from __future__ import annotations

from typing import Any, ClassVar

from modelspec.catalog.spatial import axes, data_format, joined, plus, split, times
from modelspec.language.kinds import Choice, Dims, Either, Int, ListOf, Sizes
from modelspec.language.layer import Layer, Reject
from modelspec.language.shapes import Dim, Shape, show, size

__all__ = [
    "Cropping2D",
    "Flatten",
    "Permute",
    "RepeatVector",
    "Reshape",
    "UpSampling2D",
    "ZeroPadding2D",
]


class Moving(Layer):
    """Computes nothing, and takes any dtype."""

    accepts = "any"
    gives = "same"

    def flops(self, output: Shape, x: Shape) -> int | None:
        return 0


class Flatten(Moving):
    """All axes as one."""

    data_format = data_format()

    def shape(self, x: Shape) -> Shape:
        return x if len(x) == 1 else (size(x),)


class Reshape(Moving):
    """The same values in another shape."""

    target_shape = Dims(
        "The new shape, without the batch; one size may be -1 and follows from the others.",
        wildcard=True,
    )

    @property
    def open(self) -> list[Dim]:
        """The sizes that follow from the others: -1, null and words."""
        return [d for d in self.target_shape if not isinstance(d, int) or d == -1]

    def check(self) -> None:
        if len(self.open) > 1:
            raise Reject("target_shape", f"{len(self.open)} sizes are left open, one may be")

    def shape(self, x: Shape) -> Shape:
        held, wanted = self.known(x), self.known(self.target_shape)
        words = [d for d in x if not isinstance(d, int)]
        if not self.open:
            if not words and held != wanted:
                raise Reject("target_shape", self.unequal(x, held))
            return self.target_shape
        if self.open[0] not in (-1, None):
            return self.target_shape
        if words:
            found: Dim = words[0] if len(words) == 1 and held == wanted else None
        elif wanted == 0 or held % wanted:
            raise Reject("target_shape", self.unequal(x, held))
        else:
            found = held // wanted
        return tuple(found if d in (-1, None) else d for d in self.target_shape)

    def known(self, shape: Shape) -> int:
        """The product of the sizes that are known."""
        return size([d for d in shape if isinstance(d, int) and d != -1]) or 0

    def unequal(self, x: Shape, held: int) -> str:
        return f"the {held} values of {show(x)} do not fill {show(self.target_shape)}"


class Permute(Moving):
    """The axes in another order."""

    dims = ListOf(
        "For each axis of the output, the input's: 1 is the first after the batch.",
        Int("An axis.", min=1),
    )

    @property
    def takes(self) -> str:
        return " ".join(f"axis_{i}" for i in range(1, len(self.dims) + 1))

    def check(self) -> None:
        if not self.dims or sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise Reject("dims", f"{self.dims} is not an order of the axes from 1 on")

    def shape(self, x: Shape) -> Shape:
        return tuple(x[axis - 1] for axis in self.dims)


class RepeatVector(Moving):
    """A vector n times: one for each step of time."""

    takes = "features"
    n = Int("How many times.", min=1)

    def shape(self, x: Shape) -> Shape:
        return (self.n, *x)


def edges(doc: str, default: Any) -> Either:
    """How many cells at each edge: one number, one for each axis, or one for each edge."""
    cells = Int("How many cells.", min=0)
    pair = ListOf("[before, after].", cells, length=2)
    each = ListOf("One for each axis.", Either("Of an axis.", cells, pair), length=2)
    return Either(doc, cells, each, default=default)


def pairs(value: Any) -> tuple[tuple[int, int], ...]:
    """What `edges` reads, as (before, after) for each axis."""
    each = value if isinstance(value, list) else [value, value]
    return tuple((e[0], e[1]) if isinstance(e, list) else (e, e) for e in each)


class ZeroPadding2D(Moving):
    """An image with zeros around it."""

    rank: ClassVar[int] = 2
    padding = edges(
        "Cells to add: one number, [height, width], or [[top, bottom], [left, right]].", [1, 1]
    )
    data_format = data_format()

    @property
    def takes(self) -> str:
        return axes(2, self.data_format)

    def shape(self, x: Shape) -> Shape:
        space, channels = split(x, self.data_format)
        grown = [plus(d, a + b) for d, (a, b) in zip(space, pairs(self.padding), strict=True)]
        return joined(grown, channels, self.data_format)


class Cropping2D(Moving):
    """An image without its edges."""

    rank: ClassVar[int] = 2
    cropping = edges(
        "Cells to cut: one number, [height, width], or [[top, bottom], [left, right]].",
        [[0, 0], [0, 0]],
    )
    data_format = data_format()

    @property
    def takes(self) -> str:
        return axes(2, self.data_format)

    def shape(self, x: Shape) -> Shape:
        space, channels = split(x, self.data_format)
        for length, (a, b) in zip(space, pairs(self.cropping), strict=True):
            if isinstance(length, int) and a + b >= length:
                raise Reject("cropping", f"cutting {a} and {b} leaves nothing of {length}")
        left = [plus(d, -a - b) for d, (a, b) in zip(space, pairs(self.cropping), strict=True)]
        return joined(left, channels, self.data_format)


class UpSampling2D(Layer):
    """An image enlarged by a whole factor."""

    rank: ClassVar[int] = 2
    accepts = "float"
    size = Sizes("The factor for height and width.", default=2)
    data_format = data_format()
    interpolation = Choice(
        "How the cells in between are found.", "nearest", "bilinear", "bicubic", default="nearest"
    )

    @property
    def takes(self) -> str:
        return axes(2, self.data_format)

    def shape(self, x: Shape) -> Shape:
        space, channels = split(x, self.data_format)
        grown = [times(d, factor) for d, factor in zip(space, self.size, strict=True)]
        return joined(grown, channels, self.data_format)
