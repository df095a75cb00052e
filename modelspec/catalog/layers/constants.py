"""Tensors that need no input: learned ones, and ones that are written down."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from modelspec.language.kinds import (
    Anything,
    Dims,
    Kind,
    constraint,
    initializer,
    regularizer,
)
from modelspec.language.layer import Layer, Reject, Weight
from modelspec.language.shapes import Shape, show
from modelspec.language.word import Word

NOTHING: dict[str, str] = {}


class Parameter(Layer):
    """A tensor that is learned: a class token, a table of positions, learned queries.

    It is called on nothing, and gives every sample the same tensor, of `shape` without the batch.
    """

    takes = NOTHING
    initializer = initializer("How it starts.", "glorot_uniform")
    regularizer = regularizer("Penalty on it.")
    constraint = constraint("Projection of it after each update.")
    #: `shape` is an argument here, and what every layer answers: the property below is both.
    arguments: ClassVar[dict[str, Kind[Any]]] = {"shape": Dims("Its shape, without the batch.")}

    @property
    def sizes(self) -> Shape:
        sizes: Shape = vars(self)["shape"]
        return sizes

    @property
    def shape(self) -> Callable[[], Shape]:
        return lambda: self.sizes

    def check(self) -> None:
        if not all(isinstance(dim, int) and dim > 0 for dim in self.sizes):
            raise Reject("shape", f"every size is known and at least 1, not {show(self.sizes)}")

    def weights(self, *inputs: Any) -> Iterator[Weight]:
        start: Word = self.initializer
        yield Weight(
            "value", self.sizes, start, regularizer=self.regularizer, constraint=self.constraint
        )

    def dtypes(self, compute: str, *inputs: Any) -> list[str]:
        return [compute]

    def flops(self, output: Shape, *inputs: Any) -> int | None:
        return 0


class Constant(Layer):
    """A tensor that is written down: a number, or lists of numbers.

    It is called on nothing, and gives every sample the same tensor. Whole numbers are int32, true
    and false are bool, all others the layer's dtype.
    """

    takes = NOTHING
    value = Anything("A number, or lists of numbers in lists of one length.")

    def check(self) -> None:
        self.measured(self.value)

    def measured(self, value: Any) -> Shape:
        """The shape of nested lists; refuses what is none."""
        if not isinstance(value, list):
            if isinstance(value, bool | int | float):
                return ()
            raise Reject("value", "a constant is made of numbers", "a number, or lists of numbers")
        shapes = {self.measured(item) for item in value}
        if not shapes:
            raise Reject("value", "a constant holds at least one number")
        if len(shapes) > 1:
            listed = " and ".join(sorted(show(shape) for shape in shapes))
            raise Reject("value", f"the lists in a list have one shape, not {listed}")
        return (len(value), *shapes.pop())

    def shape(self, *inputs: Any) -> Shape:
        return self.measured(self.value)

    def dtypes(self, compute: str, *inputs: Any) -> list[str]:
        kinds = {type(number) for number in flat(self.value)}
        return ["bool" if kinds == {bool} else "int32" if kinds == {int} else compute]

    def flops(self, output: Shape, *inputs: Any) -> int | None:
        return 0


def flat(value: Any) -> Iterator[Any]:
    """The numbers in nested lists."""
    if isinstance(value, list):
        for item in value:
            yield from flat(item)
    else:
        yield value
