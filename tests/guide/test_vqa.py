"""Visual question answering: a Sequential vision model beside an LSTM."""

from __future__ import annotations

from typing import Any

from keras.layers import LSTM, Conv2D, Dense, Embedding, Flatten, Input, MaxPooling2D, concatenate
from keras.models import Model, Sequential

from tests.guide.against_keras import AgainstKeras


def parts(side: int = 224) -> tuple[Any, ...]:
    """The guide's tensors and models, which its video model takes up again."""
    vision_model = Sequential(name="vision_model")
    vision_model.add(Input(shape=(side, side, 3)))
    vision_model.add(Conv2D(64, (3, 3), activation="relu", padding="same"))
    vision_model.add(Conv2D(64, (3, 3), activation="relu"))
    vision_model.add(MaxPooling2D((2, 2)))
    vision_model.add(Conv2D(128, (3, 3), activation="relu", padding="same"))
    vision_model.add(Conv2D(128, (3, 3), activation="relu"))
    vision_model.add(MaxPooling2D((2, 2)))
    vision_model.add(Conv2D(256, (3, 3), activation="relu", padding="same"))
    vision_model.add(Conv2D(256, (3, 3), activation="relu"))
    vision_model.add(Conv2D(256, (3, 3), activation="relu"))
    vision_model.add(MaxPooling2D((2, 2)))
    vision_model.add(Flatten())

    image_input = Input(shape=(side, side, 3))
    encoded_image = vision_model(image_input)

    question_input = Input(shape=(100,), dtype="int32")
    embedded_question = Embedding(input_dim=10000, output_dim=256, name="embedded_question")(
        question_input
    )
    encoded_question = LSTM(256, name="encoded_question")(embedded_question)
    return vision_model, image_input, encoded_image, question_input, encoded_question


class TestVqa(AgainstKeras):
    """Outputs and gradients at 224x224; training at 32x32."""

    spec = "vqa.yaml"
    compiled = {"loss": "categorical_crossentropy"}
    smaller = {"[224, 224, 3]": "[32, 32, 3]"}
    sizes = {"side": 32}
    samples = 1

    @staticmethod
    def model(side: int = 224) -> Any:
        _, image_input, encoded_image, question_input, encoded_question = parts(side)
        merged = concatenate([encoded_question, encoded_image])
        output = Dense(1000, activation="softmax", name="answer")(merged)
        return Model(inputs=[image_input, question_input], outputs=output)
