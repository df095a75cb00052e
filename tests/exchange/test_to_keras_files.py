"""The .keras files themselves: what the command says, vocabularies, models that came from Keras."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
import torch

import modelspec
from modelspec.cli.shell import run as cli
from modelspec.engine.run import build
from modelspec.exchange.export import export, export_run
from modelspec.exchange.keras_file import file, proof
from tests.exchange.keras_models import config, imported
from tests.exchange.models import randomised

SMALL = """
inputs: {x: [4]}
layers:
  hidden: {type: Dense, units: 3, activation: tanh}
  last: {type: Dense, units: 2}
"""


@pytest.fixture
def run(tmp_path):
    return build(modelspec.check(SMALL), str(tmp_path / "run"))


def test_the_command_writes_the_file_and_says_how_it_compares(run, tmp_path, capsys):
    path = str(tmp_path / "model.keras")
    assert cli(["export", run.folder, "--to", "keras", "-o", path]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0] == path
    assert out.splitlines()[1].startswith("  last: largest difference ")
    assert err == ""


def test_the_same_run_gives_the_same_bytes(run, tmp_path):
    paths = [str(tmp_path / name / "model.keras") for name in ("one", "two")]
    for path in paths:
        export(run.folder, "keras", path)
    first, second = (Path(path).read_bytes() for path in paths)
    assert first == second


def test_without_keras_the_weights_are_compared_and_that_is_said(
    run, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(proof, "find_spec", lambda name: None)
    path = str(tmp_path / "model.keras")
    assert cli(["export", run.folder, "--to", "keras", "-o", path]) == 0
    out, err = capsys.readouterr()
    assert out == f"{path}\n"
    assert err == "note: Keras is not installed: the file was compared by its weights alone\n"


def test_a_file_whose_outputs_differ_does_not_stay(run, tmp_path, capsys, monkeypatch):
    called = proof.called
    monkeypatch.setattr(proof, "called", lambda *given: called(*given) + np.float32(1e-3))
    path = str(tmp_path / "model.keras")
    assert cli(["export", run.folder, "--to", "keras", "-o", path]) == 1
    assert "differs: nothing was written" in capsys.readouterr().out
    assert os.listdir(tmp_path) == ["run"]


def test_a_tensor_in_the_wrong_place_is_found_without_keras(run, tmp_path, monkeypatch):
    tensors = file.tensors

    def swapped(*given):
        held = tensors(*given)
        return {**held, "layers/dense/vars/1": held["layers/dense/vars/1"] + 1}

    monkeypatch.setattr(file, "tensors", swapped)
    with pytest.raises(modelspec.Rejected) as caught:
        export_run(run, "keras", str(tmp_path / "model.keras"))
    assert "`hidden.bias` is not what is read back" in str(caught.value.diagnostics[0].notes)
    assert os.listdir(tmp_path) == ["run"]


def test_h5py_that_is_missing_is_named(run, tmp_path, monkeypatch):
    import builtins

    real = builtins.__import__

    def without(name, *given, **more):
        if name == "h5py":
            raise ImportError(name)
        return real(name, *given, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(modelspec.Rejected) as caught:
        export_run(run, "keras", str(tmp_path / "model.keras"))
    assert caught.value.diagnostics[0].code == "needs-extra"
    assert "modelspec-torch[keras]" in str(caught.value.diagnostics[0].help)


TEXTS = """
inputs: {word: {shape: [2], dtype: string}}
layers:
  place: {type: StringLookup, vocabulary: [red, green, blue], output_mode: multi_hot}
  last: {type: Dense, units: 2}
"""


def test_vocabularies_lie_in_the_configuration(tmp_path):
    run = build(modelspec.check(TEXTS), str(tmp_path / "run"))
    made = export_run(run, "keras", str(tmp_path / "model.keras"))
    assert made.compared == []
    assert made.notes == [
        "Keras runs `StringLookup` on TensorFlow alone: the file was compared by its weights alone"
    ]
    layers = {one["name"]: one["config"] for one in config(tmp_path)["config"]["layers"]}
    assert layers["place"]["vocabulary"] == ["red", "green", "blue"]
    assert layers["place"]["output_mode"] == "multi_hot"
    assert layers["word"]["dtype"] == "string"
    back = imported(tmp_path).spec.body.calls[0].layer
    assert back.vocabulary == ["red", "green", "blue"]


def test_what_was_learnt_from_data_goes_along(tmp_path):
    np.savez(tmp_path / "rows.npz", x=np.arange(24.0).reshape(8, 3), y=np.zeros((8, 1)))
    spec = f"""
inputs: {{x: [3]}}
layers:
  scaled: {{type: Normalization}}
  y: {{type: Dense, units: 1}}
outputs: {{y: {{loss: mse}}}}
data: {{train: {tmp_path / "rows.npz"}}}
"""
    for _ in modelspec.train(spec, run=tmp_path / "run"):
        pass
    path = tmp_path / "model.keras"
    assert not export(str(tmp_path / "run"), "keras", str(path)).fails
    layer = keras.models.load_model(path).get_layer("scaled")
    assert layer.mean.tolist() == [[10.5, 11.5, 12.5]]


def test_a_shared_layer_of_keras_s_goes_through_both_ways(tmp_path):
    keras.utils.set_random_seed(2)
    shared = keras.layers.Dense(4, activation="tanh", name="shared")
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    gate = keras.ops.sigmoid(shared(a) * 2.0 + np.arange(4, dtype="float32"))
    read = keras.layers.Reshape((2, 2))(keras.layers.Concatenate()([gate, shared(b)])[:, 2:6])
    back = keras.layers.Bidirectional(keras.layers.GRU(3))(read)
    goes_through(keras.Model([a, b], [back, gate]), tmp_path)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("MobileNetV2", 32),
        pytest.param("ConvNeXtTiny", 32, marks=pytest.mark.nightly),
        pytest.param("ResNet50", 32, marks=pytest.mark.nightly),
        pytest.param("EfficientNetB0", 32, marks=pytest.mark.nightly),
        pytest.param("InceptionV3", 75, marks=pytest.mark.nightly),
        pytest.param("DenseNet121", 32, marks=pytest.mark.nightly),
    ],
)
def test_reference_applications_go_through_both_ways(name, size, tmp_path):
    keras.utils.set_random_seed(1)
    make = getattr(keras.applications, name)
    goes_through(make(weights=None, input_shape=(size, size, 3), classes=7), tmp_path)


def goes_through(model, folder):
    """Keras -> a run -> Keras: the same outputs."""
    randomised(model)
    model.save(folder / "theirs.keras")
    made = modelspec.import_model(folder / "theirs.keras", folder / "run")
    path = folder / "model.keras"
    exported = export(made.folder, "keras", str(path))
    assert not exported.fails, exported.compared
    again = keras.models.load_model(path)
    assert again.count_params() == model.count_params()
    inputs = [torch.randn(2, *one.shape[1:]) for one in model.inputs]
    given = inputs[0] if len(inputs) == 1 else inputs
    with torch.no_grad():
        wanted, found = (keras.tree.flatten(one(given, training=False)) for one in (model, again))
    for mine, other in zip(found, wanted, strict=True):
        scale = max(1.0, float(other.abs().max()))
        torch.testing.assert_close(mine, other, rtol=0, atol=1e-5 * scale)


def test_the_archive_is_what_keras_writes(run, tmp_path):
    path = tmp_path / "model.keras"
    export(run.folder, "keras", str(path))
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["metadata.json", "config.json", "model.weights.h5"]
    model = keras.models.load_model(path)
    model.save(tmp_path / "again.keras")
    again = keras.models.load_model(tmp_path / "again.keras")
    x = torch.randn(3, 4)
    assert torch.equal(model(x), again(x))
