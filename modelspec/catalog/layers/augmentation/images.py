"""What layers that change images at random share: their axes, and kinds for ranges of numbers."""

from __future__ import annotations

from typing import Any

from modelspec.catalog.spatial import axes, split
from modelspec.language.kinds import REQUIRED, Choice, Float, Int, Kind, ListOf, Mismatch
from modelspec.language.layer import Layer, Reject
from modelspec.language.shapes import Dim, Shape, show
from modelspec.source.tree import Sequence

RGB = (3,)
GREY_OR_RGB = (1, 3)


def seed() -> Int:
    return Int("Mixed into this layer's draws; null: `train.seed` alone.", default=None)


class Factor(Kind[tuple[float, float]]):
    """Two numbers to draw between, both within bounds; a single `f` stands for `floor` to `f`.

    `floor` is -1 where a single `f` stands for `-f` to `f`.
    """

    def __init__(
        self,
        doc: str,
        *,
        default: Any = REQUIRED,
        low: float = 0,
        high: float = 1,
        floor: float | None = None,
        above: float | None = None,
    ) -> None:
        super().__init__(doc, default=default)
        self.low, self.high = low, high
        self.floor = low if floor is None else floor
        self.single = Float(doc, min=low if above is None else None, max=high, above=above)
        self.pair = ListOf(doc, self.single, length=2)

    def value(self, node: Any, reader: Any, owner: Any) -> tuple[float, float]:
        if isinstance(node, Sequence):
            lower, upper = sorted(self.pair.value(node, reader, owner))
            return lower, upper
        reach = abs(self.single.value(node, reader, owner))
        return max(-reach, self.floor), reach

    def noun(self) -> str:
        return f"{self.single.noun()}, or a list of two to draw between"

    def json_schema(self) -> dict[str, Any]:
        return {"anyOf": [self.single.json_schema(), self.pair.json_schema()]}


class Reach(Factor):
    """A `Factor` of which a pair need only overlap the bounds: `[0.9, 2.0]` for contrast."""

    def __init__(self, doc: str, **more: Any) -> None:
        super().__init__(doc, **more)
        self.pair = ListOf(doc, Float(doc), length=2)

    def value(self, node: Any, reader: Any, owner: Any) -> tuple[float, float]:
        if isinstance(node, Sequence):
            first, second = self.pair.value(node, reader, owner)
            if first > self.high or second < self.low:
                raise Mismatch(f"these lie outside {self.low} to {self.high}", node)
        return super().value(node, reader, owner)


class Range(Kind[tuple[float, float]]):
    """The lowest and the highest value that images have."""

    def __init__(self) -> None:
        super().__init__("The lowest and the highest value of the images.", default=[0, 255])
        self.pair = ListOf(self.doc, Float("A value."), length=2)

    def value(self, node: Any, reader: Any, owner: Any) -> tuple[float, float]:
        low, high = sorted(self.pair.value(node, reader, owner))
        if low == high:
            raise Mismatch("these are the same", node, ("images in bytes have [0, 255]",))
        return low, high

    def noun(self) -> str:
        return "two different numbers, such as [0, 255]"

    def json_schema(self) -> dict[str, Any]:
        return self.pair.json_schema()


def interpolation() -> Choice:
    return Choice("How values between cells are found.", "bilinear", "nearest", default="bilinear")


def fill_mode(*more: str) -> Choice:
    return Choice(
        "What lies beyond the edges: the image mirrored at its edge (`reflect`), the image again "
        "(`wrap`), its last cells (`nearest`), or `fill_value` (`constant`).",
        "reflect", "wrap", "constant", "nearest", *more,
        default="reflect",
    )  # fmt: skip


def fill_value() -> Float:
    return Float("The value beyond the edges, with `fill_mode: constant`.", default=0.0)


class Augmentation(Layer):
    """Changes images at random in training; the identity in inference."""

    per_batch = True
    data_format: Any
    #: How many channels its images may have; empty where that is all one.
    counts: Any = ()

    @property
    def takes(self) -> str:
        return axes(2, self.data_format)

    def channels(self, x: Shape) -> Dim:
        return split(x, self.data_format)[1]

    def shape(self, x: Shape) -> Shape:
        channels = self.channels(x)
        if self.counts and isinstance(channels, int) and channels not in self.counts:
            counts = " or ".join(str(count) for count in self.counts)
            raise Reject(
                "",
                f"`{type(self).__name__}` takes images of {counts} channels: {show(x)} has "
                f"{channels}",
                f"with {self.data_format.replace('_', ' ')}, as `data_format` says",
            )
        return x
