"""Where a Keras file keeps each weight: by the place of its layer among those of its class."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from modelspec.exchange.keras.entries import RECURRENT
from modelspec.exchange.keras.faults import Faults
from modelspec.exchange.keras.model import MODELS, Model, Part
from modelspec.exchange.keras.sharing import Sharing
from modelspec.language.layer import Weight
from modelspec.model.graph import Graph

#: Attributes of Keras's attention layers, by the first part of our weights' names.
DENSE = {"query": "query_dense", "key": "key_dense", "value": "value_dense", "gate": "gate_dense",
         "attention_output": "output_dense"}  # fmt: skip
#: Classes that files know by another name than the layer.
CLASSES = {"GroupQueryAttention": "GroupedQueryAttention", "Parameter": "Embedding"}


class Pair(NamedTuple):
    """One weight of ours, and where Keras's file has it."""

    name: str
    weight: Weight
    place: str


class Places:
    """The places of a graph's weights; `paths` tells what the names of a part's begin with."""

    def __init__(self, graph: Graph, paths: Mapping[Part, str], sharing: Sharing) -> None:
        self.graph, self.paths, self.sharing = graph, paths, sharing

    def of_model(self, model: Model, prefix: str) -> Iterator[Pair]:
        for part, name in kept(model):
            yield from self.of_part(part, f"{prefix}layers/{name}")

    def of_part(self, part: Part, prefix: str) -> Iterator[Pair]:
        part = self.sharing.first(part)
        if part.model is not None:
            yield from self.of_model(part.model, f"{prefix}/")
            return
        if part.wrapped is not None and part.kind == "TimeDistributed":
            yield from self.of_part(part.wrapped, f"{prefix}/layer")
        counts: dict[str, int] = {}
        if part.kind == "SpectralNormalization":
            counts[""] = 0  # the kernel, which it lists as its own too
            yield from (Pair(*one, f"{prefix}/vars/0") for one in self.owned(part)[:1])
        for name, weight in self.owned(part):
            folder = folder_of(part, weight.name.rpartition(".")[0])
            at = counts[folder] = counts.get(folder, -1) + 1
            yield Pair(name, weight, f"{prefix}/{folder}vars/{at}")

    def owned(self, part: Part) -> list[tuple[str, Weight]]:
        """The weights of a layer in Keras's order: those that are trained first."""
        owner = self.graph.owners.get(self.paths.get(part, "?"))
        if owner is None:
            return []
        state = {"moving_mean", "moving_variance", "mean", "variance", "count", "vector_u",
                 "moving_stddev", "renorm_mean", "renorm_stddev"}  # fmt: skip
        return [
            (owner.name(weight), weight)
            for last in (False, True)
            for weight in owner.weights
            if (weight.name in state) == last
        ]


def kept(model: Model) -> Iterator[tuple[Part, str]]:
    """The layers of a model, and the names under which a file keeps them."""
    counts: dict[str, int] = {}
    for part in model.parts:
        if not part.is_operation and not (model.sequential and part.is_input):
            yield part, unique(snake_of(part), counts)


def folder_of(part: Part, head: str) -> str:
    """Where a layer keeps the weights whose names begin with `head.`, with a slash behind."""
    if part.kind in RECURRENT:
        return "cell/"
    if part.kind == "Bidirectional":
        side, _, rest = head.partition(".")
        inner = part.config.get("layer" if side == "forward" else "backward_layer")
        inside = Part({**(inner or part.config["layer"])}, Faults(""))
        return f"{side}_layer/{folder_of(inside, rest)}"
    if part.kind == "RNN":
        inside = Part(stacked(part.config.get("cell")), Faults(""))
        return "cell/" + (folder_of(inside, head) if inside.kind == "StackedRNNCells" else "")
    if part.kind == "StackedRNNCells":
        counts: dict[str, int] = {}
        named = [unique(snake(str(one["class_name"])), counts) for one in part.config["cells"]]
        return f"cells/{named[int(head.removeprefix('cell'))]}/"
    if part.kind == "SpectralNormalization" and head.startswith("layer"):
        assert part.wrapped is not None
        return "layer/" + folder_of(part.wrapped, head.removeprefix("layer").lstrip("."))
    hidden = "_" if part.kind == "GroupQueryAttention" or head == "gate" else ""
    return f"{hidden}{DENSE[head]}/" if head in DENSE else ""


def stacked(cell: object) -> dict[str, object]:
    if isinstance(cell, list):
        return {"class_name": "StackedRNNCells", "config": {"cells": cell}}
    return cell if isinstance(cell, dict) else {}


def snake_of(part: Part) -> str:
    """The name under which a container keeps a layer of its class."""
    return snake("Functional" if part.kind in MODELS[:2] else CLASSES.get(part.kind, part.kind))


def snake(name: str) -> str:
    """A class's name as Keras's containers spell it."""
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def unique(name: str, counts: dict[str, int]) -> str:
    """`dense`, `dense_1`, ...: as Keras counts the layers of one class."""
    count = counts[name] = counts.get(name, -1) + 1
    return f"{name}_{count}" if count else name
