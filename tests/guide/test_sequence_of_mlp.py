"""A model is a layer: the fully connected network on each of 20 time steps."""

from __future__ import annotations

from typing import Any

from keras.layers import Input, TimeDistributed
from keras.models import Model

from tests.guide.against_keras import AgainstKeras
from tests.guide.test_mlp import TestMlp as Mlp


class TestSequenceOfMlp(AgainstKeras):
    spec = "sequence_of_mlp.yaml"
    compiled = Mlp.compiled

    @staticmethod
    def model() -> Any:
        model = Mlp.model()
        input_sequences = Input(shape=(20, 784))
        processed_sequences = TimeDistributed(model, name="processed_sequences")(input_sequences)
        return Model(inputs=input_sequences, outputs=processed_sequences)
