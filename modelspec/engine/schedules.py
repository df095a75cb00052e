"""The catalogue's schedules, in plain Python; formulas of Keras 3."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from typing import Any

from modelspec.catalog import schedules as words
from modelspec.catalog.schedules import Schedule


def rate(schedule: Schedule | float, step: int) -> float:
    """The learning rate of an update, `step` of which have been done before it."""
    if isinstance(schedule, Schedule):
        return RATES[type(schedule)](schedule, step)
    return schedule


def exponential(word: words.ExponentialDecay, step: int) -> float:
    return word.initial_learning_rate * math.pow(word.decay_rate, periods(word, step))


def inverse_time(word: words.InverseTimeDecay, step: int) -> float:
    return word.initial_learning_rate / (1 + word.decay_rate * periods(word, step))


def periods(word: words.ExponentialDecay | words.InverseTimeDecay, step: int) -> float:
    done = step / word.decay_steps
    return math.floor(done) if word.staircase else done


def piecewise(word: words.PiecewiseConstantDecay, step: int) -> float:
    value: float = word.values[bisect_left(word.boundaries, step)]
    return value


def polynomial(word: words.PolynomialDecay, step: int) -> float:
    steps: int = word.decay_steps
    if word.cycle:
        steps *= max(1, -(-step // steps))
    left = 1 - min(step, steps) / steps
    fall = word.initial_learning_rate - word.end_learning_rate
    return fall * math.pow(left, word.power) + word.end_learning_rate


def wave(done: float, alpha: float) -> float:
    """From 1 at the start of half a cosine wave to `alpha` at its end."""
    return (1 - alpha) * 0.5 * (1 + math.cos(math.pi * done)) + alpha


def cosine(word: words.CosineDecay, step: int) -> float:
    target: Any = word.warmup_target  # may be None
    if target is None:
        return word.initial_learning_rate * wave(min(1, step / word.decay_steps), word.alpha)
    if step < word.warmup_steps:
        rise = target - word.initial_learning_rate
        return float(word.initial_learning_rate + rise * step / word.warmup_steps)
    done = min(1, (step - word.warmup_steps) / word.decay_steps)
    return float(target * wave(done, word.alpha))


def cosine_restarts(word: words.CosineDecayRestarts, step: int) -> float:
    start, length, restarts = 0.0, float(word.first_decay_steps), 0
    if word.t_mul == 1:
        restarts = int(step // length)
        start = restarts * length
    while step >= start + length:
        start, length, restarts = start + length, length * word.t_mul, restarts + 1
    high = word.m_mul**restarts
    done = (step - start) / length
    shape = 0.5 * high * (1 + math.cos(math.pi * done))
    return word.initial_learning_rate * ((1 - word.alpha) * shape + word.alpha)


def warmup(word: words.Warmup, step: int) -> float:
    if step >= word.steps:
        return rate(word.schedule, step - word.steps)
    start = word.initial_learning_rate
    return start + (rate(word.schedule, 0) - start) * step / word.steps


RATES: dict[type[Schedule], Callable[[Any, int], float]] = {
    words.ExponentialDecay: exponential,
    words.PiecewiseConstantDecay: piecewise,
    words.PolynomialDecay: polynomial,
    words.InverseTimeDecay: inverse_time,
    words.CosineDecay: cosine,
    words.CosineDecayRestarts: cosine_restarts,
    words.Warmup: warmup,
}
