"""Video question answering: the parts of the image model, used again with their weights."""

from __future__ import annotations

from typing import Any

import pytest
from keras.layers import LSTM, Dense, Input, TimeDistributed, concatenate
from keras.models import Model

from tests.guide.against_keras import AgainstKeras, Twins
from tests.guide.test_vqa import parts


class TestVideoQa(AgainstKeras):
    """Shapes and parameters at 100 frames of 224x224; numbers at 2 frames of 32x32."""

    spec = "video_qa.yaml"
    compiled = {"loss": "categorical_crossentropy"}
    places = {"encoded_frames": "vqa.vision_model", "question_encoder": "vqa"}
    smaller = {"[224, 224, 3]": "[32, 32, 3]", "[100, 224, 224, 3]": "[2, 32, 32, 3]"}
    sizes = {"side": 32, "frames": 2}
    samples = 1

    @pytest.fixture(scope="class")
    @classmethod
    def compared(cls, tmp_path_factory: pytest.TempPathFactory) -> Twins:
        return cls.pair(cls.shrunk(tmp_path_factory.mktemp("compared")), cls.sizes, "float32")

    @staticmethod
    def model(side: int = 224, frames: int = 100) -> Any:
        vision_model, _, _, question_input, encoded_question = parts(side)
        video_input = Input(shape=(frames, side, side, 3))
        encoded_frame_sequence = TimeDistributed(vision_model, name="encoded_frames")(video_input)
        encoded_video = LSTM(256, name="encoded_video")(encoded_frame_sequence)

        question_encoder = Model(
            inputs=question_input, outputs=encoded_question, name="question_encoder"
        )
        video_question_input = Input(shape=(100,), dtype="int32")
        encoded_video_question = question_encoder(video_question_input)

        merged = concatenate([encoded_video, encoded_video_question])
        output = Dense(1000, activation="softmax", name="answer")(merged)
        return Model(inputs=[video_input, video_question_input], outputs=output)
