"""Files that Keras 2.15 wrote, beside what the models predicted there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import modelspec
from tests.exchange.models import text

FOLDER = Path(__file__).parent / "keras2"
FILES = [
    ("sequential.h5", None),
    ("compiled.h5", None),
    ("sequential.weights.h5", "sequential.json"),
    ("functional.h5", None),
    ("functional.keras", None),
    ("functional.weights.h5", "functional.json"),
    ("operations.h5", None),
    ("operations.weights.h5", "operations.json"),
]


@pytest.mark.parametrize(("file", "description"), FILES, ids=[one for one, _ in FILES])
def test_a_model_of_keras_2_predicts_what_it_did_there(file, description, tmp_path):
    said = None if description is None else FOLDER / description
    made = modelspec.import_model(FOLDER / file, tmp_path / "run", description=said)
    name = file.partition(".")[0].replace("compiled", "sequential")
    with np.load(FOLDER / f"{name}.npz") as held:
        inputs = [held[key] for key in held if key.startswith("in")]
        wanted = [held[key] for key in held if key.startswith("out")]
    run = modelspec.load(made.folder)
    given = dict(zip(made.graph.program.inputs, inputs, strict=True))
    for ours, theirs in zip(run.predict(given).values(), wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4 * np.abs(theirs).max())


def test_what_keras_2_compiled_comes_along(tmp_path):
    made = modelspec.import_model(FOLDER / "compiled.h5", tmp_path / "run")
    written = text(made)
    assert "saved by Keras 2.15.0" in written
    assert "{loss: sparse_categorical_crossentropy, metrics: [accuracy]}" in written
    assert "optimizer: adam" in written
