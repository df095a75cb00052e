"""A model that adapted its vocabularies in Keras, and what it predicts on raw words: TensorFlow is
needed to make it, and the suite does not have it.

    python -m venv /tmp/tf && /tmp/tf/bin/pip install tensorflow-cpu keras==3.15.1
    /tmp/tf/bin/python tests/exchange/vocabularies/record.py

writes `words.keras` and `answers.json` beside this file.
"""

import json
import os
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf
from keras import layers as L

HERE = Path(__file__).parent
TEXTS = ["The quick brown fox, the lazy dog!", "a dog's life: no more", "école ÉCOLE fox", ""]
KINDS = ["red", "green", "blue", "red"]
SIZES = [[12, 7], [42, 12], [7, 7], [42, 42]]


def adapted(layer, data):
    layer.adapt(np.array(data))
    return layer


def model():
    text = keras.Input((1,), dtype="string", name="text")
    kind = keras.Input((1,), dtype="string", name="kind")
    size = keras.Input((2,), dtype="int64", name="size")
    words = adapted(L.TextVectorization(output_sequence_length=6, name="words"), TEXTS)
    rare = adapted(L.TextVectorization(output_mode="tf_idf", name="rare"), TEXTS)
    wide = adapted(L.TextVectorization(12, output_mode="count", pad_to_max_tokens=True,
                                       name="wide"), TEXTS)  # fmt: skip
    kinds = adapted(L.StringLookup(mask_token="", num_oov_indices=2, name="kinds"), KINDS)
    sizes = adapted(L.IntegerLookup(output_mode="multi_hot", name="sizes"), SIZES)
    given = L.StringLookup(vocabulary=["red", "blue"], name="given")
    inside = keras.Sequential(
        [keras.Input((1,), dtype="string"), adapted(L.StringLookup(name="deep"), KINDS),
         L.Embedding(6, 3), L.Flatten()], name="inside")  # fmt: skip
    parts = [
        L.GlobalAveragePooling1D()(L.Embedding(30, 4)(words(text))),
        L.Reshape((3,))(L.Dense(3)(rare(text))),
        L.Reshape((2,))(L.Dense(2)(wide(text))),
        L.Flatten()(L.Embedding(9, 3)(kinds(kind))),
        sizes(size),
        L.Flatten()(L.Embedding(4, 2)(given(kind))),
        inside(kind),
    ]
    return keras.Model([text, kind, size], L.Dense(3, name="out")(L.Concatenate()(parts)))


if __name__ == "__main__":
    keras.utils.set_random_seed(1)
    made = model()
    made.save(HERE / "words.keras")
    texts = [*TEXTS[:3], "a wholly unknown fox"]
    kinds = ["red", "mauve", "", "teal"]
    sizes = [[12, 7], [7, 99], [-1, 42], [0, 12]]
    found = made([tf.constant(texts)[:, None], tf.constant(kinds)[:, None], tf.constant(sizes)])
    answers = {"text": texts, "kind": kinds, "size": sizes, "out": found.numpy().tolist()}
    (HERE / "answers.json").write_text(json.dumps(answers) + "\n")
