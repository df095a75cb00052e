"""Models as Keras's users have them: what came out wrong, ugly or refused once."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers as L

import modelspec
from modelspec.exchange.keras.verify import TOLERANCE, beside
from tests.exchange.models import proved, text


@pytest.fixture(autouse=True)
def _fresh_names():
    keras.utils.clear_session(free_memory=False)


def written(made):
    """The spec from its layers on."""
    return text(made).partition("layers:\n")[2]


def test_an_index_with_an_ellipsis_names_every_axis(tmp_path):
    x = keras.Input((4, 6, 8), name="x")
    made = proved(keras.Model(x, [x[..., 1], x[:, ..., :2], x[:, None, ..., 0], x[..., None]]),
                  tmp_path)  # fmt: skip
    assert 'key: [":", ":", ":", 1]' in text(made)
    assert 'key: [":", null, ":", ":", 0]' in text(made)


def test_a_part_of_the_batch_is_refused_under_its_layers_name(tmp_path):
    x = keras.Input((4,), name="x")
    keras.Model(x, x[0]).save(tmp_path / "m.keras")
    with pytest.raises(modelspec.Rejected, match="`get_item`: it takes a part of the batch, `0`"):
        modelspec.import_model(tmp_path / "m.keras", tmp_path / "run")


def test_numbers_of_words_may_come_in_an_input_of_floats(tmp_path):
    """`keras.Input((9,))` before an Embedding, as older examples have it."""
    model = keras.Sequential(
        [keras.Input((9,), name="words"), L.Embedding(40, 3, mask_zero=True), L.LSTM(2)]
    )
    model.compile("sgd", "mse")
    made = proved(model, tmp_path)
    synthetic = ["data.type=Synthetic", "data.samples=8"]
    assert list(modelspec.train(made.folder, run=tmp_path / "trained", set=synthetic))
    run = modelspec.load(made.folder)
    for strange in (40.0, -1.0):
        with pytest.raises(modelspec.Rejected) as caught:
            run.predict({"words": np.full((2, 9), strange, "float32")})
        assert caught.value.diagnostics[0].notes == (
            f"sample 0: `{strange:g}` is not one of 0 to 39",
        )


def test_outputs_by_name_are_compared_by_name(tmp_path):
    """Keras gives them back sorted."""
    x = keras.Input((3,), name="x")
    sizes = {"wide": 5, "narrow": 2, "middle": 3}
    model = keras.Model(x, {name: L.Dense(size)(x) for name, size in sizes.items()})
    made = proved(model, tmp_path)
    assert [one.name for one in beside(model, made.folder)] == list(sizes)


def test_a_layer_called_twice_gives_two_outputs_with_losses_of_their_own(tmp_path):
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    head = L.Dense(2, name="head")
    model = keras.Model([a, b], [head(a), head(b)])
    model.compile("sgd", ["mse", "mae"], metrics=[["mae"], ["mse"]])
    made = proved(model, tmp_path)
    assert "head_of_a: {loss: mse, metrics: [mae]}" in text(made)
    assert "head_of_b: {loss: mae, metrics: [mse]}" in text(made)


def test_a_metric_for_each_output_goes_to_its_own(tmp_path):
    x = keras.Input((4,), name="x")
    model = keras.Model(x, [L.Dense(1, name="main")(x), L.Dense(1, name="aux")(x)])
    model.compile("adam", "mse", metrics=["mae", "RootMeanSquaredError"])
    made = proved(model, tmp_path)
    assert "main: {loss: mse, metrics: [mae]}" in text(made)
    assert "aux: {loss: mse, metrics: [RootMeanSquaredError]}" in text(made)


def test_losses_may_go_by_layers_where_outputs_have_keys(tmp_path):
    x = keras.Input((4,), name="x")
    model = keras.Model(x, {"big": L.Dense(3, name="d")(x), "small": L.Dense(2, name="e")(x)})
    model.compile("sgd", {"d": "mse", "e": "mae"}, metrics={"small": "mse"})
    made = proved(model, tmp_path)
    assert "big: {from: d, loss: mse}" in text(made)
    assert "small: {from: e, loss: mae, metrics: [mse]}" in text(made)


def test_functions_of_keras_are_its_losses_and_metrics(tmp_path):
    model = keras.Sequential([keras.Input((3,)), L.Dense(1, activation="sigmoid", name="y")])
    losses, metrics = keras.losses.binary_crossentropy, [keras.metrics.binary_accuracy]
    model.compile("sgd", losses, metrics=metrics)
    made = proved(model, tmp_path)
    assert "y: {loss: binary_crossentropy, metrics: [binary_accuracy]}" in text(made)
    assert not made.notes


def test_a_loss_that_does_not_fit_stays_behind_and_the_model_comes(tmp_path):
    x = keras.Input((3,), name="x")
    model = keras.Model(x, [L.Dense(1, name="linear")(x), L.Dense(2, name="other")(x)])
    model.compile("sgd", ["binary_crossentropy", "mse"])
    made = proved(model, tmp_path)
    assert made.notes == [
        "the loss and metrics of `linear` did not come along: `BinaryCrossentropy` takes "
        "probabilities, and this output has no activation"
    ]
    assert "linear: {}" in text(made)
    assert "other: {loss: mse}" in text(made)
    assert "optimizer: sgd" in text(made)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_is_verified_in_full_precision(policy, tmp_path):
    keras.mixed_precision.set_global_policy(policy)
    try:
        x = keras.Input((784,))
        hidden = L.Dense(32, activation="relu")(x)
        model = keras.Model(x, L.Dense(10, activation="softmax", dtype="float32")(hidden))
    finally:
        keras.mixed_precision.set_global_policy("float32")
    made = proved(model, tmp_path)
    assert f"precision: {policy.removeprefix('mixed_')}" in text(made)
    (compared,) = beside(model, made.folder)
    assert compared.tolerance == TOLERANCE


def test_entries_begin_with_what_must_be_said_and_leave_out_what_keras_spells_out(tmp_path):
    x = keras.Input((8, 8, 3), name="x")
    y = L.RandomZoom(0.2, 0.1)(L.RandomRotation(0.1)(x))
    y = L.LayerNormalization()(L.Reshape((8, 24))(y))
    y = L.Normalization(mean=1.0, variance=4.0)(L.LSTM(4, return_sequences=True)(y))
    made = proved(keras.Model(x, y), tmp_path)
    assert (
        written(made)
        == """\
  random_rotation: {type: RandomRotation, factor: 0.1}
  random_zoom: {type: RandomZoom, height_factor: 0.2, width_factor: 0.1}
  reshape: {type: Reshape, target_shape: [8, 24]}
  layer_normalization: {type: LayerNormalization}
  lstm: {type: LSTM, units: 4, return_sequences: true}
  normalization: {type: Normalization, mean: 1.0, variance: 4.0}
outputs: [normalization]
"""
    )


def test_outputs_of_models_that_are_called_have_their_names(tmp_path):
    z = keras.Input((4,), name="z")
    generator = keras.Sequential([L.Dense(3)], name="generator")
    discriminator = keras.Sequential([L.Dense(1)], name="discriminator")
    model = keras.Model(z, discriminator(generator(z)), name="gan")
    model.compile("adam", "mse")
    made = proved(model, tmp_path)
    assert (
        written(made).partition("layers:\n")[2].partition("layers:\n")[2]
        == """\
  generator_of_z: {use: generator}
  discriminator_of_generator: {use: discriminator}
outputs:
  discriminator: {from: discriminator_of_generator, loss: mse}
train: {optimizer: adam}
"""
    )


def translating(decoder, states, after):
    """A model that reads one text, and writes another from the state that this left."""
    source, target = (keras.Input((n,), dtype="int32", name=f"w{n}") for n in (5, 6))
    first = L.LSTM(4)(L.Embedding(9, 4, mask_zero=True)(source))
    read = L.Embedding(9, 4, mask_zero=True, name="words")(target)
    return keras.Model([source, target], after(decoder(read, initial_state=[first] * states)))


@pytest.mark.parametrize(("reads", "states"), [
    (lambda: L.LSTM(4, return_sequences=True), 2), (lambda: L.GRU(4, return_sequences=True), 1),
    (lambda: L.Bidirectional(L.GRU(4, return_sequences=True)), 2),
], ids=["LSTM", "GRU", "Bidirectional"])  # fmt: skip
def test_a_decoder_that_is_given_a_state_reads_what_is_masked(reads, states, tmp_path):
    """Keras 3 hands no mask to a layer that is called on two tensors."""
    model = translating(reads(), states, L.Dense(3, name="next"))
    made = proved(model, tmp_path)
    assert "the loss of `next` counts masked steps, which Keras leaves out" in made.notes
    draws = np.random.default_rng(0)
    words = [draws.integers(1, 9, (3, n)).astype("int32") for n in (5, 6)]
    words[0][:, 3:] = words[1][:2, :2] = words[1][2, 4:] = 0
    found = modelspec.load(made.folder).predict(dict(zip(("w5", "w6"), words, strict=True)))
    wanted = model(words).detach().numpy()
    np.testing.assert_allclose(found["next"], wanted, rtol=1e-5, atol=1e-5)


def test_what_reads_by_the_mask_that_such_a_decoder_hands_on_is_refused(tmp_path):
    decoder = L.GRU(4, return_sequences=True)
    translating(decoder, 1, L.LSTM(2, name="reader")).save(tmp_path / "m.keras")
    with pytest.raises(modelspec.Rejected, match="`reader`: Keras hands it a mask that a layer"):
        modelspec.import_model(tmp_path / "m.keras", tmp_path / "run")
