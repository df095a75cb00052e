"""Layers that move values about: new shapes, padding, cropping, repeating."""

from __future__ import annotations

from typing import Any, ClassVar

from modelspec.catalog.spatial import axes, data_format, joined, plus, split, times
from modelspec.language import dtypes
from modelspec.language.kinds import Choice, Dims, Either, Int, ListOf, Sizes
from modelspec.language.layer import Layer, Reject
from modelspec.language.shapes import Dim, Shape, show, show_dim, size

__all__ = [
    "Cropping1D", "Cropping2D", "Cropping3D", "Flatten", "Permute", "RepeatVector", "Reshape",
    "UpSampling1D", "UpSampling2D", "UpSampling3D",
    "ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D",
]  # fmt: skip

MOST_SHAPES = 2  # that a help line names
FAR = 1000  # sizes that are looked at on either side of one that does not divide


class Moving(Layer):
    """Computes nothing, and takes numbers of any dtype."""

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
                raise Reject("target_shape", self.unequal(x, held), self.filling(held))
            return self.target_shape
        if self.open[0] not in (-1, None):
            return self.target_shape
        if words:
            found: Dim = words[0] if len(words) == 1 and held == wanted else None
        elif wanted == 0 or held % wanted:
            raise Reject("target_shape", self.unequal(x, held), self.filling(held))
        else:
            found = held // wanted
        return tuple(found if d in (-1, None) else d for d in self.target_shape)

    def known(self, shape: Shape) -> int:
        """The product of the sizes that are known."""
        return size([d for d in shape if isinstance(d, int) and d != -1]) or 0

    def unequal(self, x: Shape, held: int) -> str:
        return f"the {held} values of {show(x)} do not fill {show(self.target_shape)}"

    def filling(self, held: int) -> str:
        """A help line: the shapes that hold so many values and differ in one size; "" for none."""
        found = []
        for at, dim in enumerate(self.target_shape):
            rest = [*self.target_shape[:at], *self.target_shape[at + 1 :]]
            others = self.known(tuple(rest))
            if dim in self.open or not others or held % others:
                continue
            fitting = held // others
            if self.open:
                fitting = nearest_divisor(fitting, int(dim or 1))
            found.append("[" + ", ".join(map(show_dim, (*rest[:at], fitting, *rest[at:]))) + "]")
        return f"write {' or '.join(found[:MOST_SHAPES])}" if found else ""


def nearest_divisor(number: int, near: int) -> int:
    """The divisor of a number that is nearest to another; 1 where none is near."""
    around = (n for far in range(FAR) for n in (near - far, near + far) if n > 0)
    return next((n for n in around if number % n == 0), 1)


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


def edges(doc: str, rank: int, default: Any) -> Either:
    """How many cells at each edge: one number, one for each axis, or one for each edge."""
    cells = Int("How many cells.", min=0)
    pair = ListOf("[before, after].", cells, length=2)
    if rank == 1:
        return Either(doc, cells, pair, default=default)
    each = ListOf("One for each axis.", Either("Of an axis.", cells, pair), length=rank)
    return Either(doc, cells, each, default=default)


def pairs(cells: Any, rank: int) -> tuple[tuple[int, int], ...]:
    """What `edges` reads, as (before, after) for each axis."""
    if not isinstance(cells, list):
        return ((cells, cells),) * rank
    if rank == 1:
        return ((cells[0], cells[1]),)
    return tuple((c[0], c[1]) if isinstance(c, list) else (c, c) for c in cells)


class ZeroPadding(Layer):
    """Zeros around `rank` axes of space."""

    rank: ClassVar[int] = 0
    accepts, gives = "any", "same"
    padding: Any
    data_format: Any = "channels_last"

    @property
    def takes(self) -> str:
        return axes(self.rank, self.data_format)

    @property
    def around(self) -> tuple[tuple[int, int], ...]:
        """The cells added before and after, along each axis."""
        return pairs(self.padding, self.rank)

    def shape(self, x: Shape) -> Shape:
        space, channels = split(x, self.data_format)
        grown = [plus(d, a + b) for d, (a, b) in zip(space, self.around, strict=True)]
        return joined(grown, channels, self.data_format)

    def flops(self, output: Shape, x: Shape) -> int | None:
        return 0


class ZeroPadding1D(ZeroPadding):
    """A sequence with zeros before and after."""

    rank = 1
    padding = edges("Steps to add: one number, or [before, after].", 1, 1)
    data_format = data_format()


class ZeroPadding2D(ZeroPadding):
    """An image with zeros around it."""

    rank = 2
    padding = edges(
        "Cells to add: one number, [height, width], or [[top, bottom], [left, right]].", 2, [1, 1]
    )
    data_format = data_format()


class ZeroPadding3D(ZeroPadding):
    """A volume with zeros around it."""

    rank = 3
    padding = edges(
        "Cells to add: one number, one for each axis, or [before, after] for each axis.",
        3,
        [[1, 1], [1, 1], [1, 1]],
    )
    data_format = data_format()


class Cropping(Layer):
    """What is left of `rank` axes of space without their edges."""

    rank: ClassVar[int] = 0
    accepts, gives = "any", "same"
    cropping: Any
    data_format: Any = "channels_last"

    @property
    def takes(self) -> str:
        return axes(self.rank, self.data_format)

    @property
    def around(self) -> tuple[tuple[int, int], ...]:
        """The cells cut before and after, along each axis."""
        return pairs(self.cropping, self.rank)

    def shape(self, x: Shape) -> Shape:
        space, channels = split(x, self.data_format)
        for length, (a, b) in zip(space, self.around, strict=True):
            if isinstance(length, int) and a + b >= length:
                raise Reject("cropping", f"cutting {a} and {b} leaves nothing of {length}")
        left = [plus(d, -a - b) for d, (a, b) in zip(space, self.around, strict=True)]
        return joined(left, channels, self.data_format)

    def flops(self, output: Shape, x: Shape) -> int | None:
        return 0


class Cropping1D(Cropping):
    """A sequence without its first and last steps."""

    rank = 1
    cropping = edges("Steps to cut: one number, or [before, after].", 1, [1, 1])


class Cropping2D(Cropping):
    """An image without its edges."""

    rank = 2
    cropping = edges(
        "Cells to cut: one number, [height, width], or [[top, bottom], [left, right]].",
        2,
        [[0, 0], [0, 0]],
    )
    data_format = data_format()


class Cropping3D(Cropping):
    """A volume without its edges."""

    rank = 3
    cropping = edges(
        "Cells to cut: one number, one for each axis, or [before, after] for each axis.",
        3,
        [[1, 1], [1, 1], [1, 1]],
    )
    data_format = data_format()


class UpSampling(Layer):
    """Every cell several times, along `rank` axes of space."""

    rank: ClassVar[int] = 0
    accepts, gives = "any", "same"
    size = Sizes("The factor for each axis of space.", default=2)
    data_format: Any = "channels_last"

    @property
    def takes(self) -> str:
        return axes(self.rank, self.data_format)

    def shape(self, x: Shape) -> Shape:
        space, channels = split(x, self.data_format)
        grown = [times(d, factor) for d, factor in zip(space, self.size, strict=True)]
        return joined(grown, channels, self.data_format)

    def flops(self, output: Shape, x: Shape) -> int | None:
        return 0


class UpSampling1D(UpSampling):
    """Every step of a sequence several times."""

    rank = 1
    size = Sizes("How many times.", default=2)


class UpSampling2D(UpSampling):
    """An image enlarged by a whole factor."""

    rank = 2
    size = Sizes("The factor for height and width.", default=2)
    data_format = data_format()
    interpolation = Choice(
        "How the cells in between are found.",
        "nearest", "bilinear", "bicubic", "lanczos3", "lanczos5",
        default="nearest",
    )  # fmt: skip

    def dtypes(self, compute: str, *inputs: Any) -> list[str]:
        if self.interpolation != "nearest" and not dtypes.is_float(inputs[0]):
            raise Reject(
                "interpolation",
                f"`{self.interpolation}` finds values in between, and the input is {inputs[0]}",
                "take `interpolation: nearest`, or a float input",
            )
        return super().dtypes(compute, *inputs)

    def flops(self, output: Shape, x: Shape) -> int | None:
        cells = {"nearest": 0, "bilinear": 2, "bicubic": 4, "lanczos3": 6, "lanczos5": 10}
        seen, count = cells[self.interpolation], size(output)
        # A multiply-add for each cell that is seen, along one axis and then the other.
        return None if count is None else count * 4 * seen


class UpSampling3D(UpSampling):
    """Every cell of a volume several times."""

    rank = 3
    data_format = data_format()
