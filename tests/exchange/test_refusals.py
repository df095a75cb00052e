"""What cannot be imported is refused, all of it at once, with names and what to do."""

from __future__ import annotations

import contextlib
import json

import keras
import numpy as np
import pytest
from keras import layers as L

import modelspec
from modelspec.exchange.keras import hdf5
from tests.exchange.models import proved, text


@keras.saving.register_keras_serializable(package="mine")
class Twice(L.Layer):
    def call(self, x):
        return x * 2


def refused(path, folder, **more):
    with pytest.raises(modelspec.Rejected) as caught:
        modelspec.import_model(path, folder / "run", **more)
    assert not (folder / "run").exists()
    return caught.value.diagnostics


@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`")
def test_everything_that_has_no_word_is_named_at_once(tmp_path):
    x = keras.Input((4,), name="x")
    y = Twice(name="doubled")(L.Lambda(lambda t: t + 1, name="plus_one", output_shape=(4,))(x))
    y = L.Dense(2, activation=keras.saving.register_keras_serializable("mine")(lambda t: t),
               name="odd")(y)  # fmt: skip
    keras.Model(x, y).save(tmp_path / "m.keras")
    found = refused(tmp_path / "m.keras", tmp_path)
    assert {one.code for one in found} == {"keras-object"}
    told = " ".join(one.message for one in found)
    for name in ("`plus_one`", "`doubled`", "`odd`"):
        assert name in told
    assert all(one.help for one in found)


def test_a_model_of_its_own_class_is_refused(tmp_path):
    @keras.saving.register_keras_serializable(package="mine")
    class Net(keras.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.dense = L.Dense(2)

        def call(self, x):
            return self.dense(x)

    model = Net()
    model(np.zeros((1, 3), "float32"))
    model.save(tmp_path / "m.keras")
    (found,) = refused(tmp_path / "m.keras", tmp_path)
    assert "`Net` is a class of its own" in found.message
    assert "keras.Model(inputs, outputs)" in found.help[0]


def test_use_as_if_in_training_is_refused(tmp_path):
    x = keras.Input((4,))
    keras.Model(x, L.Dropout(0.5, name="always")(x, training=True)).save(tmp_path / "m.keras")
    (found,) = refused(tmp_path / "m.keras", tmp_path)
    assert "`always`" in found.message
    assert "training=True" in found.message


def test_a_mask_that_is_handed_over_is_refused(tmp_path):
    x, m = keras.Input((4, 3)), keras.Input((4,), dtype="bool")
    keras.Model([x, m], L.LSTM(2, name="reader")(x, mask=m)).save(tmp_path / "m.keras")
    (found,) = refused(tmp_path / "m.keras", tmp_path)
    assert "`reader`: it is given a `mask`" in found.message


def test_layers_of_the_reference_applications_are_known(tmp_path):
    from keras.src.applications.convnext import LayerScale, StochasticDepth
    from keras.src.applications.inception_resnet_v2 import CustomScaleLayer

    x = keras.Input((4, 4, 3))
    y = LayerScale(0.5, 3, name="scaled")(L.Conv2D(3, 1)(x))
    y = L.Add()([x, StochasticDepth(0.3, name="dropped")(y)])
    y = CustomScaleLayer(0.17, name="mixed")([y, x])
    made = proved(keras.Model(x, y), tmp_path)
    assert "noise_shape: [null, 1, 1, 1]" in text(made)


@pytest.fixture
def saved(tmp_path):
    keras.utils.clear_session(free_memory=False)
    model = keras.Sequential([keras.Input((3,)), L.Dense(2, name="a"), L.Dense(1, name="b")])
    model.save(tmp_path / "m.keras")
    model.save_weights(tmp_path / "m.weights.h5")
    (tmp_path / "m.json").write_text(model.to_json())
    return tmp_path


def test_weights_of_another_model_are_listed_on_both_sides(saved):
    other = keras.Sequential([keras.Input((3,)), L.Dense(4, name="a")])
    (saved / "other.json").write_text(other.to_json())
    (found,) = refused(saved / "m.weights.h5", saved, description=saved / "other.json")
    assert found.code == "weights-left"
    told = " ".join(found.notes)
    assert "`a.kernel` is [3, 4], and [3, 2] in the file" in told
    assert "`layers/dense_1/vars/0` [2, 1] is no weight of the spec" in told


def test_weights_alone_ask_for_the_model(saved):
    (found,) = refused(saved / "m.weights.h5", saved)
    assert "--spec model.json" in found.help[0]


def test_the_extra_is_named_where_h5py_is_missing(saved, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(modelspec.Rejected) as caught:
        hdf5.imported()
    assert caught.value.diagnostics[0].code == "needs-extra"
    assert "modelspec-torch[keras]" in caught.value.diagnostics[0].help[0]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("m.keras", b"not a zip"),
        ("m.h5", b"not hdf5"),
        ("m.json", b"{"),
        ("m.json", b"[1, 2]"),
        ("m.json", b"{}"),
        ("m.json", b'{"class_name": "Functional"}'),
        ("m.json", b'{"class_name": "Sequential", "config": {"layers": [{}]}}'),
        ("m.json", b'{"class_name": "Sequential", "config": {"layers": 7}}'),
        ("m.bin", b"what"),
    ],
)
def test_a_file_of_another_kind_is_refused(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    found = refused(tmp_path / name, tmp_path)
    assert found[0].code in ("not-keras", "bad-archive", "keras-object")


def test_a_file_that_is_not_there_is_unreadable(tmp_path):
    with pytest.raises(modelspec.Unreadable):
        modelspec.import_model(tmp_path / "none.keras", tmp_path / "run")


def test_a_damaged_description_is_refused_and_never_a_fault(saved):
    whole = json.loads((saved / "m.json").read_text())
    draws = np.random.default_rng(5)
    for number in range(60):
        broken = json.loads(json.dumps(whole))
        places = list(spots(broken))
        holder, at = places[draws.integers(len(places))]
        holder[at] = [None, 7, "odd", [], {}, -1.5, True][number % 7]
        (saved / "broken.json").write_text(json.dumps(broken))
        with contextlib.suppress(modelspec.Rejected):
            modelspec.import_model(saved / "broken.json", saved / f"run{number}")


def spots(value):
    """Every place in nested lists and mappings."""
    for at in value if isinstance(value, dict) else range(len(value)):
        yield value, at
        if isinstance(value[at], dict | list):
            yield from spots(value[at])
