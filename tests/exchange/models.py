"""A Keras model and the run that it is imported to, held to each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np

import modelspec
from modelspec.exchange.keras.imported import Imported
from modelspec.exchange.keras.verify import beside


def randomised(model: Any, seed: int = 0, gamma: float = 1.0) -> Any:
    """Biases and statistics off their start too, so that a dropped or swapped tensor shows."""
    draws = np.random.default_rng(seed)
    for variable in model.weights:
        if not str(variable.dtype).startswith(("float", "bfloat")):
            continue
        value = draws.normal(0, 0.2, variable.shape)
        if "variance" in variable.name or "gamma" in variable.name:
            value = (gamma if "gamma" in variable.name else 1) + np.abs(value)
        if len(variable.shape) <= 1:
            variable.assign(value.astype("float32"))
    return model


def proved(model: Any, folder: Path, ending: str = "keras", gamma: float = 1.0) -> Imported:
    """The import of a model, after holding its parameters and outputs to Keras's."""
    keras.utils.set_random_seed(3)
    randomised(model, gamma=gamma)
    path = folder / f"model.{ending}"
    model.save(path)
    made = modelspec.import_model(path, folder / "run")
    assert made.graph.parameters == model.count_params()
    # `validate` passes on the spec, as it lies in the folder.
    assert modelspec.check(folder / "run").parameters == model.count_params()
    compared = beside(model, made.folder)
    assert len(compared) == len(keras.tree.flatten(model.outputs))
    assert not [one for one in compared if one.fails], compared
    return made


def text(made: Imported) -> str:
    """The spec that was written."""
    return Path(made.folder, "spec.yaml").read_text(encoding="utf-8")
