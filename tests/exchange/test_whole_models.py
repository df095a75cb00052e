"""What a model holds besides its layers: structure, names, dtypes, what it was compiled with."""

from __future__ import annotations

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers as L

import modelspec
from modelspec.exchange.keras.imported import import_model
from modelspec.exchange.keras.verify import beside, verify
from tests.exchange.models import proved, randomised, text


@pytest.fixture(autouse=True)
def _fresh_names():
    keras.utils.clear_session(free_memory=False)


def lines(made):
    """The spec without its comments."""
    return "".join(one for one in text(made).splitlines(True) if not one.startswith("#"))


def test_a_sequential_model_reads_as_a_person_would_write_it(tmp_path):
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1), name="image"),
            L.Conv2D(8, 3, activation="relu"),
            L.MaxPooling2D(2),
            L.Flatten(),
            L.Dropout(0.5),
            L.Dense(10, activation="softmax", kernel_regularizer=keras.regularizers.L2(0.001)),
        ],
        name="digits",
    )
    model.compile(
        keras.optimizers.Adam(0.002), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    made = proved(model, tmp_path)
    assert (
        lines(made)
        == """
modelspec: 1
name: digits
inputs: {image: [28, 28, 1]}
layers:
  conv2d: {type: Conv2D, filters: 8, kernel_size: 3, activation: relu}
  max_pooling2d: {type: MaxPooling2D}
  flatten: {type: Flatten}
  dropout: {type: Dropout, rate: 0.5}
  dense: {type: Dense, units: 10, activation: softmax, kernel_regularizer: {type: L2, l2: 0.001}}
outputs:
  dense: {loss: sparse_categorical_crossentropy, metrics: [accuracy]}
train:
  optimizer: {type: Adam, learning_rate: 0.002}
"""
    )
    assert text(made).startswith("# Imported from model.keras, saved by Keras 3.15")


def test_the_same_file_twice_gives_the_same_bytes(tmp_path):
    path = tmp_path / "model.keras"
    keras.Sequential([keras.Input((3,)), L.Dense(2), L.Dense(1)]).save(path)
    for name in ("one", "two"):
        modelspec.import_model(path, tmp_path / name)
    names = sorted(one.name for one in (tmp_path / "one").iterdir())
    assert names == ["encoders.json", "run.json", "spec.yaml", "weights.safetensors"]
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def mixed_model():
    image = keras.Input((8, 8, 3), name="img")
    x = L.BatchNormalization()(L.Conv2D(4, 3, name="c 1")(image))
    sub = keras.Sequential([keras.Input((6, 6, 4)), L.Flatten(), L.Dense(3)], name="sub")
    a, b = sub(x), sub(L.Activation("relu")(x))
    row = L.Reshape((3, 1))
    sequence, hidden, _ = L.LSTM(5, return_state=True)(row(a))
    both = L.Bidirectional(L.GRU(3))(row(b))
    seen = L.MultiHeadAttention(2, 4)(row(a), value=row(b))
    stacked = L.RNN([L.LSTMCell(2), L.GRUCell(3)])(row(b))
    timed = L.TimeDistributed(L.Dense(3))(row(a))
    parts = [a, sequence, hidden, both, L.Flatten()(seen), stacked, L.Flatten()(timed)]
    merged = L.Concatenate(name="merged")(parts)
    return image, merged


def test_nested_models_states_cells_and_wrappers_in_one(tmp_path):
    image, merged = mixed_model()
    out = L.Dense(2, name="o")(merged)
    made = proved(keras.Model(image, {"o": out, "second": merged}, name="M"), tmp_path)
    written = text(made)
    assert "  c_1: {type: Conv2D" in written
    assert "lstm.hidden" in written
    assert written.count("use: sub") == 2
    assert written.count("use: reshape") == 6


@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_both_kinds_of_file_hold_the_same_model(ending, tmp_path, recwarn):
    image, merged = mixed_model()
    model = keras.Model(image, L.Dense(2, name="o")(merged), name="M")
    for layer in model.layers[2:5]:
        layer.trainable = False
    made = proved(model, tmp_path, ending)
    trained = sum(int(np.prod(one.shape)) for one in model.trainable_weights)
    assert made.graph.trainable_parameters == trained


def test_weights_alone_go_with_the_json_of_the_model(tmp_path):
    image, merged = mixed_model()
    model = randomised(keras.Model(image, L.Dense(2, name="o")(merged), name="M"))
    model.save_weights(tmp_path / "m.weights.h5")
    (tmp_path / "m.json").write_text(model.to_json())
    path, said = str(tmp_path / "m.weights.h5"), str(tmp_path / "m.json")
    made = import_model(path, str(tmp_path / "run"), said)
    assert not [one for one in beside(model, made.folder) if one.fails]
    assert not [one for one in verify(path, made.folder, said) if one.fails]


def test_a_json_file_alone_gives_a_spec_that_can_be_trained(tmp_path):
    model = keras.Sequential([keras.Input((3,)), L.Dense(2)], name="small")
    model.compile("sgd", "mse")
    (tmp_path / "m.json").write_text(model.to_json())
    made = import_model(str(tmp_path / "m.json"), str(tmp_path / "run"))
    assert not made.has_weights
    events = list(modelspec.train(made.folder, run=tmp_path / "trained", set=[
        "data.type=Synthetic", "data.samples=8"]))  # fmt: skip
    assert events


def test_operations_between_layers_are_entries(tmp_path):
    x = keras.Input((4, 6), name="x")
    y = keras.ops.mean(x * 2.0 + 1.0, axis=-1, keepdims=True)
    y = keras.ops.concatenate([y[:, 1:3], 1.0 - keras.ops.sqrt(keras.ops.abs(x[:, :2, :1]))], -1)
    made = proved(keras.Model(x, y), tmp_path)
    assert 'key: [":", "1:3"]' in text(made)
    assert "x1: 1.0" in text(made)


def test_models_in_models_in_models(tmp_path):
    def block(depth):
        x = keras.Input((4,), name="x")
        y = L.Dense(4, name="inner")(x)
        if depth:
            deeper = block(depth - 1)
            y = L.Add()([deeper(y), deeper(x)])
        return keras.Model(x, y, name=f"level_{depth}")

    x = keras.Input((4,))
    made = proved(keras.Model(x, block(4)(x)), tmp_path)
    assert made.graph.parameters == 5 * 20


def test_a_model_with_several_named_inputs_and_outputs(tmp_path):
    a, b = keras.Input((3,), name="v"), keras.Input((3,), name="u")
    inner = keras.Model({"v": a, "u": b}, {"s": L.Add()([a, L.Dense(3)(b)]), "t": L.Dense(2)(a)},
                        name="inner")  # fmt: skip
    p, q = keras.Input((3,), name="p"), keras.Input((3,), name="q")
    got = inner({"u": p, "v": q})
    again = inner({"v": p, "u": q})
    model = keras.Model([q, p], [got["t"], L.Subtract()([got["s"], again["s"]])])
    proved(model, tmp_path)


def test_a_mask_goes_with_its_tensor(tmp_path):
    words = keras.Input((7,), dtype="int32", name="words")
    x = L.Embedding(20, 4, mask_zero=True)(words)
    x = L.Bidirectional(L.LSTM(3, return_sequences=True))(x)
    model = keras.Model(words, L.GlobalAveragePooling1D()(x))
    proved(model, tmp_path)


def test_precision_and_dtypes_come_along(tmp_path):
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        x = keras.Input((4,))
        model = keras.Model(x, L.Dense(2, dtype="float32")(L.Dense(8, activation="relu")(x)))
    finally:
        keras.mixed_precision.set_global_policy("float32")
    path = tmp_path / "model.keras"
    model.save(path)
    made = modelspec.import_model(path, tmp_path / "run")
    assert "precision: bfloat16" in text(made)
    assert "dense: {type: Dense, units: 2, dtype: float32}" in text(made)


def test_losses_metrics_and_schedules_come_along(tmp_path):
    x = keras.Input((4,), name="x")
    model = keras.Model(x, [L.Dense(3, name="kind")(x), L.Dense(1, name="size")(x)])
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 100)
    model.compile(
        keras.optimizers.SGD(schedule, momentum=0.9, clipnorm=1.0),
        [keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1), "mse"],
        loss_weights=[1.0, 0.5],
        metrics=[["accuracy", keras.metrics.TopKCategoricalAccuracy(k=2)], ["mae"]],
    )
    written = text(proved(model, tmp_path))
    assert (
        "loss: {type: CategoricalCrossentropy, from_logits: true, label_smoothing: 0.1}" in written
    )
    assert "size: {loss: mse, loss_weight: 0.5, metrics: [mae]}" in written
    assert "type: CosineDecay" in written
    assert "momentum: 0.9" in written
    assert "{type: TopKCategoricalAccuracy, k: 2" in written


def test_a_loss_of_ones_own_is_left_out_and_said(tmp_path):
    def mine(y, p):
        return keras.ops.mean(p - y)

    model = keras.Sequential([keras.Input((3,)), L.Dense(2)])
    model.compile("sgd", mine)
    made = proved(model, tmp_path)
    assert "# Note: its loss did not come along: `mine` is a function of your own." in text(made)


WITHOUT_TORCH = """
import sys, modelspec
made = modelspec.import_model(sys.argv[1], sys.argv[2])
print(made.graph.parameters, {"torch", "keras"} & set(sys.modules))
"""


def test_reading_and_writing_needs_neither_torch_nor_keras(tmp_path):
    keras.Sequential([keras.Input((3,)), L.Dense(2)]).save(tmp_path / "m.keras")
    arguments = [sys.executable, "-c", WITHOUT_TORCH, tmp_path / "m.keras", tmp_path / "run"]
    found = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert found.stdout == "8 set()\n"


def test_the_command_line_says_what_it_made_and_compares_where_it_is_asked_to(tmp_path, run_cli):
    keras.Sequential([keras.Input((3,)), L.Dense(2)]).save(tmp_path / "m.keras")
    found = run_cli("import", "m.keras", "-o", "run", "--format", "json")
    assert found.code == 0
    assert json.loads(found.out)["parameters"] == 8
    assert run_cli("summary", "run").code == 0
    found = run_cli("import", "m.keras", "-o", "run", "--verify")
    assert found.code == 0
    assert "largest difference" in found.out


@pytest.mark.parametrize("inside", [
    lambda: L.LSTM(3, stateful=True), lambda: L.Bidirectional(L.GRU(3, stateful=True)),
    lambda: L.RNN([L.LSTMCell(3), L.GRUCell(2)], stateful=True),
], ids=["LSTM", "Bidirectional", "stack"])  # fmt: skip
def test_a_stateful_model_keeps_its_batch_and_its_order(inside, tmp_path):
    x = keras.Input((5, 2), batch_size=4, name="x")
    model = keras.Model(x, L.Dense(1, name="y")(inside()(x)))
    model.compile("sgd", "mse")
    made = proved(model, tmp_path)
    assert "x: {shape: [5, 2], batch_size: 4}" in text(made)
    assert "shuffle: false" in text(made)
    assert made.graph.batch_size == 4


def test_a_difference_over_the_tolerance_is_exit_1(tmp_path, monkeypatch, capsys):
    from modelspec.cli.import_ import command
    from modelspec.exchange.keras import verify as module

    keras.Sequential([keras.Input((3,)), L.Dense(2, name="out")]).save(tmp_path / "m.keras")
    for difference, code in ((2e-4, 1), (float("nan"), 1), (9e-5, 0)):
        seen = [module.Compared("out", difference)]
        monkeypatch.setattr(module, "verify", lambda *_, seen=seen: seen)
        given = str(tmp_path / "m.keras"), str(tmp_path / "run"), None, True, "text"
        assert command.callback(*given) == code
        assert ("differs" in capsys.readouterr().out) == bool(code)
