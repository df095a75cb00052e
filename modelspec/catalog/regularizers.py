"""Penalties on a weight or an output, which are added to the loss."""

from __future__ import annotations

from modelspec.language.kinds import Choice, Float
from modelspec.language.shapes import Shape, show
from modelspec.language.word import Reject, Word


class Regularizer(Word):
    """A penalty on a tensor: a scalar that is added to the loss."""

    group = "regularizers"

    def misfit(self, shape: Shape) -> Reject | None:
        """Why a weight of this shape cannot be penalised so; None where it can."""
        return None

    def check_activity(self, outputs: list[Shape]) -> None:
        """Refuse what a layer gives, the batch left out, where it cannot be penalised so."""
        for shape in outputs:
            misfit = self.misfit((None, *shape))
            if misfit is not None:
                raise Reject("activity_regularizer", misfit.message, misfit.help)


class L1(Regularizer):
    """`l1 * sum(|x|)`."""

    l1 = Float("Factor.", default=0.01, min=0)


class L2(Regularizer):
    """`l2 * sum(x ** 2)`."""

    l2 = Float("Factor.", default=0.01, min=0)


class L1L2(Regularizer):
    """`l1 * sum(|x|) + l2 * sum(x ** 2)`."""

    l1 = Float("Factor of the absolute values.", default=0.0, min=0)
    l2 = Float("Factor of the squares.", default=0.0, min=0)


class OrthogonalRegularizer(Regularizer):
    """`factor` times the mean of |cosine| between a matrix's rows, or its columns."""

    factor = Float("Factor.", default=0.01, min=0)
    mode = Choice("What should be orthogonal.", "rows", "columns", default="rows")

    def misfit(self, shape: Shape) -> Reject | None:
        if len(shape) == 2:
            return None
        return Reject(
            "",
            f"`OrthogonalRegularizer` takes matrices, and this is {show(shape)}",
            "`l2` takes tensors of any shape",
        )
