"""Two inputs and two losses: how often a headline is shared."""

from __future__ import annotations

from typing import Any

from keras.layers import LSTM, Dense, Embedding, Input, concatenate
from keras.models import Model

from tests.guide.against_keras import AgainstKeras


class TestHeadline(AgainstKeras):
    spec = "headline.yaml"
    compiled = {
        "optimizer": "rmsprop",
        "loss": ["binary_crossentropy", "binary_crossentropy"],  # Keras 3 wants one for each
        "loss_weights": [1.0, 0.2],
    }

    @staticmethod
    def model() -> Any:
        main_input = Input(shape=(100,), dtype="int32", name="main_input")
        x = Embedding(output_dim=512, input_dim=10000, name="embedded")(main_input)
        lstm_out = LSTM(32, name="lstm_out")(x)
        auxiliary_output = Dense(1, activation="sigmoid", name="aux_output")(lstm_out)
        auxiliary_input = Input(shape=(5,), name="aux_input")
        x = concatenate([lstm_out, auxiliary_input])
        x = Dense(64, activation="relu", name="dense_1")(x)
        x = Dense(64, activation="relu", name="dense_2")(x)
        x = Dense(64, activation="relu", name="dense_3")(x)
        main_output = Dense(1, activation="sigmoid", name="main_output")(x)
        return Model(inputs=[main_input, auxiliary_input], outputs=[main_output, auxiliary_output])
