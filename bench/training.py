"""Training the guide's models: samples a second beside hand-written PyTorch and Keras 3."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from bench import by_hand, by_keras
from bench.measure import interleaved, median_ratio, table
from modelspec.compiler import compile
from modelspec.engine import wanted
from modelspec.engine.data import prepare
from modelspec.engine.loop import Evaluated, Loop
from modelspec.engine.module import Module
from modelspec.source.text import Source


class Case(NamedTuple):
    """A spec, how many samples an epoch has, and how many of them Keras trains on."""

    name: str
    samples: int
    keras: int


CASES = [
    Case("mlp", 8192, 2048),
    Case("headline", 256, 64),
    Case("tweets", 128, 64),
    Case("same_digit", 128, 64),
]
ROUNDS, KERAS_ROUNDS = 5, 2


def ours(name: str, samples: int, settings: list[str]) -> tuple[Loop, Callable[[], object]]:
    """The spec's loop, and a function that trains one epoch of it."""
    settings = [f"data.samples={samples}", "train.epochs=1000", "train.batch_size=32", *settings]
    graph = compile(Source.read(f"specs/{name}.yaml"), settings)
    training = graph.spec.training
    made = prepare(graph.spec.data, wanted.everything(graph), training.seed)
    weights = {n: w.detach() for n, w in Module(graph, training.seed).weights().items()}
    loop = Loop(graph, weights, made.train, None)
    events = loop.run()

    def epoch() -> Any:
        return next(event for event in events if isinstance(event, Evaluated))

    return loop, epoch


def case(one: Case) -> list[str]:
    """Ours beside each of the others, in runs of their own: Keras's take longer."""
    loop, epoch = ours(one.name, one.samples, [])
    samples: Any = loop.samples
    data: dict[str, Tensor] = samples.tensors
    hand = interleaved({"ours": epoch, "other": by_hand.epoch_of(one.name, data, 32)}, ROUNDS)
    part = {name: tensor[: one.keras] for name, tensor in data.items()}
    keras = by_keras.epoch_of(one.name, part, 32)
    fit = interleaved({"ours": epoch, "other": keras}, KERAS_ROUNDS)
    rates = [
        count / statistics.median(each)
        for count, each in (
            (one.samples, hand["ours"]), (one.samples, hand["other"]), (one.keras, fit["other"])
        )
    ]  # fmt: skip
    ratios = [
        median_ratio(hand["ours"], hand["other"]),
        median_ratio(fit["ours"], fit["other"]) * one.samples / one.keras,
    ]
    return [
        one.name, f"{rates[0]:,.0f}", f"{rates[1]:,.0f}", f"{ratios[0]:.2f}",
        f"{rates[2]:,.0f}", f"{ratios[1]:.2f}",
    ]  # fmt: skip


def main() -> None:
    title = (
        f"Training, samples a second ({torch.get_num_threads()} threads; above 1, ours is faster)"
    )
    head = ["spec", "ours", "by hand", "ratio", "Keras", "ratio"]
    for number, one in enumerate(CASES):  # row by row: the whole takes minutes
        table(title if number == 0 else "", head, [case(one)])
