"""A layer of the graph as Keras configures it: its class, and every argument."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from modelspec.exchange.keras.calls import FLAGS
from modelspec.exchange.keras_file.parts import Part, Plain
from modelspec.exchange.keras_file.words import Unwritten, plain, policy
from modelspec.model.spec import Definition

#: Layers that choose their dtypes by their arguments, integers among them.
OWN_DTYPE = {"Hashing", "HashedCrossing", "IntegerLookup", "StringLookup", "TextVectorization",
             "Discretization"}  # fmt: skip
#: Layers that Keras runs on TensorFlow alone, whatever its backend.
IN_TENSORFLOW = OWN_DTYPE - {"Discretization"}
#: Layers whose configuration has no `trainable`, and one that has no `dtype` either.
BARE = {"Discretization", "HashedCrossing", "SpatialDropout1D", "SpatialDropout2D",
        "SpatialDropout3D", "Pipeline"}  # fmt: skip
NO_DTYPE = OWN_DTYPE | {"Pipeline"}
#: Arguments that change nothing on one device, and that Keras refuses on its torch backend.
ONE_DEVICE = {"synchronized"}

Inside = Callable[[Definition], Part]


class Entries:
    """Writes layers: `precision` is what they compute in, `learnt` the vocabularies by path.

    `paths` tells, for each configuration by its identity, the path that its weights' names start
    with.
    """

    def __init__(self, precision: str, learnt: Mapping[str, Any]) -> None:
        self.precision, self.learnt = precision, learnt
        self.paths: dict[int, str] = {}

    def compute(self, definition: Definition) -> str:
        """The dtype that a layer computes in."""
        return definition.dtype or self.precision

    def widened(self, dtype: str) -> str:
        """What a tensor of the graph, where floats are float32, is under the precision."""
        return self.precision if dtype == "float32" else dtype

    def frame(self, definition: Definition) -> Plain:
        """What every layer has; its name comes last, once it is known."""
        mixed = definition.dtype is None and self.precision != "float32"
        named = f"mixed_{self.precision}" if mixed else self.compute(definition)
        return {"trainable": not definition.frozen, "dtype": policy(named)}

    def config(self, definition: Definition, inside: Inside) -> Plain:
        """The configuration of a layer; `inside` writes what it wraps. Raises Unwritten."""
        layer = definition.layer
        assert layer is not None
        if getattr(layer, "foreign", False):
            raise Unwritten("it is PyTorch's, and Keras knows its own layers alone")
        made = self.frame(definition)
        for key, kinds in (("trainable", BARE), ("dtype", NO_DTYPE)):
            if type(layer).__name__ in kinds:
                del made[key]
        for key in type(layer).arguments:
            if key not in FLAGS:
                made[key] = self.argument(vars(layer)[key], inside)
        made |= dict.fromkeys(ONE_DEVICE & set(made), False)
        if isinstance(made.get("cell"), list):
            held = {**self.frame(definition), "cells": made["cell"]}
            made["cell"] = Part("stacked_rnn_cells", "keras.layers", "StackedRNNCells", held)
        made |= self.learnt.get(definition.path, {})
        respell(type(layer).__name__, made)
        self.paths[id(made)] = definition.path
        return made

    @staticmethod
    def argument(value: Any, inside: Inside) -> Any:
        if isinstance(value, Definition):
            return inside(value)
        if isinstance(value, list) and value and isinstance(value[0], Definition):
            return [inside(one) for one in value]
        return plain(value)


def respell(kind: str, config: Plain) -> None:
    """Write arguments as Keras wants them where it is narrower."""
    if kind == "UpSampling1D":
        (config["size"],) = config["size"]
    elif kind == "RandomShear":
        for key in ("x_factor", "y_factor"):
            low, high = config[key]
            config[key] = high if low == -high else [low, high]
    elif kind == "RandomPosterization":
        config["factor"] = [int(one) for one in config["factor"]]
