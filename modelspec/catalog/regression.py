"""Metrics of how far numbers are from others: errors and correlations."""

from __future__ import annotations

from modelspec.catalog.metrics import Metric, States
from modelspec.language.kinds import Choice, Int
from modelspec.language.shapes import Shape, show
from modelspec.language.word import Reject


class MeanSquaredError(Metric):
    """Mean of the squared differences."""

    better = "min"


class MeanAbsoluteError(Metric):
    """Mean of the absolute differences."""

    better = "min"


class RootMeanSquaredError(Metric):
    """Root of the mean of the squared differences."""

    better = "min"


class MeanAbsolutePercentageError(Metric):
    """Mean of the absolute differences as percentages of the targets."""

    better = "min"


class MeanSquaredLogarithmicError(Metric):
    """Mean of the squared differences of `log(1 + x)`; what is below 0 counts as 0."""

    better = "min"


class LogCoshError(Metric):
    """Mean of `log(cosh(difference))`: squared for small ones, absolute for large ones."""

    better = "min"

    @property
    def name(self) -> str:
        return "logcosh"


def axis() -> Int:
    return Int("The axis that holds the vectors.", default=-1)


class CosineSimilarity(Metric):
    """The cosine of the angle between target and output: 1 where they agree."""

    axis = axis()


class Correlation(Metric):
    """A correlation of target and output along an axis of each sample."""

    axis = axis()

    def misfit(self, output: Shape, target: Shape) -> Reject | None:
        axis = self.axis - 1 if self.axis > 0 else self.axis + len(output)
        name = type(self).__name__
        if self.axis != 0 and 0 <= axis < len(output) and output[axis] == 1:
            return Reject(
                "",
                f"`{name}` is taken along an axis, and this one has one value",
                "`R2Score` is taken over samples",
            )
        return super().misfit(output, target)


class PearsonCorrelation(Correlation):
    """How near target and output are to a straight line: from -1 to 1."""

    source = "Pearson, 1895, https://doi.org/10.1098/rspl.1895.0041"


class ConcordanceCorrelation(Correlation):
    """How near target and output are to being equal: from -1 to 1."""

    source = "Lin, 1989, https://doi.org/10.2307/2532051"


class R2Score(Metric):
    """Share of the targets' variance that the output explains: 1 is all, 0 is what a mean does."""

    class_aggregation = Choice(
        "How the scores of several values become one; null gives each.",
        "uniform_average",
        "variance_weighted_average",
        default="uniform_average",
        null=True,
    )
    num_regressors = Int("Regressors to correct for; 0 is no correction.", default=0, min=0)

    def state(self, output: Shape) -> States:
        values = output[-1] if output else 1
        shape = (values if isinstance(values, int) else 1,)
        sums = dict.fromkeys(("sum", "squared_sum", "residual", "count"), (shape, "float64"))
        return {**sums, "samples": ((), "float64")}

    def misfit(self, output: Shape, target: Shape) -> Reject | None:
        if len(output) != 1 or not isinstance(output[0], int):
            return Reject(
                "",
                f"`R2Score` takes outputs with one axis of known size; this is {show(output)}",
                "insert a `Flatten` before the output",
            )
        return super().misfit(output, target)
