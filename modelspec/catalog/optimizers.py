"""How gradients change weights."""

from __future__ import annotations

from modelspec.language.kinds import Bool, Either, Float, Named
from modelspec.language.word import Reject, Word

EPSILON = 1e-7


def learning_rate(default: float) -> Either:
    return Either(
        "How far a step goes; a number, or a schedule.",
        Float("", min=0),
        Named("", "schedules"),
        default=default,
    )


class Optimizer(Word):
    """A rule that changes weights by their gradients, and what it remembers of each."""

    group = "optimizers"
    learning_rate = learning_rate(0.001)
    weight_decay = Float("Share of a weight that a step takes off, per rate.", default=None, min=0)
    clipnorm = Float("Greatest norm of each weight's gradient.", default=None, above=0)
    clipvalue = Float("Greatest absolute value in a gradient.", default=None, above=0)
    global_clipnorm = Float("Greatest norm of all gradients as one.", default=None, above=0)

    def slots(self) -> tuple[str, ...]:
        """The names of what it remembers: for each weight a tensor of its shape."""
        return ()

    def check(self) -> None:
        given = [
            name
            for name in ("clipnorm", "clipvalue", "global_clipnorm")
            if self.__dict__[name] is not None
        ]
        if len(given) > 1:
            raise Reject(
                given[1], f"`{given[0]}` is given too, and one clips", f"leave `{given[1]}` out"
            )


class SGD(Optimizer):
    """Steps against the gradient, with momentum if wanted."""

    learning_rate = learning_rate(0.01)
    momentum = Float("Share of the last step that is taken again.", default=0.0, min=0, max=1)
    nesterov = Bool("Whether to look ahead along the momentum.", default=False)

    def slots(self) -> tuple[str, ...]:
        return ("momentum",) if self.momentum else ()


class RMSprop(Optimizer):
    """Divides the gradient by a running root mean square of it."""

    rho = Float("Share of the running mean that a step keeps.", default=0.9, min=0, below=1)
    momentum = Float("Share of the last step that is taken again.", default=0.0, min=0)
    epsilon = Float("Added to the mean square.", default=EPSILON, min=0)
    centered = Bool("Whether to divide by the variance instead.", default=False)
    source = (
        "Hinton, 2012, https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf"
    )

    def slots(self) -> tuple[str, ...]:
        momentum = ("momentum",) if self.momentum else ()
        return ("velocity", *momentum, *(("average_gradient",) if self.centered else ()))


class Adam(Optimizer):
    """Running means of the gradient and its square, corrected for their start at 0."""

    beta_1 = Float("Share of the mean that a step keeps.", default=0.9, min=0, below=1)
    beta_2 = Float("Share of the mean square that it keeps.", default=0.999, min=0, below=1)
    epsilon = Float("Added to the root of the mean square.", default=EPSILON, min=0)
    amsgrad = Bool("Whether to divide by the greatest mean square so far.", default=False)
    source = "Kingma and Ba, 2015, https://arxiv.org/abs/1412.6980"

    def slots(self) -> tuple[str, ...]:
        return ("momentum", "velocity", *(("velocity_hat",) if self.amsgrad else ()))


class AdamW(Optimizer):
    """Adam, with weight decay."""

    weight_decay = Float("Share of a weight that a step takes off, per rate.", default=0.004, min=0)
    beta_1 = Float("Share of the mean that a step keeps.", default=0.9, min=0, below=1)
    beta_2 = Float("Share of the mean square that it keeps.", default=0.999, min=0, below=1)
    epsilon = Float("Added to the root of the mean square.", default=EPSILON, min=0)
    amsgrad = Bool("Whether to divide by the greatest mean square so far.", default=False)
    source = "Loshchilov and Hutter, 2019, https://arxiv.org/abs/1711.05101"

    def slots(self) -> tuple[str, ...]:
        return ("momentum", "velocity", *(("velocity_hat",) if self.amsgrad else ()))


class Adagrad(Optimizer):
    """Divides the gradient by the root of the sum of all its squares."""

    initial_accumulator_value = Float("What the sum starts at.", default=0.1, min=0)
    epsilon = Float("Added to the sum.", default=EPSILON, min=0)
    source = "Duchi et al., 2011, https://jmlr.org/papers/v12/duchi11a.html"

    def slots(self) -> tuple[str, ...]:
        return ("accumulator",)
