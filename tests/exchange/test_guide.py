"""The guide's models, written in Keras: imported, the same parameters, the same outputs."""

from __future__ import annotations

import keras
import pytest

from tests.exchange.models import proved, text
from tests.guide import (
    test_conv_nodes,
    test_headline,
    test_inception,
    test_mlp,
    test_residual,
    test_same_digit,
    test_sequence_of_mlp,
    test_tweets,
    test_video_qa,
    test_vqa,
)
from tests.guide.against_keras import AgainstKeras

MODULES = (
    test_conv_nodes, test_headline, test_inception, test_mlp, test_residual, test_same_digit,
    test_sequence_of_mlp, test_tweets, test_video_qa, test_vqa,
)  # fmt: skip


def guides():
    for module in MODULES:
        for name, found in vars(module).items():
            mine = isinstance(found, type) and issubclass(found, AgainstKeras)
            if mine and found is not AgainstKeras:
                yield pytest.param(found, id=name)


@pytest.mark.parametrize("guide", list(guides()))
def test_a_model_of_the_guide_is_imported_whole(guide, tmp_path):
    keras.utils.clear_session(free_memory=False)
    proved(guide.model(**guide.sizes), tmp_path)


def test_a_layer_that_two_graphs_share_keeps_one_set_of_weights(tmp_path):
    keras.utils.clear_session(free_memory=False)
    frames, image = keras.Input((4, 5), name="frames"), keras.Input((5,), name="image")
    eye = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3)], name="eye")
    seen = keras.layers.TimeDistributed(eye, name="seen")(frames)
    merged = keras.layers.Concatenate()([keras.layers.Flatten()(seen), eye(image)])
    made = proved(keras.Model([frames, image], keras.layers.Dense(2)(merged)), tmp_path)
    assert text(made).count("use: eye") == 2
