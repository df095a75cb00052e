"""What an optimizer of Keras's remembers before its first step, as Keras lists it in a file.

Without it Keras loads a model all the same, with a warning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from modelspec.exchange.keras.hdf5 import Array
from modelspec.language.word import Word

#: Two tensors beside each weight, both zero, one after the other.
PAIRED = ("Adam", "AdamW", "Adamax", "Nadam", "Adadelta", "Lamb")
FOLDER = "optimizer/vars"


def fresh(optimizer: Word, weights: list[Array]) -> dict[str, Array]:
    """The tensors by their places; none for an optimizer that Keras lists in a way of its own."""
    kind, given = type(optimizer).__name__, vars(optimizer)
    if kind == "Muon":
        return {}
    listed: list[Any] = [np.int32(0)]
    if not isinstance(given["learning_rate"], Word):
        listed.append(np.float32(given["learning_rate"]))
    for key in ("use_ema", "gradient_accumulation_steps"):
        listed += map(np.zeros_like, weights) if given[key] else []
    listed += beside(kind, given, weights)
    if kind == "Nadam":
        listed.append(np.float32(1))
    return {f"{FOLDER}/{at}": np.asarray(one) for at, one in enumerate(listed)}


def beside(kind: str, given: Mapping[str, Any], weights: list[Array]) -> Iterator[Array]:
    """The tensors beside each weight."""
    start = given.get("initial_accumulator_value", 0.0)
    for weight in weights:
        zeros = np.zeros_like(weight)
        if kind == "Adafactor":
            yield from factored(weight)
        elif kind in ("Adagrad", "Ftrl"):
            yield zeros + weight.dtype.type(start)
        elif kind == "ScheduleFreeAdamW":
            yield weight
        if kind not in ("SGD", "Adagrad") or (kind == "SGD" and given["momentum"]):
            yield zeros
        if kind in PAIRED:
            yield zeros
    for key in ("amsgrad", "centered"):
        again = given.get(key)
        if kind == "RMSprop" and key == "centered" and given["momentum"]:
            yield from map(np.zeros_like, weights)
        yield from map(np.zeros_like, weights if again else [])


def factored(weight: Array) -> Iterator[Array]:
    """Rows and columns of what Adafactor keeps of a weight; numbers where it has one axis."""
    if weight.ndim < 2:
        yield from (np.asarray(np.int32(0)), np.asarray(np.int32(0)))
        return
    yield np.zeros(weight.shape[:-1], weight.dtype)
    yield np.zeros((*weight.shape[:-2], weight.shape[-1]), weight.dtype)
