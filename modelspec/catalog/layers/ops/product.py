"""Operations that sum products: matrices and Einstein's notation."""

from __future__ import annotations

from modelspec.language.kinds import Text
from modelspec.language.layer import Reject
from modelspec.language.operation import Operation, over_batches
from modelspec.language.shapes import Clash, Dim, Shape, broadcast, join, show, size


class Matmul(Operation):
    """Products of the matrices in the last two axes: (..., rows, inner) by (..., inner, columns).

    Both have the same number of axes; those in front are the same or 1.
    """

    takes = {"x1": "... rows inner", "x2": "... inner columns"}

    def shape(self, x1: Shape, x2: Shape) -> Shape:
        if len(x1) != len(x2):
            raise Reject(
                "",
                f"{show(x1)} and {show(x2)} have as many axes as each other",
                "insert {type: ops.ExpandDims, axis: ...}",
            )
        try:
            join(x1[-1], x2[-2])
        except Clash as clash:
            raise Reject(
                "", f"rows of {show(x1)} meet columns of {show(x2)}, and {clash}",
                "{type: ops.Swapaxes, axis1: -1, axis2: -2} turns one of them",
            ) from None  # fmt: skip
        return (*over_batches((x1[:-2], x2[:-2])), x1[-2], x2[-1])

    def flops(self, output: Shape, x1: Shape, x2: Shape) -> int | None:
        inner, count = x1[-1], size(output)
        return None if count is None or not isinstance(inner, int) else 2 * count * inner


class Einsum(Operation):
    """Products summed over axes, in Einstein's notation: `bij,bjk->bik`.

    Each letter is an axis, and the letters that are left out of the result are summed over. The
    first letter of every operand and of the result is the batch; `...` in front holds it too.
    """

    takes = "*..."
    subscripts = Text("An operand's axes after another's, and after `->` the result's.")

    def check(self) -> None:
        operands, result = self.terms()
        if not operands:
            raise Reject("subscripts", "the result stands after `->`", "bij,bjk->bik")
        first = "..." if result.startswith("...") else result[:1]
        for term in (*operands, result):
            letters = term.removeprefix("...")
            if not (letters.isalpha() or not letters) or not letters.isascii():
                raise Reject("subscripts", f"`{term}` is not made of letters",
                             "`...` may stand in front")  # fmt: skip
            batch_elsewhere = first != "..." and first in term[1:]
            if not first or not term.startswith(first) or batch_elsewhere:
                raise Reject(
                    "subscripts", f"every term begins with the batch, and `{term}` does not",
                    "one letter is the batch's: b in `bij,bjk->bik`",
                )  # fmt: skip

    def terms(self) -> tuple[list[str], str]:
        """The operands' axes and the result's; none where there is no result."""
        left, arrow, right = self.subscripts.replace(" ", "").partition("->")
        return (left.split(","), right) if arrow else ([], "")

    def shape(self, xs: list[Shape]) -> Shape:
        operands, result = self.terms()
        if len(operands) != len(xs):
            raise Reject("subscripts", f"it names {len(operands)} operands, and here are {len(xs)}")
        sizes: dict[str, Dim] = {}
        front: Shape = ()
        held = {len(x) - len(t) for t, x in zip(operands, xs, strict=True) if t.startswith("...")}
        for term, x in zip(operands, xs, strict=True):
            letters = term.removeprefix("...")
            open_ = len(x) + 1 - len(letters)
            if open_ < 0 or (open_ and letters == term) or (letters != term and not open_):
                raise Reject("subscripts", f"`{term}` does not fit {show(x)} and its batch")
            axes: tuple[Dim, ...] = (None, *x)
            front = broadcast(front, axes[1:open_])
            for letter, dim in zip(letters, axes[open_:], strict=True):
                sizes[letter] = self.same(letter, sizes.get(letter, dim), dim)
        if len(held) > 1:
            raise Reject("subscripts", "`...` holds as many axes of every operand, the batch first",
                         "insert {type: ops.ExpandDims, axis: 1} for the one of fewer")  # fmt: skip
        made = [self.size_of(letter, sizes) for letter in result.removeprefix("...")]
        return (*front, *made) if result.startswith("...") else tuple(made[1:])

    @staticmethod
    def same(letter: str, known: Dim, dim: Dim) -> Dim:
        try:
            return join(known, dim)
        except Clash as clash:
            raise Reject("subscripts", f"`{letter}` has one size, and {clash}") from None

    @staticmethod
    def size_of(letter: str, sizes: dict[str, Dim]) -> Dim:
        if letter not in sizes:
            raise Reject("subscripts", f"no operand has the axis `{letter}` of the result")
        return sizes[letter]
