"""Projections of a weight, done after each update."""

from __future__ import annotations

from modelspec.language.kinds import Float, Int, ListOf
from modelspec.language.shapes import Shape, show
from modelspec.language.word import Reject, Word


class Constraint(Word):
    """A projection of a weight, done after each update."""

    group = "constraints"

    def misfit(self, shape: Shape) -> Reject | None:
        """Why a weight of this shape cannot be projected so; None where it can."""
        rank = len(shape)
        axes: list[int] = self.__dict__.get("axis", [])
        inside = all(-rank <= axis < rank for axis in axes)
        if inside and len({axis % rank for axis in axes}) == len(axes):
            return None
        return Reject("axis", f"`axis` is {axes}, and this weight is {show(shape)}")


def axis() -> ListOf:
    doc = "The axis or axes that one norm is taken along: 0 for `Dense`, [0, 1, 2] for `Conv2D`."
    return ListOf(doc, Int(""), default=0, single=True, least=1)


class MaxNorm(Constraint):
    """Shrinks vectors that are longer than `max_value` to that length."""

    max_value = Float("The greatest norm.", default=2.0, min=0)
    axis = axis()
    source = "Srivastava et al., 2014, https://jmlr.org/papers/v15/srivastava14a.html"


class MinMaxNorm(Constraint):
    """Moves the lengths of vectors into a range."""

    min_value = Float("The least norm.", default=0.0, min=0)
    max_value = Float("The greatest norm.", default=1.0, min=0)
    rate = Float("How much of the way each update goes; 1 is all of it.", default=1.0)
    axis = axis()

    def check(self) -> None:
        if self.min_value > self.max_value:
            raise Reject("min_value", "`min_value` is above `max_value`", "swap them")


class NonNeg(Constraint):
    """Sets negative values to 0."""


class UnitNorm(Constraint):
    """Makes every vector one long."""

    axis = axis()
