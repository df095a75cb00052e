"""Learning rates that change as training goes on; a step is one update of the weights."""

from __future__ import annotations

from modelspec.language.kinds import Bool, Either, Float, Int, ListOf, Named
from modelspec.language.word import Reject, Word


class Schedule(Word):
    """A learning rate for each step."""

    group = "schedules"


class ExponentialDecay(Schedule):
    """`initial_learning_rate * decay_rate ** (step / decay_steps)`."""

    initial_learning_rate = Float("The rate at the start.", min=0)
    decay_steps = Int("Steps in which the rate changes by `decay_rate`.", min=1)
    decay_rate = Float("Factor of the rate over `decay_steps`.", min=0)
    staircase = Bool("Whether it changes at multiples of `decay_steps` only.", default=False)


class PiecewiseConstantDecay(Schedule):
    """One rate up to the first boundary (and at it), the next up to the second, and so on."""

    boundaries = ListOf("Steps, each greater than the last.", Int("", min=0))
    values = ListOf("The rates: one more than there are boundaries.", Float("", min=0))

    def check(self) -> None:
        if len(self.values) != len(self.boundaries) + 1:
            given = f"{len(self.boundaries)} boundaries and {len(self.values)} values"
            raise Reject("values", f"these are {given}", "write one value more than boundaries")
        if not self.boundaries:
            raise Reject("boundaries", "there is no boundary", "a number alone is a constant rate")
        pairs = zip(self.boundaries, self.boundaries[1:], strict=False)
        if any(low >= high for low, high in pairs):
            raise Reject("boundaries", "the boundaries do not rise", "sort them")


class PolynomialDecay(Schedule):
    """From one rate to another in `decay_steps`, along `(1 - step / decay_steps) ** power`."""

    initial_learning_rate = Float("The rate at the start.", min=0)
    decay_steps = Int("Steps from the first rate to the last.", min=1)
    end_learning_rate = Float("The rate at the end, and after it.", default=0.0001, min=0)
    power = Float("1 is a straight line.", default=1.0, min=0)
    cycle = Bool("Whether to begin again, each time for longer, at the end.", default=False)


class InverseTimeDecay(Schedule):
    """`initial_learning_rate / (1 + decay_rate * step / decay_steps)`."""

    initial_learning_rate = Float("The rate at the start.", min=0)
    decay_steps = Float("Steps that make one unit of time.", above=0)
    decay_rate = Float("How fast the divisor grows.", min=0)
    staircase = Bool("Whether it changes at multiples of `decay_steps` only.", default=False)


class CosineDecay(Schedule):
    """Half a cosine wave down to `alpha` of the rate, after a straight warm-up if one is given."""

    initial_learning_rate = Float("The rate at the start (of the warm-up, if any).", min=0)
    decay_steps = Int("Steps of the decay.", min=1)
    alpha = Float("The last rate, as a share of the highest.", default=0.0, min=0)
    warmup_target = Float("The rate that the warm-up reaches; null is none.", default=None, min=0)
    warmup_steps = Int("Steps of the warm-up.", default=0, min=0)
    source = "Loshchilov and Hutter, 2017, https://arxiv.org/abs/1608.03983"


class CosineDecayRestarts(Schedule):
    """Half a cosine wave down, again and again, each wave longer than the last."""

    initial_learning_rate = Float("The rate at the start.", min=0)
    first_decay_steps = Int("Steps of the first wave.", min=1)
    t_mul = Float("How much longer each wave is.", default=2.0, min=1)
    m_mul = Float("How much higher each wave starts.", default=1.0, min=0)
    alpha = Float("The least rate, as a share of the first.", default=0.0, min=0)
    source = "Loshchilov and Hutter, 2017, https://arxiv.org/abs/1608.03983"


class Warmup(Schedule):
    """A straight line up to another schedule's first rate, and then that schedule."""

    schedule = Either(
        "The schedule that follows, from its own step 0; or a number, a constant rate.",
        Float("", min=0),
        Named("", "schedules"),
    )
    steps = Int("Steps of the warm-up.", min=1)
    initial_learning_rate = Float("The rate at the start.", default=0.0, min=0)
    source = "Goyal et al., 2017, https://arxiv.org/abs/1706.02677"
