"""A module as a .keras file, loaded by Keras, and both on the same inputs."""

from __future__ import annotations

import json
import warnings
import zipfile
from pathlib import Path
from typing import Any

import keras
import torch

import modelspec
from modelspec.engine.module import Module
from modelspec.exchange.export import difference
from modelspec.exchange.keras_file import file
from modelspec.exchange.random_inputs import vocabulary
from tests.exchange.export_specs import drawn

#: Of an output's largest value, or of 1 where all are smaller.
TOLERANCE = 1e-5


def loaded(module: Module, folder: Path) -> Any:
    """The model that Keras makes of the file, without a word of complaint."""
    path = str(folder / "model.keras")
    file.write(module, path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        return keras.models.load_model(path)


def outputs(model: Any, inputs: dict[str, torch.Tensor], names: list[str]) -> dict[str, Any]:
    """Keras's outputs by name; given in the order of the inputs."""
    given = list(inputs.values())
    made = model(given[0] if len(given) == 1 else given, training=False)
    if not isinstance(made, dict):
        made = dict(zip(names, keras.tree.flatten(made), strict=True))
    return {name: value.detach() for name, value in made.items()}


def proved(module: Module, folder: Path) -> Any:
    """The model in Keras, after holding its outputs to the engine's at two batch sizes; where
    samples go on from batch to batch, at two batches of their size.
    """
    model, graph = loaded(module, folder), module.graph
    for batch in (1, 3) if graph.stateful is None else (graph.batch_size, graph.batch_size):
        inputs = fitting(module, drawn(module, batch))
        with torch.no_grad():
            wanted = module(inputs)
        found = outputs(model, inputs, list(wanted))
        for name, value in wanted.items():
            theirs = found[name]
            assert theirs.shape == value.shape, name
            apart, largest = difference(value.double(), theirs.double())
            assert apart <= TOLERANCE * max(1.0, largest), (name, apart, largest)
    return model


def fitting(module: Module, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Integers that every table of the model has a row for."""
    highest = vocabulary(module.graph.program) - 1
    return {
        name: value if value.is_floating_point() or value.dtype == torch.bool
        else value.clamp(max=highest)
        for name, value in inputs.items()
    }  # fmt: skip


def config(folder: Path) -> dict[str, Any]:
    """The description in the file."""
    with zipfile.ZipFile(folder / "model.keras") as archive:
        found: dict[str, Any] = json.loads(archive.read("config.json"))
    return found


def described(folder: Path) -> dict[str, dict[str, Any]]:
    """The layers of the file by name."""
    return {one["name"]: one for one in config(folder)["config"]["layers"]}


def imported(folder: Path) -> modelspec.Graph:
    """The graph of the file, imported."""
    return modelspec.import_model(folder / "model.keras", folder / "back").graph
