"""The guide's first model: a fully connected network."""

from __future__ import annotations

from typing import Any

from keras.layers import Dense, Input
from keras.models import Model

from tests.guide.against_keras import AgainstKeras


class TestMlp(AgainstKeras):
    spec = "mlp.yaml"
    compiled = {
        "optimizer": "rmsprop",
        "loss": "categorical_crossentropy",
        "metrics": ["accuracy"],
    }

    @staticmethod
    def model() -> Any:
        inputs = Input(shape=(784,))
        x = Dense(64, activation="relu", name="hidden_1")(inputs)
        x = Dense(64, activation="relu", name="hidden_2")(x)
        predictions = Dense(10, activation="softmax", name="predictions")(x)
        return Model(inputs=inputs, outputs=predictions)
