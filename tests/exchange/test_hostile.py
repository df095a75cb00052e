"""Archives that are made to hurt: refused before they cost anything, and nothing in them is run."""

from __future__ import annotations

import contextlib
import io
import json
import time
import warnings
import zipfile

import h5py
import keras
import numpy as np
import pytest
from keras import layers as L

import modelspec


@pytest.fixture
def parts(tmp_path):
    """The members of a small model's archive."""
    keras.utils.clear_session(free_memory=False)
    keras.Sequential([keras.Input((3,)), L.Dense(2)]).save(tmp_path / "small.keras")
    with zipfile.ZipFile(tmp_path / "small.keras") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path, parts, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def weights(parts, change):
    """The archive's weights after a change."""
    file = io.BytesIO(parts["model.weights.h5"])
    with h5py.File(file, "r+") as stored:
        change(stored)
    return {**parts, "model.weights.h5": file.getvalue()}


def refused(path, folder, says):
    before = time.perf_counter()
    with pytest.raises(modelspec.Rejected) as caught:
        modelspec.import_model(path, folder / "run")
    assert time.perf_counter() - before < 2
    (found,) = caught.value.diagnostics
    assert found.code == "bad-archive"
    assert says in " ".join((found.message, *found.notes))
    assert not (folder / "run").exists()


def test_an_archive_as_it_should_be_is_imported(parts, tmp_path):
    assert modelspec.import_model(write(tmp_path / "m.keras", parts), tmp_path / "run")


@pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../../x", "C:\\x", "..\\x"])
def test_a_member_that_leads_out_is_refused(name, parts, tmp_path):
    refused(write(tmp_path / "m.keras", {**parts, name: b"1"}), tmp_path, "leads out")


def test_a_member_given_twice_is_refused(parts, tmp_path):
    path = write(tmp_path / "m.keras", parts)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("config.json", b"{}")
    refused(path, tmp_path, "in it twice")


def test_a_bomb_is_refused_before_it_goes_off(parts, tmp_path):
    bomb = {**parts, "model.weights.h5": bytes(50_000_000)}
    refused(write(tmp_path / "m.keras", bomb, zipfile.ZIP_DEFLATED), tmp_path, "grows from")


def test_a_description_nested_a_thousand_deep_is_refused(parts, tmp_path):
    deep = b'{"config": ' + b"[" * 1000 + b"]" * 1000 + b"}"
    refused(write(tmp_path / "m.keras", {**parts, "config.json": deep}), tmp_path, "levels deep")


def test_models_in_models_a_hundred_deep_are_refused_or_read(tmp_path):
    inner = {"class_name": "Dense", "config": {"units": 1}}
    for depth in range(60):
        inner = {"class_name": "Sequential", "config": {"name": f"s{depth}", "layers": [inner]}}
    (tmp_path / "m.json").write_text(json.dumps(inner))
    with pytest.raises(modelspec.Rejected):
        modelspec.import_model(tmp_path / "m.json", tmp_path / "run")


KERNEL = "layers/dense/vars/0"


def soft(stored):
    del stored[KERNEL]
    stored[KERNEL] = h5py.SoftLink("/layers/dense/vars/1")


def external(stored):
    del stored[KERNEL]
    stored[KERNEL] = h5py.ExternalLink("/etc/passwd", "/x")


def elsewhere(stored):
    del stored[KERNEL]
    stored.create_dataset(KERNEL, (3, 2), "f4", external=[("/etc/passwd", 0, 24)])


def virtual(stored):
    del stored[KERNEL]
    layout = h5py.VirtualLayout((3, 2), "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (3, 2))
    stored.create_virtual_dataset(KERNEL, layout)


def huge(stored):
    del stored[KERNEL]
    stored.create_dataset(KERNEL, (1 << 40, 2), "f4", chunks=(1 << 20, 2), compression="gzip")


def circle(stored):
    stored["layers/dense/again"] = stored["layers"]


def holds(value):
    def change(stored):
        del stored[KERNEL]
        stored.create_dataset(KERNEL, data=value)

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (holds(np.full((3, 2), b"a")), "holds |S1"), (holds(np.ones((3, 2), "c8")), "complex64"),
        (holds(np.ones((3, 2), np.longdouble)), "float128"), (holds(np.zeros((3, 2), "V7")), "|V7"),
        (soft, "is a link"), (external, "is a link"), (elsewhere, "in another file"),
        (virtual, "in another file"), (huge, "has a shape of"), (circle, "inside itself"),
    ],
)  # fmt: skip
def test_tricks_of_hdf5_are_refused(change, says, parts, tmp_path):
    refused(write(tmp_path / "m.keras", weights(parts, change)), tmp_path, says)


def test_a_damaged_file_of_weights_is_refused_and_never_a_fault(parts, tmp_path):
    draws = np.random.default_rng(1)
    whole = parts["model.weights.h5"]
    for number in range(25):
        broken = bytearray(whole)
        for at in draws.integers(0, len(whole), 40):
            broken[at] = draws.integers(256)
        path = write(tmp_path / "m.keras", {**parts, "model.weights.h5": bytes(broken)})
        with contextlib.suppress(modelspec.Rejected):
            modelspec.import_model(path, tmp_path / f"run{number}")


def test_a_file_cut_short_is_refused(parts, tmp_path):
    cut = {**parts, "model.weights.h5": parts["model.weights.h5"][:-500]}
    with pytest.raises(modelspec.Rejected):
        modelspec.import_model(write(tmp_path / "m.keras", cut), tmp_path / "run")


def test_code_in_an_archive_is_not_run(parts, tmp_path):
    bait = tmp_path / "bait"
    code = f"import pathlib; pathlib.Path({str(bait)!r}).write_text('run')"
    more = {"sitecustomize.py": code, "keras/__init__.py": code, "assets/x.py": code}
    modelspec.import_model(write(tmp_path / "m.keras", {**parts, **more}), tmp_path / "run")
    assert not bait.exists()


def described(parts, old, new):
    """The archive with another description."""
    return {**parts, "config.json": parts["config.json"].replace(old, new)}


@pytest.mark.parametrize("units", [b"NaN", b"1e400", b"-2", b'"2"', b"[2, 3]"])
def test_a_number_that_is_none_is_underlined_like_any_other(units, parts, tmp_path):
    odd = described(parts, b'"units": 2', b'"units": ' + units)
    with pytest.raises(modelspec.Rejected, match="`units` of `Dense` is an integer of at least 1"):
        modelspec.import_model(write(tmp_path / "m.keras", odd), tmp_path / "run")


def test_a_model_of_a_hundred_thousand_calls_is_refused(tmp_path):
    end = ["x", 0, 0]
    layers = [{"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 2]},
               "inbound_nodes": []}]  # fmt: skip
    config = {"name": "m", "layers": layers, "input_layers": [end], "output_layers": [end] * 10**5}
    (tmp_path / "m.json").write_text(json.dumps({"class_name": "Functional", "config": config}))
    with pytest.raises(modelspec.Rejected) as caught:
        modelspec.import_model(tmp_path / "m.json", tmp_path / "run")
    assert (
        "`m` has 100,000 calls, and a model has at most 10,000"
        in caught.value.diagnostics[0].notes[0]
    )


@pytest.mark.parametrize(("place", "key"), [
    ("", "model_config"), ("", "training_config"), ("", "keras_version"),
    ("model_weights/d", "weight_names"),
])  # fmt: skip
@pytest.mark.parametrize("value", [5, np.ones(3), h5py.Empty("f4")], ids=str)
def test_an_attribute_that_is_no_text_is_refused(place, key, value, tmp_path):
    model = keras.Sequential([keras.Input((3,)), L.Dense(2, name="d")])
    model.compile("sgd", "mse")
    model.save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "r+") as stored:
        (stored[place] if place else stored).attrs[key] = value
    refused(tmp_path / "m.h5", tmp_path, f"its attribute `{key}` is no text")
