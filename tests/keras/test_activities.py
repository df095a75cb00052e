"""Penalties on what the parts of a layer give, beside Keras's: values and their gradients."""

from __future__ import annotations

import keras
import pytest
import torch

from modelspec.compiler import compile
from modelspec.engine.module import Module
from modelspec.source.text import Source
from tests.keras.driver import Example, Pair, call_keras, call_ours

WORD = {"type": "L1L2", "l1": 0.02, "l2": 0.05}
HEADS = {"type": "MultiHeadAttention", "num_heads": 2, "key_dim": 3, "activity_regularizer": WORD}
GROUPS = {
    "type": "GroupQueryAttention", "head_dim": 3, "num_query_heads": 4,
    "num_key_value_heads": 2, "activity_regularizer": WORD,
}  # fmt: skip
PAIR = {"query": [4, 6], "value": [5, 6]}
READER = {"type": "LSTM", "units": 3, "activity_regularizer": WORD}
CONV = {"type": "ConvLSTM1D", "filters": 2, "kernel_size": 2, "activity_regularizer": WORD}
SEQUENCE = {"sequence": [5, 6]}


def both(layer, **more):
    return {"type": "Bidirectional", "layer": layer, **more}


EXAMPLES = [
    Example("MultiHeadAttention", 1, PAIR, HEADS),
    Example("MultiHeadAttention", 2, PAIR, HEADS | {"use_gate": True, "value_dim": 2}),
    Example("MultiHeadAttention", 3, PAIR, HEADS | {"return_attention_scores": True}),
    Example("GroupQueryAttention", 1, PAIR, GROUPS),
    Example("GroupQueryAttention", 2, PAIR, GROUPS | {"use_gate": True}),
    Example("GroupQueryAttention", 3, PAIR, GROUPS | {"return_attention_scores": True}),
    Example("Bidirectional", 1, SEQUENCE, both(READER)),
    Example("Bidirectional", 2, SEQUENCE, both(READER | {"return_sequences": True},
                                               merge_mode="sum")),
    Example("Bidirectional", 3, SEQUENCE, both(READER | {"return_state": True})),
    Example("Bidirectional", 4, SEQUENCE, both(READER, backward_layer={
        "type": "GRU", "units": 2, "go_backwards": True, "activity_regularizer": "l2"})),
    Example("Bidirectional", 5, {"sequence": [4, 5, 2]}, both(CONV)),
]  # fmt: skip


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: one.id)
def test_penalties_inside_are_keras_s(example):
    pair = Pair(example)
    weights = {name: value.clone().requires_grad_() for name, value in pair.weights.items()}
    mine, leaves = pair.leaves()
    theirs, their_leaves = pair.leaves()
    ours = sum(call_ours(pair.ours, weights, mine).penalties)
    call_keras(pair.theirs, theirs)
    wished = sum(pair.theirs.losses)
    torch.testing.assert_close(ours, wished, rtol=1e-5, atol=1e-6)
    their_weights = [v.value for v in pair.theirs.trainable_weights]
    for a, b in zip(
        torch.autograd.grad(ours, [*leaves, *weights.values()], allow_unused=True),
        torch.autograd.grad(wished, [*their_leaves, *their_weights], allow_unused=True),
        strict=True,
    ):
        assert (a is None) == (b is None)
        if a is not None:
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("layer", [
    "{type: LSTM, units: 3, return_state: true, activity_regularizer: l2}",
    "{type: Bidirectional, layer: {type: GRU, units: 3, activity_regularizer: l2}}",
], ids=["LSTM", "Bidirectional"])  # fmt: skip
def test_a_model_adds_each_penalty_once(layer):
    text = f"inputs: {{x: [5, 6]}}\nlayers: {{y: {layer}}}\noutputs: y\n"
    module = Module(compile(Source("spec.yaml", text)))
    inner = {"kernel_regularizer": None, "activity_regularizer": "l2"}
    theirs = (
        keras.layers.LSTM(3, return_state=True, **inner)
        if "LSTM" in layer
        else keras.layers.Bidirectional(keras.layers.GRU(3, **inner))
    )
    x = torch.randn(2, 5, 6, generator=torch.Generator().manual_seed(0))
    theirs(x)
    for value, variable in zip(module.parameters(), theirs.trainable_weights, strict=True):
        variable.assign(value.detach())
    theirs(x)
    torch.testing.assert_close(sum(module.outcome({"x": x}).penalties), sum(theirs.losses))


def test_inside_time_distributed_a_penalty_counts_for_each_step():
    # Keras calls what it wraps past the place that would add the penalty of the layer itself.
    text = (
        "inputs: {x: [5, 6]}\noutputs: y\nlayers:\n  y: {type: TimeDistributed, "
        "layer: {type: Dense, units: 3, use_bias: false, activity_regularizer: l2}}\n"
    )
    module = Module(compile(Source("spec.yaml", text)))
    x = torch.ones(2, 5, 6)
    (kernel,) = module.parameters()
    each = 0.01 * (torch.ones(6) @ kernel).square().sum()
    torch.testing.assert_close(sum(module.outcome({"x": x}).penalties), 5 * each)
    theirs = keras.layers.TimeDistributed(keras.layers.Dense(3, activity_regularizer="l2"))
    theirs(x)
    assert theirs.losses == []
