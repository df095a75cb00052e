"""The guide's models in Keras 3 on its torch backend, trained by `fit`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from torch import Tensor


def mlp(keras: Any) -> Any:
    layers = keras.layers
    x = layers.Input((784,), name="inputs")
    y = layers.Dense(64, activation="relu")(layers.Dense(64, activation="relu")(x))
    y = layers.Dense(10, activation="softmax", name="predictions")(y)
    model = keras.Model(x, y)
    model.compile("rmsprop", "categorical_crossentropy", metrics=["accuracy"])
    return model


def headline(keras: Any) -> Any:
    layers = keras.layers
    words = layers.Input((100,), dtype="int32", name="main_input")
    more = layers.Input((5,), name="aux_input")
    out = layers.LSTM(32)(layers.Embedding(10000, 512)(words))
    aux = layers.Dense(1, activation="sigmoid", name="aux_output")(out)
    x = layers.Concatenate()([out, more])
    for _ in range(3):
        x = layers.Dense(64, activation="relu")(x)
    main = layers.Dense(1, activation="sigmoid", name="main_output")(x)
    model = keras.Model([words, more], {"main_output": main, "aux_output": aux})
    loss = dict.fromkeys(["main_output", "aux_output"], "binary_crossentropy")
    model.compile("rmsprop", loss, loss_weights={"main_output": 1.0, "aux_output": 0.2})
    return model


def tweets(keras: Any) -> Any:
    layers = keras.layers
    a, b = (layers.Input((280, 256), name=name) for name in ("tweet_a", "tweet_b"))
    encoder = layers.LSTM(64)
    x = layers.Concatenate()([encoder(a), encoder(b)])
    model = keras.Model([a, b], layers.Dense(1, activation="sigmoid", name="predictions")(x))
    model.compile("rmsprop", "binary_crossentropy", metrics=["accuracy"])
    return model


def same_digit(keras: Any) -> Any:
    layers = keras.layers
    image = layers.Input((27, 27, 1))
    x = layers.Conv2D(64, 3)(layers.Conv2D(64, 3)(image))
    vision = keras.Model(image, layers.Flatten()(layers.MaxPooling2D(2)(x)))
    a, b = (layers.Input((27, 27, 1), name=name) for name in ("digit_a", "digit_b"))
    x = layers.Concatenate()([vision(a), vision(b)])
    model = keras.Model([a, b], layers.Dense(1, activation="sigmoid", name="out")(x))
    model.compile("rmsprop", "binary_crossentropy", metrics=["accuracy"])
    return model


MODELS = {"mlp": mlp, "headline": headline, "tweets": tweets, "same_digit": same_digit}


def epoch_of(name: str, data: dict[str, Tensor], batch_size: int) -> Callable[[], Any]:
    """A function that trains one epoch over the data."""
    os.environ["KERAS_BACKEND"] = "torch"
    import keras

    model = MODELS[name](keras)
    arrays = {key: value.numpy() for key, value in data.items()}
    names = [tensor.name for tensor in model.inputs]
    targets = {key: value for key, value in arrays.items() if key not in names}
    inputs = [arrays[key] for key in names]
    wanted = targets if len(targets) > 1 else next(iter(targets.values()))

    def epoch() -> Any:
        return model.fit(
            inputs if len(inputs) > 1 else inputs[0],
            wanted,
            batch_size=batch_size,
            epochs=1,
            verbose=0,
        )

    return epoch
