"""Operations: layers without weights, named `ops.<Name>` after the functions of keras.ops."""

from __future__ import annotations

from typing import Any, ClassVar

from modelspec.language import dtypes
from modelspec.language.kinds import Kind, Mismatch, Reader, fact
from modelspec.language.layer import Layer, Reject
from modelspec.language.shapes import Clash, Shape, broadcast, show
from modelspec.source.tree import Node, Scalar


class Constant(Kind[Any]):
    """A number, an integer apart from a float: `2` keeps integers integers, `2.0` does not."""

    def value(self, node: Node, reader: Reader, owner: Any) -> Any:
        if isinstance(node, Scalar) and isinstance(node.value, bool | int | float):
            return node.value
        raise Mismatch(fact(node), node)

    def noun(self) -> str:
        return "a number"

    def json_schema(self) -> dict[str, Any]:
        return {"type": ["number", "boolean"]}


class Operation(Layer):
    """An operation. As in Keras it counts the batch as axis 0, and masks end at it.

    Nothing here crosses from one sample to another: what would is refused.

    - `result`: the dtype that comes out. `same` is the operands' own, or what they are promoted
      to; `float` the layer's compute dtype where they are integers; `bool`, `int32` that dtype;
      `count` at least int32.
    - `refuses`: dtypes that it has no meaning for.
    """

    result: ClassVar[str] = "same"
    refuses: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.__name__ = f"ops.{cls.__name__}"

    def constants(self) -> tuple[Any, ...]:
        """Numbers among its operands, which have a say in its dtype."""
        return ()

    def working(self, compute: str, *given: str) -> str:
        """The dtype that operands are brought to."""
        kinds = [*given, *(dtypes.of_number(one, compute) for one in self.constants())]
        common = compute if any(map(dtypes.is_float, kinds)) else dtypes.promote(kinds)
        if self.result == "float" and not dtypes.is_float(common):
            return compute
        weak = any(type(one) is int for one in self.constants())
        return "int32" if common == "bool" and weak else common

    def dtypes(self, compute: str, *inputs: Any) -> list[str]:
        given = [kind for one in inputs for kind in (one if isinstance(one, list) else [one])]
        for kind in given:
            if kind in self.refuses:
                raise Reject("", f"{kind} has no meaning here", "insert {type: ops.Cast, to: ...}")
        return [self.dtype_of(self.working(compute, *given))] * len(self.returns())

    def dtype_of(self, working: str) -> str:
        """The dtype of a result, from the one that operands were brought to."""
        if self.result in ("bool", "int32"):
            return self.result
        if self.result == "count" and working in ("bool", "uint8", "uint16", "int8", "int16"):
            return "int32"
        return working


def axis_in(argument: str, axis: int, rank: int) -> int:
    """Where an axis that counts the batch stands among `rank` axes without it."""
    if axis in (0, -rank - 1):
        raise Reject(
            argument,
            f"axis {axis} is the batch, and samples do not mix",
            f"the other axes are {listed(range(1, rank + 1))}; the last one is -1"
            if rank
            else "the tensor has no other axis",
        )
    if not -rank - 1 < axis < rank + 1:
        raise Reject(
            argument,
            f"there is no axis {axis}",
            f"with the batch as axis 0 the last one is {rank}, or -1",
        )
    return axis - 1 if axis > 0 else rank + axis


def axes_in(argument: str, axes: int | list[int], rank: int) -> list[int]:
    """Several axes, or one, as `axis_in` places them."""
    given = axes if isinstance(axes, list) else [axes]
    placed = [axis_in(argument, axis, rank) for axis in given]
    if not placed:
        raise Reject(argument, "no axis is named", "name one axis, or a list of them")
    if len(set(placed)) < len(placed):
        raise Reject(argument, f"{given} names an axis twice", "name each axis once")
    return placed


def listed(axes: Any) -> str:
    return ", ".join(map(str, axes))


def over_batches(shapes: tuple[Shape, ...]) -> Shape:
    """What shapes broadcast to, batch on batch: all have as many axes as each other."""
    merged = shapes[0]
    for shape in shapes[1:]:
        if len(shape) != len(merged):
            raise Reject(
                "",
                f"{show(merged)} and {show(shape)} differ in their number of axes, and the last "
                "ones would meet: the batch of one with another axis of the other",
                "insert {type: ops.ExpandDims, axis: ...}, or use the layer Add, Multiply, ...",
            )
        try:
            merged = broadcast(merged, shape)
        except Clash as clash:
            raise Reject(
                "", f"{show(merged)} and {show(shape)} do not broadcast: {clash}",
                "sizes are the same, or 1",
            ) from None  # fmt: skip
    return merged
