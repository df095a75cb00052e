"""The weights of a .keras file: an HDF5 file with each tensor where Keras looks for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import Any

import numpy as np
import torch
from torch import Tensor

from modelspec.catalog.layers.constants import Parameter
from modelspec.engine.weights import trainables
from modelspec.exchange.keras.faults import Faults
from modelspec.exchange.keras.hdf5 import Array, imported
from modelspec.exchange.keras.model import Model, Part
from modelspec.exchange.keras.places import Pair, Places
from modelspec.exchange.keras.sharing import Sharing, every
from modelspec.exchange.keras_file.constants import table
from modelspec.exchange.keras_file.parts import Plain
from modelspec.model.graph import Graph

Placed = dict[str, str]  # where a tensor lies -> which weight it is


class Firsts(Places):
    """The places of weights, those of a layer that stands in several once."""

    def __init__(self, graph: Graph, model: Model, paths: Mapping[Part, str]) -> None:
        super().__init__(graph, paths, Sharing(model))
        self.met: set[Part] = set()

    def of_part(self, part: Part, prefix: str) -> Iterator[Pair]:
        first = self.sharing.first(part)
        if first not in self.met:
            self.met.add(first)
            yield from super().of_part(part, prefix)


def placed(graph: Graph, written: Plain, paths: Mapping[int, str]) -> Placed:
    """The places of the weights in a model's file; `paths` by the identity of configurations."""
    model = Part(written, Faults("")).model
    assert model is not None
    known = {part: paths[id(part.config)] for part in every(model) if id(part.config) in paths}
    return {pair.place: pair.name for pair in Firsts(graph, model, known).of_model(model, "")}


def tensors(graph: Graph, weights: Mapping[str, Tensor], places: Placed) -> dict[str, Array]:
    """The tensors of the file by their places."""
    tables = dict(tabled(graph))
    found: dict[str, Array] = {}
    for place, name in places.items():
        value = array(weights[name])
        found[place] = value.reshape(tables.get(name, value.shape))
    return found


def learned(graph: Graph, places: Placed) -> list[str]:
    """The places of the weights that training changes, each once."""
    changed = set(trainables(graph))
    first = {name: place for place, name in reversed(places.items())}
    return [place for place, name in places.items() if name in changed and first[name] == place]


def stored(held: Mapping[str, Array]) -> bytes:
    """The file; raises Rejected where h5py is not there."""
    h5py = imported()
    content = BytesIO()
    with h5py.File(content, "w") as file:
        for place, value in held.items():
            found = file.create_dataset(place, data=value)
            if value.dtype.kind == "V":
                found.attrs["dtype"] = "bfloat16"
    return content.getvalue()


def tabled(graph: Graph) -> Iterator[tuple[str, tuple[int, int]]]:
    """The weights that Keras has as tables, and the rows and columns of each."""
    for owner in graph.owners.values():
        layer = owner.definition.layer
        if isinstance(layer, Parameter):
            sizes: Any = layer.sizes
            yield from ((owner.name(weight), table(sizes)) for weight in owner.weights)


def array(value: Tensor) -> Array:
    """A tensor's numbers; those of bfloat16 as two bytes each, as Keras keeps them."""
    plain = value.detach().cpu().contiguous()
    if plain.dtype == torch.bfloat16:
        return plain.view(torch.int16).numpy().view(np.dtype("V2"))
    return np.asarray(plain.numpy())
