"""How gradients change weights."""

from __future__ import annotations

import re

from modelspec.language.kinds import Bool, Either, Float, Int, ListOf, Named, Text
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
    use_ema = Bool(
        "Whether to keep a moving average of the weights, with which training ends.", default=False
    )
    ema_momentum = Float("Share of the average that a step keeps.", default=0.99, min=0, max=1)
    ema_overwrite_frequency = Int(
        "Updates after which the average replaces the weights; null: at the end alone.",
        default=None,
        min=1,
    )
    loss_scale_factor = Float(
        "What the loss is multiplied by, and gradients divided by; `precision: float16` finds its "
        "own.",
        default=None,
        above=0,
    )
    gradient_accumulation_steps = Int(
        "Steps that make one update, by the mean of their gradients.", default=None, min=2
    )

    def slots(self) -> tuple[str, ...]:
        """The names of what its rule remembers: for each weight a tensor of its shape."""
        return ()

    def kept(self) -> tuple[str, ...]:
        """The names of all that is remembered for each weight."""
        average = ("average",) if self.use_ema else ()
        steps = self.__dict__["gradient_accumulation_steps"]
        return (*self.slots(), *average, *(() if steps is None else ("gradient_sum",)))

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


def beta(meaning: str, default: float) -> Float:
    return Float(meaning, default=default, min=0, below=1)


class Adadelta(Optimizer):
    """Divides the gradient by its running root mean square, times that of its own steps."""

    rho = Float("Share of the running means that a step keeps.", default=0.95, min=0, below=1)
    epsilon = Float("Added to the mean squares.", default=EPSILON, min=0)
    source = "Zeiler, 2012, https://arxiv.org/abs/1212.5701"

    def slots(self) -> tuple[str, ...]:
        return ("accumulated_grad", "accumulated_delta_var")


class Adafactor(Optimizer):
    """An Adam that remembers a matrix's squares by row and column sums alone."""

    beta_2_decay = Float("Power of the step at which means grow longer.", default=-0.8)
    epsilon_1 = Float("Added to squared gradients.", default=1e-30, min=0)
    epsilon_2 = Float("Least size of weights that a step is measured by.", default=1e-3, min=0)
    clip_threshold = Float("Greatest root mean square of an update.", default=1.0, above=0)
    relative_step = Bool(
        "Whether the rate falls with the root of the step; as in Keras, it does either way.",
        default=True,
    )
    source = "Shazeer and Stern, 2018, https://arxiv.org/abs/1804.04235"

    def slots(self) -> tuple[str, ...]:
        return ("row", "column", "velocity")


class Adamax(Optimizer):
    """An Adam that divides by the greatest recent gradient in place of a root mean square."""

    beta_1 = beta("Share of the mean that a step keeps.", 0.9)
    beta_2 = beta("Share of the greatest gradient that it keeps.", 0.999)
    epsilon = Float("Added to the greatest gradient.", default=EPSILON, min=0)
    source = "Kingma and Ba, 2015, https://arxiv.org/abs/1412.6980"

    def slots(self) -> tuple[str, ...]:
        return ("momentum", "norm")


class Nadam(Optimizer):
    """An Adam that looks ahead along its momentum."""

    beta_1 = beta("Share of the mean that a step keeps.", 0.9)
    beta_2 = beta("Share of the mean square that it keeps.", 0.999)
    epsilon = Float("Added to the root of the mean square.", default=EPSILON, min=0)
    source = "Dozat, 2016, https://cs229.stanford.edu/proj2015/054_report.pdf"

    def slots(self) -> tuple[str, ...]:
        return ("momentum", "velocity")


class Ftrl(Optimizer):
    """Follows the regularized leader: for large sparse models."""

    learning_rate_power = Float("How the rate falls as gradients add up.", default=-0.5, max=0)
    initial_accumulator_value = Float("What the sum of squares starts at.", default=0.1, min=0)
    l1_regularization_strength = Float("Penalty on absolute weights.", default=0.0, min=0)
    l2_regularization_strength = Float("Penalty on squared weights.", default=0.0, min=0)
    l2_shrinkage_regularization_strength = Float(
        "Penalty on the size of squared weights, in the gradient.", default=0.0, min=0
    )
    beta = Float("Added to the penalty on squares, over twice the rate.", default=0.0)
    source = "McMahan et al., 2013, https://research.google.com/pubs/archive/41159.pdf"

    def slots(self) -> tuple[str, ...]:
        return ("accumulator", "linear")


class Lion(Optimizer):
    """Steps of one size for all: the sign of a running mean of the gradient."""

    beta_1 = Float("Share of the mean that gives the sign.", default=0.9, above=0, max=1)
    beta_2 = Float("Share of the mean that a step keeps.", default=0.99, min=0, max=1)
    source = "Chen et al., 2023, https://arxiv.org/abs/2302.06675"

    def slots(self) -> tuple[str, ...]:
        return ("momentum",)


class Lamb(Optimizer):
    """An Adam whose steps are in proportion to each weight's size: for large batches."""

    beta_1 = beta("Share of the mean that a step keeps.", 0.9)
    beta_2 = beta("Share of the mean square that it keeps.", 0.999)
    epsilon = Float("Added to the root of the mean square.", default=EPSILON, min=0)
    source = "You et al., 2020, https://arxiv.org/abs/1904.00962"

    def slots(self) -> tuple[str, ...]:
        return ("momentum", "velocity")


class Muon(Optimizer):
    """Momentum made orthogonal, for matrices; AdamW for embeddings and all other weights."""

    weight_decay = Float(
        "Share of a matrix that a step takes off, per rate.", default=0.004, min=0, null=True
    )
    adam_beta_1 = beta("For AdamW: share of the mean that a step keeps.", 0.9)
    adam_beta_2 = beta("For AdamW: share of the mean square that it keeps.", 0.999)
    adam_weight_decay = Float(
        "For AdamW: share of a weight that a step takes off, per rate.",
        default=0.004,
        min=0,
        null=True,
    )
    epsilon = Float("For AdamW: added to the root of the mean square.", default=EPSILON, min=0)
    exclude_layers = ListOf(
        "Regular expressions; AdamW takes weights whose name one of them is found in.",
        Text(""),
        default=None,
    )
    exclude_embeddings = Bool("Whether AdamW takes embeddings.", default=True)
    muon_a = Float("Factor of the matrix in a Newton-Schulz step.", default=3.4445)
    muon_b = Float("Factor of its third power.", default=-4.7750)
    muon_c = Float("Factor of its fifth power.", default=2.0315)
    adam_lr_ratio = Float("For AdamW: what the rate is multiplied by.", default=1, min=0)
    momentum = Float("Share of the momentum that a step keeps.", default=0.95, min=0)
    ns_steps = Int("Newton-Schulz steps.", default=5, min=0)
    nesterov = Bool("Whether to look ahead along the momentum.", default=True)
    rms_rate = Float(
        "A step's root mean square, per rate; null leaves the orthogonal matrix as it is.",
        default=0.2,
        null=True,
    )
    source = "Jordan et al., 2024, https://kellerjordan.github.io/posts/muon"

    def slots(self) -> tuple[str, ...]:
        return ("momentum", "velocity")

    def check(self) -> None:
        super().check()
        for pattern in self.__dict__["exclude_layers"] or ():
            try:
                re.compile(pattern)
            except re.error as error:
                fault = f"`{pattern}` is no regular expression: {error}"
                raise Reject("exclude_layers", fault, "a plain name finds itself") from None


class ScheduleFreeAdamW(Optimizer):
    """An AdamW that averages its steps, and so needs no schedule."""

    learning_rate = learning_rate(0.0025)
    beta_1 = Float(
        "Share of the average in what gradients are taken of.", default=0.9, above=0, max=1
    )
    beta_2 = beta("Share of the mean square that a step keeps.", 0.999)
    epsilon = Float("Added to the root of the mean square.", default=1e-8, min=0)
    warmup_steps = Int("Steps in which the rate rises from 0.", default=0, min=0)
    source = "Defazio et al., 2024, https://arxiv.org/abs/2405.15682"

    def slots(self) -> tuple[str, ...]:
        return ("momentum", "velocity")
