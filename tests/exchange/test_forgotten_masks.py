"""Keras's MultiHeadAttention takes masks off what it reads; imported models forget them too."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers as L

import modelspec
from tests.exchange.models import randomised, text


def compared(model, folder):
    """What both predict for texts with padding at their end and within; where they begin."""
    randomised(model).save(folder / "model.keras")
    made = modelspec.import_model(folder / "model.keras", folder / "run")
    words = np.random.default_rng(0).integers(1, 20, (3, 12)).astype("int32")
    words[:, 8:] = words[0, 2] = 0
    found = modelspec.load(folder / "run").predict({"words": words})
    wanted = keras.tree.flatten(model(words))
    for mine, theirs in zip(found.values(), wanted, strict=True):
        np.testing.assert_allclose(mine, theirs.detach().numpy(), rtol=1e-5, atol=1e-5)
    return text(made)


def embedded():
    keras.utils.clear_session(free_memory=False)  # names are counted anew
    words = keras.Input((12,), dtype="int32", name="words")
    return words, L.Embedding(20, 8, mask_zero=True)(words)


def attended(x):
    return L.MultiHeadAttention(2, 4)(x, x)


def test_the_second_of_two_residual_attentions_reads_without_a_mask(tmp_path):
    words, x = embedded()
    x = L.LayerNormalization()(L.Add()([x, attended(x)]))
    x = L.LayerNormalization()(L.Add()([x, attended(x)]))
    spec = compared(keras.Model(words, x), tmp_path)
    assert "layer_normalization_unmasked: {type: ops.Cast, to: float32" in spec
    assert "`layer_normalization` has no mask any more where `multi_head_attention_1`" in spec


def test_attentions_of_their_own_normalization_keep_the_mask(tmp_path):
    words, x = embedded()
    x = L.Add()([x, attended(L.LayerNormalization()(x))])
    x = L.Add()([x, attended(L.LayerNormalization()(x))])
    spec = compared(keras.Model(words, L.GlobalAveragePooling1D()(x)), tmp_path)
    assert "unmasked" not in spec


@pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask")
def test_a_mask_inside_a_model_is_forgotten_outside_too(tmp_path):
    inside = keras.Input((12, 8))
    block = keras.Model(inside, attended(inside))
    words, x = embedded()
    first = block(x)
    compared(keras.Model(words, attended(L.Add()([x, first]))), tmp_path)


def test_a_mask_that_keras_has_in_one_place_and_lost_in_another_is_refused(tmp_path):
    words, x = embedded()
    x = L.Add()([x, attended(x)])
    x = L.Add()([x, attended(x)])
    model = keras.Model(words, L.LSTM(2)(x))
    with pytest.raises(modelspec.Rejected, match="a mask that an attention above it has lost"):
        compared(model, tmp_path)


def test_a_mean_that_keras_still_takes_by_the_lost_mask_is_spelt_out(tmp_path):
    words, x = embedded()
    for _ in range(2):
        x = L.LayerNormalization()(L.Add()([x, attended(x)]))
    spec = compared(keras.Model(words, L.GlobalAveragePooling1D(name="mean")(x)), tmp_path)
    assert (
        spec.partition("  not_equal:")[2]
        == """ {type: ops.NotEqual, x2: 0, from: words}
  mean_there: {type: ops.Cast, to: float32}
  mean_sum: {type: ops.Einsum, subscripts: "bt,btf->bf", from: [mean_there, layer_normalization_1]}
  mean_count: {type: ops.Sum, axis: 1, keepdims: true, from: mean_there}
  mean: {type: ops.Divide, from: [mean_sum, mean_count]}
outputs: [mean]
"""
    )


def test_a_dropout_hands_on_the_very_tensor_whose_mask_is_taken_off(tmp_path):
    words, x = embedded()
    x = L.Add()([x, attended(L.Dropout(0.1)(x))])
    spec = compared(keras.Model(words, attended(x)), tmp_path)
    assert "add_unmasked" in spec


@pytest.mark.nightly
@pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask")
def test_a_model_that_is_called_with_a_mask_gives_it_back(tmp_path):
    words, x = embedded()
    blocks = []
    for _ in range(2):
        inside = keras.Input((12, 8))
        blocks.append(keras.Model(inside, attended(inside)))
    both = L.Add()([blocks[0](x), blocks[1](x)])
    compared(keras.Model(words, attended(both)), tmp_path)


@pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask")
def test_whatever_runs_after_an_attention_reads_without_a_mask(tmp_path):
    words, x = embedded()
    inside = keras.Input((12, 8))
    x = keras.Model(inside, L.Dense(8)(inside))(x)  # Keras writes no masks after a model
    ends = [L.GlobalAveragePooling1D()(x), L.GlobalAveragePooling1D()(L.Multiply()([x, x]))]
    first = L.Dense(2)(L.Dense(2)(attended(x)))
    spec = compared(keras.Model(words, [*ends, first]), tmp_path)
    assert spec.count("_unmasked: {type: ops.Cast") == 1
