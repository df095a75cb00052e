"""Keras's configurations as words of the language: arguments that differ from their defaults."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from modelspec.catalog.layers.augmentation.images import Factor
from modelspec.catalog.words import NOWHERE, Words, find, snake
from modelspec.language.compound import Either, Entry, ListOf, Named, Sizes
from modelspec.language.kinds import REQUIRED, Kind, Mismatch, Reported
from modelspec.language.values import Int
from modelspec.language.word import Word
from modelspec.source.diagnostics import Report
from modelspec.source.tree import from_plain

#: In every configuration, and said elsewhere or nowhere.
COMMON = {"name", "trainable", "dtype", "batch_input_shape", "batch_shape", "registered_name",
          "build_config"}  # fmt: skip
#: Hints to Keras that change no number.
HINTS = {
    "implementation", "time_major", "input_length", "ragged", "sparse", "jit_compile", "fn",
    "is_legacy_optimizer", "quantization_config", "input_axes", "output_axes", "autocast",
    "lora_rank", "lora_alpha", "gptq_unpacked_column_size", "input_dtype", "function_type",
    "ema_overwrite_frequency", "loss_scale_factor", "query_shape", "key_shape",
    "value_shape",
}  # fmt: skip

Inside = Callable[[Any], Any]


class Unknown(Exception):
    """A value that the language has no word for; `what` says which."""

    def __init__(self, what: str, help: str = "") -> None:
        super().__init__(what)
        self.what, self.help = what, help


def arguments(cls: type[Word], config: dict[str, Any], inside: Inside | None = None) -> Any:
    """The arguments of a word that differ from its defaults; raises Unknown.

    `inside` writes a layer that stands in an argument.
    """
    found: dict[str, Any] = {}
    for key, value in config.items():
        kind = cls.arguments.get(key)
        if kind is None:
            if (
                key not in COMMON
                and key not in HINTS
                and FIXED.get(key) != value
                and not nothing(value)
            ):
                raise Unknown(f"its `{key}: {value!r:.60}` has no counterpart")
            continue
        plain = converted(kind, value, inside)
        if not is_default(cls, key, plain):
            found[key] = plain
    # As the catalogue lists them: what must be said first.
    return {key: found[key] for key in cls.arguments if key in found}


#: What Keras 2 writes though it can be nothing else.
FIXED = {"groups": 1}


def nothing(value: Any) -> bool:
    return value is None or value is False or value in ("", [], {})


def converted(kind: Kind[Any], value: Any, inside: Inside | None) -> Any:
    """One argument as a spec writes it."""
    value = unpacked(value)
    if value is None:
        return None
    if isinstance(kind, Named):
        linear = kind.group == "activations" and value == "linear" and kind.default is None
        return None if linear else word(kind.group, value)
    if isinstance(kind, Either) and isinstance(value, dict) and "class_name" in value:
        groups = [one.group for one in kind.kinds if isinstance(one, Named)]
        if groups:
            return word(groups[0], value)
    if inside is not None and holds_layers(kind):
        return [inside(one) for one in value] if isinstance(value, list) else inside(value)
    if isinstance(kind, Sizes) and isinstance(value, list) and len(set(map(str, value))) == 1:
        return value[0]
    if takes_one(kind) and isinstance(value, list) and len(value) == 1:
        return value[0]
    if isinstance(kind, Factor):
        value = one_sided(kind, value)
    return rounded(value)


def takes_one(kind: Kind[Any]) -> bool:
    """Whether an integer alone may stand for a list of one."""
    return isinstance(kind, Int) or (isinstance(kind, Either) and any(map(takes_one, kind.kinds)))


def one_sided(kind: Factor, value: Any) -> Any:
    """[-0.2, 0.2], which Keras makes of 0.2, as 0.2 where that stands for both."""
    if not isinstance(value, list) or len(value) != 2:
        return value
    try:
        single = kind.read(from_plain(value[1], NOWHERE), Words(Report()), Word)
    except (Mismatch, Reported):
        return value
    return value[1] if list(single) == value else value


def rounded(value: Any) -> Any:
    """Numbers that were float32 once as they were written: 0.001, not 0.0010000000474974513."""
    if isinstance(value, float):
        short = np.float32(value)
        return float(str(short)) if math.isfinite(value) and float(short) == value else value
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    return [rounded(one) for one in value] if isinstance(value, list) else value


def holds_layers(kind: Kind[Any]) -> bool:
    if isinstance(kind, Either):
        return any(map(holds_layers, kind.kinds))
    return isinstance(kind, Entry) or (isinstance(kind, ListOf) and holds_layers(kind.item))


def unpacked(value: Any) -> Any:
    """Tuples and arrays as Keras 3 writes them -> lists."""
    if isinstance(value, dict) and value.get("class_name") == "__tuple__":
        return [unpacked(one) for one in value.get("items") or value.get("config") or []]
    if isinstance(value, dict) and value.get("class_name") in ("__numpy__", "__tensor__"):
        return value.get("config", {}).get("value")
    if isinstance(value, dict) and value.get("class_name") == "SeedGenerator":
        return None
    return [unpacked(one) for one in value] if isinstance(value, list | tuple) else value


def is_default(cls: type[Word], key: str, plain: Any) -> bool:
    """Whether a value is what the argument is when it is left out."""
    kind = cls.arguments[key]
    if kind.default is REQUIRED:
        return False
    if plain is None or kind.default is None:
        return plain is kind.default
    words = Words(Report())
    try:
        return same(kind.read(from_plain(plain, NOWHERE), words, cls), words.default(cls, key))
    except (Mismatch, Reported):
        return False


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal, words by their arguments."""
    if isinstance(one, Word) and isinstance(other, Word):
        names = type(one).arguments
        return type(one) is type(other) and all(
            same(one.__dict__[name], other.__dict__[name]) for name in names
        )
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and bool(one == other)


def word(group: str, value: Any) -> Any:
    """A word of a group: its bare name, or `{type: Name, ...}` with what differs."""
    if isinstance(value, str):
        cls = find(group, value)
        if cls is None:
            raise Unknown(f"`{value}` is none of the {group} here")
        return value
    if not isinstance(value, dict) or "class_name" not in value:
        raise Unknown(f"none of the {group}: {value!r:.60}")
    name, config = str(value["class_name"]), value.get("config")
    if name == "function" and isinstance(config, str) and find(group, config):
        return config  # Keras too looks among its own functions
    if name == "function" or not isinstance(config, dict):
        code = config if isinstance(config, str) else name
        raise Unknown(f"`{code}` is a function of your own")
    cls = find(group, ACTIVATIONS.get(name, name) if group == "activations" else name)
    if cls is None or (value.get("registered_name") or "").count(">"):
        raise Unknown(f"`{name}` is none of the {group} here")
    given = arguments(cls, config)
    return {"type": cls.__name__, **given} if given else short(cls)


def short(cls: type[Word]) -> str:
    """A word with its defaults, as Keras's users write it: `rmsprop`, `binary_crossentropy`."""
    name = cls.__name__
    spellings = [one for one in (name.lower(), snake(name)) if find(cls.group, one) is cls]
    return spellings[0] if spellings else name


#: Layers that may stand for an activation.
ACTIVATIONS = {"LeakyReLU": "LeakyRelu", "ReLU": "Relu", "ELU": "Elu"}
