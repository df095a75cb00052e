"""Operations that move elements: axes, pieces, padding."""

from __future__ import annotations

from typing import Any, ClassVar

from modelspec.language.kinds import Choice, Dims, Int, Kind, ListOf
from modelspec.language.layer import Reject
from modelspec.language.operation import Constant, Operation, axes_in, axis_in
from modelspec.language.shapes import Dim, Shape, show, size

AXIS = "The axis; the batch is axis 0."


class Moving(Operation):
    """The same elements elsewhere."""

    takes = "..."

    def flops(self, output: Shape, *inputs: Shape) -> int | None:
        return 0


class Reshape(Moving):
    """The same elements, row by row, in another shape."""

    newshape = Dims(
        "The shape, the batch as its first axis (null or -1); one other size may be -1.",
        wildcard=True,
    )

    def check(self) -> None:
        if not self.newshape or self.newshape[0] not in (None, -1):
            raise Reject(
                "newshape", "the first axis is the batch, whose size stays open",
                f"[null, {', '.join(map(str, self.newshape))}]",
            )  # fmt: skip
        rest = self.newshape[1:]
        if not all(isinstance(dim, int) for dim in rest) or rest.count(-1) > 1:
            raise Reject("newshape", "sizes are integers, and at most one of them is -1", "")

    def shape(self, x: Shape) -> Shape:
        rest: list[Dim] = list(self.newshape[1:])
        count, whole = size(dim for dim in rest if dim != -1), size(x)
        if -1 in rest:
            fits = whole is None or (bool(count) and whole % (count or 1) == 0)
            left = whole // count if fits and whole is not None and count else None
            rest[rest.index(-1)] = left
        else:
            fits = whole is None or whole == count
        if not fits:
            raise Reject(
                "newshape", f"{show(x)} has {whole} elements in a sample, and this {count}",
                "samples do not mix: the sizes after the batch hold one sample",
            )  # fmt: skip
        return tuple(rest)


class BroadcastTo(Moving):
    """The same elements, repeated along axes of size 1."""

    newshape = Dims("The shape, the batch as its first axis (null or -1).", wildcard=True)

    def check(self) -> None:
        if not self.newshape or self.newshape[0] not in (None, -1):
            raise Reject("newshape", "the first axis is the batch, whose size stays open", "")
        if not all(isinstance(dim, int) and dim >= 0 for dim in self.newshape[1:]):
            raise Reject("newshape", "sizes are integers", "")

    def shape(self, x: Shape) -> Shape:
        wanted = tuple(self.newshape[1:])
        if len(wanted) != len(x) or any(
            isinstance(dim, int) and dim not in (1, new) for dim, new in zip(x, wanted, strict=True)
        ):
            raise Reject("newshape", f"{show(x)} does not broadcast to {show(wanted)}", "")
        return wanted


class Transpose(Moving):
    """Its axes in another order."""

    axes = ListOf("Which axis comes where, all of them; the batch stays first: [0, 2, 1].", Int(""))

    def shape(self, x: Shape) -> Shape:
        return tuple(x[axis - 1] for axis in self.order(len(x))[1:])

    def order(self, rank: int) -> list[int]:
        """Which axis comes where, for so many axes without the batch."""
        axes = [axis + rank + 1 if axis < 0 else axis for axis in self.axes]
        if sorted(axes) != list(range(rank + 1)):
            raise Reject("axes", f"the axes are 0 to {rank}, each once", "")
        if axes[0]:
            raise Reject("axes", "axis 0 is the batch, and stays first", "")
        return axes


class Swapaxes(Moving):
    """Two axes exchanged."""

    axis1 = Int("One axis; the batch is axis 0.")
    axis2 = Int("The other.")

    def shape(self, x: Shape) -> Shape:
        moved = list(x)
        a, b = axis_in("axis1", self.axis1, len(x)), axis_in("axis2", self.axis2, len(x))
        moved[a], moved[b] = moved[b], moved[a]
        return tuple(moved)


class Moveaxis(Moving):
    """An axis at another place, or several; the others stay in their order."""

    #: `source` is an argument here, and any word's paper.
    arguments: ClassVar[dict[str, Kind[Any]]] = {
        "source": ListOf("The axis, or several; the batch is axis 0.", Int(""), single=True)
    }
    destination = ListOf(
        "Where it stands in the result, or they do, as many as there are.", Int(""), single=True
    )

    @property
    def sources(self) -> list[int]:
        """Which axes move."""
        moved: list[int] = vars(self)["source"]
        return moved

    def check(self) -> None:
        if len(self.sources) != len(self.destination):
            raise Reject(
                "destination", f"{len(self.sources)} axes move, to {len(self.destination)} places",
                "name one place for each axis",
            )  # fmt: skip

    def shape(self, x: Shape) -> Shape:
        moved = axes_in("source", self.sources, len(x))
        places = dict(zip(axes_in("destination", self.destination, len(x)), moved, strict=True))
        rest = (at for at in range(len(x)) if at not in moved)
        return tuple(x[places[at] if at in places else next(rest)] for at in range(len(x)))


class Squeeze(Moving):
    """Without an axis of size 1, or without several."""

    axis = ListOf("The axis, or several; the batch is axis 0.", Int(""), single=True)

    def shape(self, x: Shape) -> Shape:
        gone = axes_in("axis", self.axis, len(x))
        for at in gone:
            if isinstance(x[at], int) and x[at] != 1:
                raise Reject("axis", f"axis {at + 1} of {show(x)} has size {x[at]}, not 1", "")
        return tuple(dim for at, dim in enumerate(x) if at not in gone)


class ExpandDims(Moving):
    """With a further axis of size 1, or with several."""

    axis = ListOf(
        "Where it stands in the result, or they do; the batch is axis 0.", Int(""), single=True
    )

    def shape(self, x: Shape) -> Shape:
        new = axes_in("axis", self.axis, len(x) + len(self.axis))
        rest = iter(x)
        return tuple(1 if at in new else next(rest) for at in range(len(x) + len(new)))


class Flip(Moving):
    """Its elements from the last to the first along an axis, or along several."""

    axis = ListOf("The axis, or several; the batch is axis 0.", Int(""), single=True)

    def shape(self, x: Shape) -> Shape:
        axes_in("axis", self.axis, len(x))
        return x


class Roll(Moving):
    """Its elements moved along an axis; what leaves at one end enters at the other."""

    shift = Int("By how many places, to higher ones.")
    axis = Int(AXIS)

    def shape(self, x: Shape) -> Shape:
        axis_in("axis", self.axis, len(x))
        return x


class Repeat(Moving):
    """Each element several times in a row along an axis."""

    repeats = Int("How many times.", min=1)
    axis = Int(AXIS)

    def shape(self, x: Shape) -> Shape:
        return grown(x, axis_in("axis", self.axis, len(x)), self.repeats)


class Tile(Moving):
    """The whole tensor several times along its axes."""

    repeats = ListOf(
        "How many times along each of the last axes; the batch, where it is listed, once.",
        Int("", min=1),
        single=True,
    )

    def shape(self, x: Shape) -> Shape:
        times = self.times(len(x))
        for at, count in enumerate(times):
            x = grown(x, at, count)
        return x

    def times(self, rank: int) -> list[int]:
        """How many times along each axis but the batch."""
        times = [1] * (rank + 1 - len(self.repeats)) + self.repeats
        if len(times) > rank + 1 or times[0] != 1:
            raise Reject(
                "repeats", "axis 0 is the batch, and samples are not repeated",
                f"at most {rank} numbers, one for each other axis",
            )  # fmt: skip
        return times[1:]


class Pad(Moving):
    """With more elements at both ends of its axes."""

    pad_width = ListOf(
        "How many before and after, for each axis; [0, 0] for the batch, which is the first.",
        ListOf("", Int("", min=0), length=2),
    )
    mode = Choice(
        "What they are: one number, or the elements mirrored, `symmetric` the edge's too.",
        "constant", "reflect", "symmetric",
        default="constant",
    )  # fmt: skip
    constant_values = Constant("The number, 0 where it is null.", default=None)

    def check(self) -> None:
        if not self.pad_width or self.pad_width[0] != [0, 0]:
            raise Reject("pad_width", "axis 0 is the batch, and stays as it is", "[[0, 0], ...]")
        if self.constant_values is not None and self.mode != "constant":
            raise Reject("constant_values", f"`mode: {self.mode}` uses no number", "leave it out")

    def shape(self, x: Shape) -> Shape:
        widths = self.pad_width[1:]
        if len(widths) != len(x):
            raise Reject("pad_width", f"{show(x)} has {len(x)} axes besides the batch", "")
        for (before, after), dim in zip(widths, x, strict=True):
            if self.mode == "constant" or not isinstance(dim, int):
                continue
            most = max(before, after)
            if most > dim - (self.mode == "reflect"):
                raise Reject("pad_width", f"{most} is more than can be mirrored of {dim}", "")
        return tuple(
            dim + sum(width) if isinstance(dim, int) else dim if not sum(width) else None
            for dim, width in zip(x, widths, strict=True)
        )


def grown(x: Shape, at: int, times: int) -> Shape:
    """A shape with one axis several times as long."""
    dim = x[at]
    if times == 1:
        return x
    return (*x[:at], dim * times if isinstance(dim, int) else None, *x[at + 1 :])


class Tril(Moving):
    """The lower triangle of its matrices, zeros above."""

    takes = "... rows columns"
    k = Int("Which diagonal is the last to be kept, the main one being 0.", default=0)


class Triu(Moving):
    """The upper triangle of its matrices, zeros below."""

    takes = "... rows columns"
    k = Int("Which diagonal is the first to be kept, the main one being 0.", default=0)
