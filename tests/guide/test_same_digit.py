"""One vision model looks at two images."""

from __future__ import annotations

from typing import Any

from keras.layers import Conv2D, Dense, Flatten, Input, MaxPooling2D, concatenate
from keras.models import Model

from tests.guide.against_keras import AgainstKeras


class TestSameDigit(AgainstKeras):
    spec = "same_digit.yaml"
    compiled = {"loss": "binary_crossentropy"}

    @staticmethod
    def model() -> Any:
        digit_input = Input(shape=(27, 27, 1))
        x = Conv2D(64, (3, 3))(digit_input)
        x = Conv2D(64, (3, 3))(x)
        x = MaxPooling2D((2, 2))(x)
        out = Flatten()(x)
        vision_model = Model(digit_input, out, name="vision_model")

        digit_a = Input(shape=(27, 27, 1))
        digit_b = Input(shape=(27, 27, 1))
        out_a = vision_model(digit_a)
        out_b = vision_model(digit_b)
        concatenated = concatenate([out_a, out_b])
        out = Dense(1, activation="sigmoid", name="out")(concatenated)
        return Model([digit_a, digit_b], out)
