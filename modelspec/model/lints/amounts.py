"""Rules on how many samples there are: batches and schedules that ask for more."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from modelspec.language.word import Word
from modelspec.model.graph import Graph
from modelspec.model.lints.findings import Finding
from modelspec.source.text import Span


def declared(graph: Graph) -> int | None:
    """How many samples are trained on, where the spec alone says it; None where files do."""
    data = graph.spec.data
    count: Any = getattr(data.train, "samples", None) if data is not None else None
    if data is None or not isinstance(count, int):
        return None
    share = data.validation
    return math.floor(count * (1 - share)) if isinstance(share, float) else count


def amounts(graph: Graph) -> Iterator[Finding]:
    """What the spec alone shows of `asked_of`."""
    yield from epochs(graph)
    count = declared(graph)
    if count is not None:
        yield from asked_of(graph, count)


def asked_of(graph: Graph, samples: int) -> Iterator[Finding]:
    """What asks for more than so many samples to train on hold."""
    yield from batch(graph, samples)
    yield from steps(graph, samples)


def batch(graph: Graph, samples: int) -> Iterator[Finding]:
    """A batch size larger than the data; the default one is nobody's wish."""
    training = graph.spec.training
    written = training.__dict__["spans"].get("batch_size") if training is not None else None
    if written is not None and training.batch_size > samples:
        yield Finding(
            "large-batch",
            "a batch is made of samples to train on",
            written,
            f"{training.batch_size:,}, and there are {samples:,}",
            by=training,
            help="a smaller `batch_size` makes more than one step of an epoch",
        )


class Ramp(NamedTuple):
    """A part of a schedule: where it is written, what it does at step `end`, and how many more
    steps that takes to show.
    """

    span: Span
    does: str
    end: int
    more: int = 0


def steps(graph: Graph, samples: int) -> Iterator[Finding]:
    """Schedules of the optimizer that end after training does."""
    training = graph.spec.training
    if training is None or not isinstance(training.optimizer.learning_rate, Word):
        return
    an_epoch = math.ceil(samples / training.batch_size)
    an_epoch = min(an_epoch, training.steps_per_epoch or an_epoch)
    updates = math.ceil(
        an_epoch * training.epochs / (training.optimizer.gradient_accumulation_steps or 1)
    )
    several = "" if training.epochs == 1 else "s"
    fact = f"{an_epoch:,} steps an epoch, {training.epochs:,} epoch{several}"
    for ramp in ramps(training.optimizer.learning_rate):
        if ramp.end + ramp.more > updates:
            yield late(ramp, updates, "updates", f"{fact}: {updates:,} updates", training)


def epochs(graph: Graph) -> Iterator[Finding]:
    """Schedules that count epochs, of which there are fewer."""
    training = graph.spec.training
    for word in training.callbacks if training is not None else ():
        if type(word).__name__ == "LearningRateScheduler":
            for ramp in ramps(word.schedule):
                if ramp.end + ramp.more > training.epochs:
                    fact = f"`epochs` is {training.epochs:,}"
                    yield late(ramp, training.epochs, "epochs", fact, training)


def late(ramp: Ramp, end: int, unit: str, fact: str, training: Any) -> Finding:
    return Finding(
        "long-schedule",
        f"a schedule that is longer than the training never {ramp.does}",
        ramp.span,
        f"at {ramp.end:,}, and training ends after {end:,} {unit}",
        by=training,
        notes=(fact,),
        help="train for more epochs, or shorten the schedule",
    )


def ramps(schedule: Any, start: int = 0) -> Iterator[Ramp]:
    """What a schedule, begun at update `start`, does and is done with at some update."""
    held, spans = schedule.__dict__, schedule.__dict__["spans"]
    place: Span = held["span"]
    name = type(schedule).__name__
    if name == "Warmup":
        end = start + schedule.steps
        yield Ramp(spans.get("steps", place), "leaves its warm-up", end, 1)
        if isinstance(schedule.schedule, Word):
            yield from ramps(schedule.schedule, end)
    elif name == "CosineDecay":
        warm = 0 if schedule.warmup_target is None else schedule.warmup_steps
        end = start + warm + schedule.decay_steps
        yield Ramp(spans.get("decay_steps", place), "comes to its end", end)
    elif name == "PolynomialDecay" and not schedule.cycle:
        end = start + schedule.decay_steps
        yield Ramp(spans.get("decay_steps", place), "comes to its end", end)
    elif name == "CosineDecayRestarts":
        end = start + schedule.first_decay_steps
        yield Ramp(spans.get("first_decay_steps", place), "comes to its first restart", end)
    elif name == "PiecewiseConstantDecay":
        last = start + schedule.boundaries[-1]
        yield Ramp(spans.get("boundaries", place), "comes to its last value", last, 2)
    elif held.get("staircase"):
        whole = start + math.ceil(schedule.decay_steps)
        yield Ramp(spans.get("decay_steps", place), "takes its first step down", whole, 1)
