"""One LSTM reads two tweets: a shared layer and its nodes."""

from __future__ import annotations

from typing import Any

import torch
from keras.layers import LSTM, Dense, Input, concatenate
from keras.models import Model

from modelspec.engine.runner import Runner
from tests.guide.against_keras import AgainstKeras, Twins, inputs, tensors


class TestTweets(AgainstKeras):
    spec = "tweets.yaml"
    compiled = {
        "optimizer": "rmsprop",
        "loss": "binary_crossentropy",
        "metrics": ["accuracy"],
    }

    @staticmethod
    def model() -> Any:
        tweet_a = Input(shape=(280, 256), name="tweet_a")
        tweet_b = Input(shape=(280, 256), name="tweet_b")
        shared_lstm = LSTM(64, name="encoder")
        encoded_a = shared_lstm(tweet_a)
        encoded_b = shared_lstm(tweet_b)
        merged_vector = concatenate([encoded_a, encoded_b], axis=-1)
        predictions = Dense(1, activation="sigmoid", name="predictions")(merged_vector)
        return Model(inputs=[tweet_a, tweet_b], outputs=predictions)

    def test_each_call_is_a_node_with_an_output_of_its_own(self, twins: Twins) -> None:
        calls = [step for step in twins.graph.program.steps if step.definition.name == "encoder"]
        assert [(step.name, step.node) for step in calls] == [("encoded_a", 0), ("encoded_b", 1)]
        assert (
            twins.graph.owners["encoder"].count == twins.model.get_layer("encoder").count_params()
        )

    def test_the_same_tweet_twice_is_encoded_the_same(self, twins: Twins) -> None:
        x = tensors(inputs(twins.graph, 2))
        x["tweet_b"] = x["tweet_a"]
        outcome = Runner.of(twins.graph)(twins.weights, x)
        first, second = (
            outcome.values[step.outputs[0]]
            for step in twins.graph.program.steps
            if step.definition.name == "encoder"
        )
        assert torch.equal(first, second)
