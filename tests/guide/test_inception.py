"""An Inception module, joined along the guide's axis."""

from __future__ import annotations

from typing import Any

from keras.layers import Conv2D, Input, MaxPooling2D, concatenate
from keras.models import Model

from tests.guide.against_keras import AgainstKeras


class TestInception(AgainstKeras):
    """Outputs and gradients at 256x256; training at 24x24."""

    spec = "inception.yaml"
    compiled = {"loss": "mse"}
    smaller = {"[256, 256, 3]": "[24, 24, 3]"}
    sizes = {"side": 24}
    samples = 1

    @staticmethod
    def model(side: int = 256) -> Any:
        input_img = Input(shape=(side, side, 3))
        tower_1 = Conv2D(64, (1, 1), padding="same", activation="relu", name="tower_1_reduce")(
            input_img
        )
        tower_1 = Conv2D(64, (3, 3), padding="same", activation="relu", name="tower_1")(tower_1)
        tower_2 = Conv2D(64, (1, 1), padding="same", activation="relu", name="tower_2_reduce")(
            input_img
        )
        tower_2 = Conv2D(64, (5, 5), padding="same", activation="relu", name="tower_2")(tower_2)
        tower_3 = MaxPooling2D((3, 3), strides=(1, 1), padding="same")(input_img)
        tower_3 = Conv2D(64, (1, 1), padding="same", activation="relu", name="tower_3")(tower_3)
        output = concatenate([tower_1, tower_2, tower_3], axis=1)
        return Model(inputs=input_img, outputs=output)
