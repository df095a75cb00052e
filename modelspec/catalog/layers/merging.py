"""Layers that join several tensors into one."""

from __future__ import annotations

from collections.abc import Sequence

from modelspec.language import dtypes
from modelspec.language.kinds import Bool, Either, Int, ListOf
from modelspec.language.layer import Layer, Reject
from modelspec.language.shapes import (
    Clash,
    Dim,
    Shape,
    broadcast,
    join,
    show,
    show_dim,
    size,
)


class Merge(Layer):
    """Element by element, over shapes that broadcast."""

    takes = "*..."
    gives = "same"
    masking = "own"

    def shape(self, inputs: list[Shape]) -> Shape:
        merged = inputs[0]
        for position, given in enumerate(inputs[1:], 1):
            try:
                merged = broadcast(merged, given)
            except Clash:
                raise self.clash(merged, inputs[:position], given) from None
        return merged

    def clash(self, merged: Shape, before: list[Shape], given: Shape) -> Reject:
        """The refusal that names the earlier input, rather than what it was merged into."""
        left = next((one for one in before if _apart(one, given)), merged)
        axis = _apart(left, given)
        rank = max(len(left), len(given)) + 1
        return Reject(
            "",
            f"the shapes are the same or broadcast, and {show(left)} and {show(given)} differ on "
            f"axis {rank - axis}: {show_dim(left[-axis])} and {show_dim(given[-axis])}",
            "a size of 1 broadcasts; axes are counted with the batch as axis 0",
        )

    def dtypes(self, compute: str, inputs: Sequence[str]) -> list[str]:
        return [merged_dtype(compute, inputs)]

    def flops(self, output: Shape, inputs: list[Shape]) -> int | None:
        count = size(output)
        return None if count is None else count * (len(inputs) - 1)


def _apart(left: Shape, right: Shape) -> int:
    """The first axis, counted from the last as 1, where two shapes do not broadcast; 0 if none."""
    for axis in range(min(len(left), len(right)), 0, -1):
        try:
            broadcast(left[-axis:][:1], right[-axis:][:1])
        except Clash:
            return axis
    return 0


def merged_dtype(compute: str, inputs: Sequence[str]) -> str:
    """Integers stay integers that hold all values; with a float among them all are floats."""
    if any(dtypes.is_float(one) for one in inputs):
        return compute
    return dtypes.promote(list(inputs))


class Add(Merge):
    """The sum of its inputs."""


class Subtract(Merge):
    """The first input less the second."""

    def shape(self, inputs: list[Shape]) -> Shape:
        two(inputs)
        return super().shape(inputs)

    def dtypes(self, compute: str, inputs: Sequence[str]) -> list[str]:
        made = super().dtypes(compute, inputs)
        if made == ["bool"]:
            raise Reject(
                "",
                "it takes numbers, and both inputs are bool",
                "{type: ops.NotEqual} says where two differ",
            )
        return made


class Multiply(Merge):
    """The product of its inputs; a masked step counts as 1, and is 0 where all are masked."""


class Average(Merge):
    """The mean of its inputs."""

    def dtypes(self, compute: str, inputs: Sequence[str]) -> list[str]:
        return [compute]


class Maximum(Merge):
    """The largest of its inputs; where one is masked, the other."""


class Minimum(Merge):
    """The smallest of its inputs; where one is masked, the other."""


class Concatenate(Layer):
    """Its inputs one after the other along an axis."""

    takes = "*..."
    gives = "same"
    masking = "own"
    axis = Int("The axis to join along; the batch is axis 0, the last one -1.", default=-1)

    def shape(self, inputs: list[Shape]) -> Shape:
        first = inputs[0]
        for given in inputs[1:]:
            if len(given) != len(first):
                raise Reject(
                    "",
                    f"the tensors have the same number of axes, and {show(first)} has "
                    f"{len(first)}, {show(given)} {len(given)}",
                    "insert {type: Reshape, target_shape: [...]} before one of them",
                )
        position = axis_of("axis", self.axis, first)
        joined = list(first)
        for given in inputs[1:]:
            for index, dim in enumerate(given):
                if index == position:
                    joined[index] = _sum(joined[index], dim)
                else:
                    joined[index] = self.same(first, given, joined[index], index)
        return tuple(joined)

    def same(self, first: Shape, given: Shape, known: Dim, index: int) -> Dim:
        """The size that all inputs share on another axis than the one to join along."""
        try:
            return join(known, given[index])
        except Clash as clash:
            raise Reject(
                "axis",
                f"along axis {self.axis} all other axes are the same, and {show(first)} and "
                f"{show(given)} differ on axis {index + 1}: "
                f"{show_dim(clash.left)} and {show_dim(clash.right)}",
                self.alternative(first, given),
            ) from None

    def alternative(self, first: Shape, given: Shape) -> str:
        """The one axis along which they would join, if there is one."""
        differ = [i for i, (a, b) in enumerate(zip(first, given, strict=True)) if a != b]
        return f"they join along `axis: {differ[0] + 1}`" if len(differ) == 1 else ""

    def dtypes(self, compute: str, inputs: Sequence[str]) -> list[str]:
        return [merged_dtype(compute, inputs)]

    def flops(self, output: Shape, inputs: list[Shape]) -> int | None:
        return 0


def _sum(left: Dim, right: Dim) -> Dim:
    return left + right if isinstance(left, int) and isinstance(right, int) else None


class Dot(Layer):
    """Sums the products of two tensors along one axis of each."""

    takes = "*..."
    accepts = "float"
    axes = Either(
        "The axis to sum along, or one for each input; the batch is axis 0, the last one -1.",
        Int(""),
        ListOf("", Int(""), length=2),
    )
    normalize = Bool(
        "Whether to scale both to length 1 along the axis first: cosine proximity.",
        default=False,
    )

    def shape(self, inputs: list[Shape]) -> Shape:
        two(inputs)
        left, right = inputs
        a, b = self.summed(left, right)
        try:
            join(left[a], right[b])
        except Clash:
            raise Reject(
                "axes",
                f"it sums over two axes of the same size, and axis {a + 1} of {show(left)} is "
                f"{show_dim(left[a])}, axis {b + 1} of {show(right)} {show_dim(right[b])}",
                "axes are counted with the batch as axis 0",
            ) from None
        kept = (*left[:a], *left[a + 1 :], *right[:b], *right[b + 1 :])
        return kept or (1,)

    def summed(self, left: Shape, right: Shape) -> tuple[int, int]:
        """The axes that are summed over, counted without the batch."""
        first, second = self.axes if isinstance(self.axes, list) else (self.axes, self.axes)
        return axis_of("axes", first, left), axis_of("axes", second, right)

    def flops(self, output: Shape, inputs: list[Shape]) -> int | None:
        count = size(output)
        summed = inputs[0][self.summed(*inputs)[0]]
        return None if count is None or not isinstance(summed, int) else 2 * count * summed


def two(inputs: list[Shape]) -> None:
    """Refuse any other number of inputs."""
    if len(inputs) != 2:
        raise Reject(
            "",
            f"it takes exactly 2 tensors, and here are {len(inputs)}",
            "name both in `from: [a, b]`",
        )


def axis_of(argument: str, axis: int, shape: Shape) -> int:
    """Where an axis that counts the batch stands in a shape that leaves it out."""
    rank = len(shape) + 1
    if axis in (0, -rank):
        raise Reject(
            argument,
            f"axis {axis} is the batch, which stays as it is",
            "axes are counted with the batch as axis 0; the last one is -1",
        )
    if not -rank < axis < rank:
        raise Reject(
            argument,
            f"{show(shape)} has no axis {axis}",
            f"with the batch as axis 0 the last one is {rank - 1}, or -1",
        )
    return axis % rank - 1
