"""Models saved by Keras 2.15, with what they predict: run once, under tensorflow-cpu 2.15.

python tests/exchange/keras2/record.py tests/exchange/keras2
"""

import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

keras, L = tf.keras, tf.keras.layers


def sequential():
    return keras.Sequential(
        [
            L.Conv2D(3, 3, activation="relu", input_shape=(6, 6, 2), name="conv/first"),
            L.BatchNormalization(),
            L.DepthwiseConv2D(2),
            L.SeparableConv2D(4, 2),
            L.MaxPooling2D(),
            L.Flatten(),
            L.Dense(3, activation="softmax", kernel_regularizer="l2"),
        ],
        name="sequential",
    )


def functional():
    image = keras.Input((5, 5, 1), name="image")
    words = keras.Input((4,), name="words", dtype="int32")
    eye = keras.Sequential([L.Conv2D(2, 3, input_shape=(5, 5, 1)), L.Flatten()], name="eye")
    a = eye(image)
    b = eye(L.Activation("tanh")(image))
    x = L.Embedding(10, 3, mask_zero=True)(words)
    s, h, c = L.LSTM(4, return_sequences=True, return_state=True)(x)
    y = L.LSTM(4, name="decoder")(x, initial_state=[h, c])
    z = L.Bidirectional(L.GRU(3))(s)
    m = L.MultiHeadAttention(2, 3)(x, x)
    t = L.TimeDistributed(L.Dense(2))(m)
    deep_in = keras.Input((18,))
    deep = keras.Model(deep_in, L.LayerNormalization()(L.Dense(3)(deep_in)), name="deep")
    merged = L.Concatenate()([deep(a), deep(b), y, z, L.Flatten()(t)])
    frozen = L.Dense(4, trainable=False, name="frozen")(merged)
    return keras.Model(
        [image, words],
        [L.Dense(2, name="kind")(frozen), L.Dense(1, name="size")(merged)],
        name="functional",
    )


def operations():
    x = keras.Input((4, 6), name="x")
    y = tf.reduce_mean((x * 2.0 + 1.0) / 3.0 - x, axis=-1, keepdims=True)
    z = tf.concat([y[:, 1:3], tf.nn.relu(x)[:, :2, :1]], -1)
    return keras.Model(x, L.Dense(2)(1.0 - z), name="operations")


def compiled(model):
    if len(model.outputs) > 1:
        model.compile(
            keras.optimizers.SGD(0.01, momentum=0.9),
            {"kind": keras.losses.CategoricalCrossentropy(from_logits=True), "size": "mse"},
            loss_weights={"size": 0.5},
            metrics={"kind": ["accuracy"]},
        )
    else:
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main(folder):
    draws = np.random.default_rng(0)
    for build in (sequential, functional, operations):
        keras.utils.set_random_seed(1)
        model = compiled(build())
        for variable in model.weights:
            value = draws.normal(0, 0.3, variable.shape)
            variable.assign(1 + np.abs(value) if "variance" in variable.name else value)
        name = model.name
        model.save(folder / f"{name}.h5", include_optimizer=False)
        if name == "sequential":
            compiled(model).save(folder / "compiled.h5")
        if name == "functional":
            model.save(folder / f"{name}.keras")
        (folder / f"{name}.json").write_text(model.to_json())
        model.save_weights(folder / f"{name}.weights.h5")
        inputs = {}
        for one in model.inputs:
            key = one.name.partition(":")[0].removesuffix("_input")
            shape = (3, *one.shape[1:])
            kind = one.dtype.name
            inputs[key] = (
                draws.integers(0, 10, shape).astype(kind)
                if "int" in kind
                else draws.normal(size=shape).astype(kind)
            )
        outputs = model(list(inputs.values()) if len(inputs) > 1 else next(iter(inputs.values())))
        outputs = outputs if isinstance(outputs, list) else [outputs]
        np.savez(
            folder / f"{name}.npz",
            **{f"in_{at}": value for at, value in enumerate(inputs.values())},
            **{f"out_{at}": value.numpy() for at, value in enumerate(outputs)},
        )


main(Path(sys.argv[1]))
