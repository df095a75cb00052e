"""Losses that measure how far an output is from its target."""

from __future__ import annotations

from modelspec.catalog.losses import Loss
from modelspec.language.kinds import Bool, Float, Int
from modelspec.language.shapes import Shape, show
from modelspec.language.word import Reject


class MeanSquaredError(Loss):
    """Mean of the squared differences."""

    copies = True


class MeanAbsoluteError(Loss):
    """Mean of the absolute differences."""

    copies = True


class MeanAbsolutePercentageError(Loss):
    """Mean of the absolute differences as percentages of the targets."""

    copies = True


class MeanSquaredLogarithmicError(Loss):
    """Mean of the squared differences of `log(1 + x)`; what is below 0 counts as 0."""

    least, copies = 0, True


class LogCosh(Loss):
    """Mean of `log(cosh(difference))`: squared for small ones, absolute for large ones."""

    copies = True


class Huber(Loss):
    """Squared for small differences, absolute for large ones."""

    copies = True
    delta = Float("Where large begins.", default=1.0, above=0)
    source = "Huber, 1964, https://doi.org/10.1214/aoms/1177703732"


class Hinge(Loss):
    """`mean(max(1 - y * predicted, 0))`, with targets -1 and 1 (0 and 1 are turned into these)."""

    least, most = -1, 1


class SquaredHinge(Loss):
    """`mean(max(1 - y * predicted, 0) ** 2)`, with targets -1 and 1 (or 0 and 1)."""

    least, most = -1, 1


class CategoricalHinge(Loss):
    """`max(best wrong class - right class + 1, 0)`, with one-hot targets."""

    least, most = 0, 1


class CosineSimilarity(Loss):
    """Minus the cosine of the angle between target and output: -1 where they agree."""

    axis = Int("The axis that holds the vectors.", default=-1)


class Circle(Loss):
    """Draws vectors of one class together and pushes those of others apart, within a batch.

    Outputs are vectors of length 1; targets are class numbers. The mean is over those samples
    whose batch has others of their class.
    """

    gamma = Float("Scale of the cosines.", default=80.0)
    margin = Float("How far from perfect is enough.", default=0.4)
    remove_diagonal = Bool("Whether a sample does not count as its own like.", default=True)
    source = "Sun et al., 2020, https://arxiv.org/abs/2002.10857"

    def target(self, output: Shape, dtype: str) -> tuple[Shape, str]:
        return (), "int64"

    def misfit(self, output: Shape, activation: str | None) -> Reject | None:
        if len(output) != 1:
            return Reject("", f"`Circle` takes one vector for each sample, and this output is "
                          f"{show(output)}", "insert a `Flatten` before the output")  # fmt: skip
        return super().misfit(output, activation)
