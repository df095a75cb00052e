"""Operations that take tensors apart and put them together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from modelspec.language.kinds import Dims, Either, Int, Kind, ListOf, Mismatch, Reader, fact
from modelspec.language.layer import Reject
from modelspec.language.operation import Operation, axis_in, over_batches
from modelspec.language.shapes import Clash, Dim, Shape, join, join_shapes, show, show_dim
from modelspec.source.tree import Node, Scalar

AXIS = "The axis; the batch is axis 0."


class Index(Kind[Any]):
    """One place of a key: an integer, `start:stop:step` as text, or null for a new axis."""

    def __init__(self) -> None:
        super().__init__("", null=True)

    def value(self, node: Node, reader: Reader, owner: Any) -> int | str:
        if isinstance(node, Scalar):
            if isinstance(node.value, int) and not isinstance(node.value, bool):
                return node.value
            if isinstance(node.value, str):
                return self.ranged(node, node.value)
        raise Mismatch(fact(node), node)

    @staticmethod
    def ranged(node: Scalar, text: str) -> str:
        try:
            step = range_of(text).step
        except (ValueError, TypeError):
            raise Mismatch(
                f"this is `{text}`", node, ("a range is start:stop or start:stop:step",)
            ) from None
        if step is not None and step < 1:
            raise Mismatch(f"a step of {step}", node, ("{type: ops.Flip} reads backward",))
        return text

    def noun(self) -> str:
        return 'an integer or a range (":", "1:", ":-1", "0:8:2")'

    def json_schema(self) -> dict[str, Any]:
        return {"type": ["integer", "string", "null"]}


def range_of(text: str) -> slice:
    """`start:stop:step` as Python has it; raises ValueError or TypeError where it is not that."""
    if ":" not in text:
        raise ValueError(text)
    return slice(*[int(part) if part.strip() else None for part in text.split(":")])


class GetItem(Operation):
    """A part of the tensor, as Python's `x[:, 0, 1:]`.

    An integer takes one element along its axis, which goes; a range takes several; null is a new
    axis of size 1. Axes that are not listed stay whole.
    """

    takes = "..."
    key = ListOf('One index for each axis, the batch\'s ":" first: [":", 0, "1:"].', Index())

    def check(self) -> None:
        if self.pieces()[:1] != [slice(None)]:
            raise Reject("key", "the first index is the batch's, and takes all of it", '":"')

    def pieces(self) -> list[int | slice | None]:
        """The key as Python indexes with it."""
        return [range_of(one) if isinstance(one, str) else one for one in self.key]

    def shape(self, x: Shape) -> Shape:
        used = sum(piece is not None for piece in self.key) - 1
        if used > len(x):
            raise Reject("key", f"{show(x)} has {len(x)} axes besides the batch, not {used}", "")
        rest, made = list(x), list[Dim]()
        for piece in self.pieces()[1:]:
            if piece is None:
                made.append(1)
                continue
            dim = rest.pop(0)
            if isinstance(piece, slice):
                made.append(ranged(dim, piece))
            elif isinstance(dim, int) and not -dim <= piece < dim:
                raise Reject("key", f"an axis of {dim} has no element {piece}", "")
        return (*made, *rest)

    def flops(self, output: Shape, x: Shape) -> int | None:
        return 0


def ranged(dim: Dim, piece: slice) -> Dim:
    """How many elements a range takes."""
    if isinstance(dim, int):
        return len(range(*piece.indices(dim)))
    whole = piece.start in (None, 0) and piece.stop is None and piece.step in (None, 1)
    return dim if whole else None


class Slice(Operation):
    """A block of the tensor: so many elements along each axis, from a start."""

    takes = "..."
    start_indices = ListOf("Where it begins on each axis, the batch's 0 first.", Int("", min=0))
    #: `shape` is an argument here, and what every layer answers: the property below is the answer.
    arguments: ClassVar[dict[str, Kind[Any]]] = {
        "shape": Dims("Its shape, the batch as its first axis (null or -1).", wildcard=True)
    }

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many elements along each axis but the batch."""
        written: tuple[int, ...] = vars(self)["shape"]
        return written[1:]

    @property
    def shape(self) -> Callable[[Shape], Shape]:
        return self.block

    def check(self) -> None:
        written: Shape = vars(self)["shape"]
        if written[:1] not in ((None,), (-1,)):
            raise Reject("shape", "the first axis is the batch, whose size stays open", "null")
        if not all(isinstance(dim, int) and dim >= 0 for dim in written[1:]):
            raise Reject("shape", "sizes are integers", "{type: ops.GetItem, key: ...} has ranges")
        if self.start_indices[:1] != [0]:
            raise Reject("start_indices", "the first axis is the batch, all of which is taken", "0")
        if len(self.start_indices) != len(written):
            raise Reject(
                "start_indices", f"{len(self.start_indices)} starts for {len(written)} axes",
                "one start for each axis of `shape`",
            )  # fmt: skip

    def block(self, x: Shape) -> Shape:
        if len(self.sizes) != len(x):
            raise Reject(
                "shape", f"{show(x)} has {len(x)} axes besides the batch, not {len(self.sizes)}", ""
            )
        for dim, start, count in zip(x, self.start_indices[1:], self.sizes, strict=True):
            if isinstance(dim, int) and start + count > dim:
                raise Reject("shape", f"{count} from {start} on are more than an axis of {dim}", "")
        return self.sizes

    def flops(self, output: Shape, x: Shape) -> int | None:
        return 0


class Take(Operation):
    """Some elements along an axis, in any order."""

    takes = "..."
    indices = Either(
        "Which; an integer alone takes the axis away. Negative ones count from the end.",
        Int(""),
        ListOf("", Int("")),
    )
    axis = Int(AXIS)

    def shape(self, x: Shape) -> Shape:
        at = axis_in("axis", self.axis, len(x))
        chosen = self.indices if isinstance(self.indices, list) else [self.indices]
        dim = x[at]
        for index in chosen:
            if isinstance(dim, int) and not -dim <= index < dim:
                raise Reject("indices", f"an axis of {dim} has no element {index}", "")
        kept = (len(chosen),) if isinstance(self.indices, list) else ()
        return (*x[:at], *kept, *x[at + 1 :])

    def flops(self, output: Shape, x: Shape) -> int | None:
        return 0


class TakeAlongAxis(Operation):
    """Elements along an axis, by a tensor of indices: other ones at every place."""

    takes = {"x": "...", "indices": "..."}
    accepts = {"indices": "integer"}
    axis = Int(AXIS)

    def shape(self, x: Shape, indices: Shape) -> Shape:
        if len(x) != len(indices):
            raise Reject("", f"{show(x)} and {show(indices)} have as many axes as each other", "")
        at = axis_in("axis", self.axis, len(x))
        over_batches(((*x[:at], 1, *x[at + 1 :]), (*indices[:at], 1, *indices[at + 1 :])))
        made = over_batches((x[:at] + x[at + 1 :], indices[:at] + indices[at + 1 :]))
        return (*made[:at], indices[at], *made[at:])

    def dtypes(self, compute: str, *inputs: Any) -> list[str]:
        return super().dtypes(compute, inputs[0])

    def flops(self, output: Shape, *inputs: Shape) -> int | None:
        return 0


class Stack(Operation):
    """Several tensors of one shape, along a new axis."""

    takes = "*..."
    axis = Int("Where it stands in the result; the batch is axis 0.")

    def shape(self, x: list[Shape]) -> Shape:
        merged = x[0]
        for one in x[1:]:
            try:
                merged = join_shapes(merged, one)
            except (Clash, ValueError):
                raise Reject("", f"all have one shape, and here are {show(x[0])} and {show(one)}",
                             "") from None  # fmt: skip
        at = axis_in("axis", self.axis, len(merged) + 1)
        return (*merged[:at], len(x), *merged[at:])

    def flops(self, output: Shape, x: list[Shape]) -> int | None:
        return 0


class Concatenate(Operation):
    """Several tensors one after the other along an axis."""

    takes = "*..."
    axis = Int(AXIS)

    def shape(self, xs: list[Shape]) -> Shape:
        at = axis_in("axis", self.axis, len(xs[0]))
        joined = list(xs[0])
        for one in xs[1:]:
            if len(one) != len(joined):
                raise Reject("", f"{show(xs[0])} and {show(one)} have as many axes as each other")
            for place, dim in enumerate(one):
                known = joined[place]
                if place == at:
                    both = isinstance(known, int) and isinstance(dim, int)
                    joined[place] = known + dim if both else None  # type: ignore[operator]
                    continue
                try:
                    joined[place] = join(known, dim)
                except Clash:
                    raise Reject(
                        "axis", f"{show(xs[0])} and {show(one)} differ on axis {place + 1}: "
                        f"{show_dim(known)} and {show_dim(dim)}", "",
                    ) from None  # fmt: skip
        return tuple(joined)

    def flops(self, output: Shape, xs: list[Shape]) -> int | None:
        return 0


class Split(Operation):
    """A tensor in parts along an axis, `part0`, `part1`, ..."""

    takes = "..."
    indices_or_sections = Either(
        "How many parts of one size; or a list, where the parts after the first begin.",
        Int("", min=1),
        ListOf("", Int("", min=0), least=1),
    )
    axis = Int(AXIS)

    def returns(self) -> tuple[str, ...]:
        parts = self.indices_or_sections
        count = len(parts) + 1 if isinstance(parts, list) else parts
        return tuple(f"part{at}" for at in range(count))

    def shape(self, x: Shape) -> list[Shape]:
        at = axis_in("axis", self.axis, len(x))
        return [(*x[:at], length, *x[at + 1 :]) for length in self.lengths(x[at])]

    def lengths(self, dim: Dim) -> list[Dim]:
        parts = self.indices_or_sections
        if not isinstance(parts, list):
            if isinstance(dim, int) and dim % parts:
                raise Reject("indices_or_sections", f"{parts} parts do not divide {dim}", "")
            return [dim // parts if isinstance(dim, int) else None] * parts
        ends: list[Dim] = [*parts, dim]
        starts: list[Dim] = [0, *parts]
        if parts != sorted(parts) or (isinstance(dim, int) and parts and parts[-1] > dim):
            raise Reject(
                "indices_or_sections", f"they rise, and end at the latest with {show_dim(dim)}", ""
            )
        return [
            end - start if isinstance(start, int) and isinstance(end, int) else None
            for start, end in zip(starts, ends, strict=True)
        ]

    def flops(self, output: Shape, x: Shape) -> int | None:
        return 0


class Unstack(Operation):
    """Each element along an axis as a tensor of its own, `part0`, `part1`, ..."""

    takes = "..."
    num = Int("How many there are.", min=1)
    axis = Int(AXIS)

    def returns(self) -> tuple[str, ...]:
        return tuple(f"part{at}" for at in range(self.num))

    def shape(self, x: Shape) -> list[Shape]:
        at = axis_in("axis", self.axis, len(x))
        try:
            join(x[at], self.num)
        except Clash:
            raise Reject("num", f"axis {self.axis} of {show(x)} has size {show_dim(x[at])}",
                         f"num: {show_dim(x[at])}") from None  # fmt: skip
        return [(*x[:at], *x[at + 1 :])] * self.num

    def flops(self, output: Shape, x: Shape) -> int | None:
        return 0
