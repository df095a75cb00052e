"""A residual connection around a convolution."""

from __future__ import annotations

from typing import Any

from keras.layers import Conv2D, Input, add
from keras.models import Model

from tests.guide.against_keras import AgainstKeras


class TestResidual(AgainstKeras):
    spec = "residual.yaml"
    compiled = {"loss": "mse"}

    @staticmethod
    def model() -> Any:
        x = Input(shape=(256, 256, 3))
        y = Conv2D(3, (3, 3), padding="same", name="y")(x)
        z = add([x, y])
        return Model(inputs=x, outputs=z)
