"""Words of the language as Keras writes them: objects of a module, with a configuration."""

from __future__ import annotations

from typing import Any

from modelspec.catalog.words import snake
from modelspec.exchange.keras_file.parts import Plain
from modelspec.language.word import Word

MODULES = {
    "initializers": "keras.initializers", "regularizers": "keras.regularizers",
    "constraints": "keras.constraints", "losses": "keras.losses", "metrics": "keras.metrics",
    "optimizers": "keras.optimizers", "schedules": "keras.optimizers.schedules",
}  # fmt: skip
#: Activations with arguments: Keras's functions have none, its operations and layers do.
LAYERS = {"Relu": "ReLU"}


class Unwritten(Exception):
    """What Keras has no word for; the text says why."""


def instance(module: str, kind: str, config: Plain) -> Plain:
    """An object of Keras's."""
    return {"module": module, "class_name": kind, "config": config, "registered_name": None}


def operation(module: str, kind: str, config: Plain) -> Plain:
    """An object of a class that Keras does not export: operations are such."""
    return {**instance(f"keras.src.ops.{module}", kind, config), "registered_name": kind}


def policy(name: str) -> Plain:
    """The dtypes of a layer, `float32` or `mixed_bfloat16`."""
    return instance("keras", "DTypePolicy", {"name": name})


def plain(value: Any) -> Any:
    """A value as JSON has it, words as objects of Keras's."""
    if isinstance(value, Word):
        return word(value)
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    return value


def word(value: Word) -> Any:
    """A word: an activation by its name where it has no arguments of its own."""
    if value.group == "activations":
        return activation(value)
    kind = type(value).__name__
    if kind == "Warmup":
        raise Unwritten("Keras has no schedule `Warmup`; CosineDecay has `warmup_steps`")
    if kind == "UnitForgetBias":
        raise Unwritten("Keras has no initializer `UnitForgetBias`")
    return instance(MODULES[value.group], kind, arguments(value))


def arguments(value: Word) -> Plain:
    """Every argument of a word."""
    return {key: plain(vars(value)[key]) for key in type(value).arguments}


def activation(value: Word) -> Any:
    kind = type(value).__name__
    given = {key: vars(value)[key] for key in type(value).arguments}
    if all(type(value).arguments[key].default == one for key, one in given.items()):
        return snake(kind)
    if kind in LAYERS:
        return instance("keras.layers", LAYERS[kind], given)
    return operation("nn", kind, given)
