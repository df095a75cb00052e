"""Layers that bring raw values into range."""

from __future__ import annotations

from modelspec.language.kinds import Either, Float, ListOf
from modelspec.language.layer import Layer, Reject
from modelspec.language.shapes import Shape, size


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
