"""Cells, RNN and ConvLSTM where the driver does not reach: masks, dropout, states, refusals."""

from __future__ import annotations

import keras
import pytest
import torch

from modelspec.compiler import compile
from modelspec.engine.layers.conv_recurrent import draw, through
from modelspec.engine.module import Module
from modelspec.engine.random import Random
from modelspec.language.word import Reject
from modelspec.source.diagnostics import Rejected
from modelspec.source.text import Source
from tests.keras.driver import call_ours, declared, drawn_weight, keras_layer

BATCH, TIME, FEATURES = 4, 5, 3
MASK = torch.tensor([[1, 1, 1, 0, 0], [1, 0, 1, 1, 0], [0, 0, 0, 0, 0], [0, 1, 0, 1, 1]]).bool()
LSTM_CELL = {"type": "LSTMCell", "units": 3}
GRU_CELL = {"type": "GRUCell", "units": 2}
STACK = {"type": "RNN", "cell": [LSTM_CELL, GRU_CELL]}
CONV = {"type": "ConvLSTM1D", "filters": 2, "kernel_size": 2}


def pair(plain, shape):
    """Our layer, Keras's, built, and weights that both hold."""
    ours, theirs = declared(plain), keras_layer(plain)
    generator = torch.Generator().manual_seed(0)
    weights = {w.name: drawn_weight(w, generator).requires_grad_() for w in ours.weights(shape)}
    theirs(torch.zeros(2, *shape))
    for variable, value in zip(theirs.trainable_weights, weights.values(), strict=True):
        variable.assign(value.detach())
    return ours, theirs, weights


def sequence(*shape):
    return torch.randn(BATCH, *shape, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("flags", [
    {}, {"return_sequences": True}, {"return_state": True},
    {"return_sequences": True, "return_state": True, "go_backwards": True},
    {"return_sequences": True, "zero_output_for_mask": True},
], ids=str)  # fmt: skip
@pytest.mark.parametrize("kind", ["stack", "cell", "conv"])
def test_any_mask_gives_keras_s_values_states_and_gradients(kind, flags):
    plain, shape = {
        "stack": (STACK, (TIME, FEATURES)),
        "cell": ({"type": "RNN", "cell": GRU_CELL}, (TIME, FEATURES)),
        "conv": (CONV, (TIME, 4, FEATURES)),
    }[kind]
    if kind == "conv" and "zero_output_for_mask" in flags:
        pytest.skip("ConvLSTM has no such argument")
    ours, theirs, weights = pair(plain | flags, shape)
    x, their_x = sequence(*shape).requires_grad_(), sequence(*shape).requires_grad_()
    given = call_ours(ours, weights, {"sequence": x}, {"sequence": MASK})
    wished = keras.tree.flatten(theirs(their_x, mask=MASK))
    for y, other in zip(given.outputs, wished, strict=True):
        torch.testing.assert_close(y, other, rtol=1e-5, atol=1e-5)
    mine = torch.autograd.grad(sum(y.square().sum() for y in given.outputs), [x, *weights.values()])
    leaves = [their_x, *(v.value for v in theirs.trainable_weights)]
    keras_s = torch.autograd.grad(sum(y.square().sum() for y in wished), leaves)
    for a, b in zip(mine, keras_s, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_stacked_cells_start_from_the_states_of_all():
    ours, theirs, weights = pair(STACK | {"return_state": True}, (TIME, FEATURES))
    assert ours.returns() == ("output", "cell0_hidden", "cell0_cell", "cell1_state")
    assert list(weights)[:3] == ["cell0.kernel", "cell0.recurrent_kernel", "cell0.bias"]
    states = [torch.randn(BATCH, 3), torch.randn(BATCH, 3), torch.randn(BATCH, 2)]
    x = sequence(TIME, FEATURES)
    given = call_ours(ours, weights, {"sequence": x, "initial_state": states})
    wished = keras.tree.flatten(theirs(x, initial_state=[states[:2], states[2]]))
    for y, other in zip(given.outputs, wished, strict=True):
        torch.testing.assert_close(y, other, rtol=1e-5, atol=1e-5)
    with pytest.raises(Reject, match="cell0_hidden and cell0_cell and cell1_state, and 1 were"):
        ours.shape((TIME, FEATURES), [(3,)])


@pytest.mark.parametrize("plain", [
    {"type": "RNN", "cell": {**LSTM_CELL, "dropout": 0.5}},
    {"type": "RNN", "cell": [LSTM_CELL, {**GRU_CELL, "recurrent_dropout": 0.5}]},
    CONV | {"dropout": 0.5}, CONV | {"recurrent_dropout": 0.5},
    {**LSTM_CELL, "dropout": 0.5},
], ids=str)  # fmt: skip
def test_dropout_rests_outside_training(plain):
    layer = declared(plain)
    shape = (4, FEATURES) if plain["type"] == "ConvLSTM1D" else (FEATURES,)
    over_time = (TIME, *shape)
    shape = shape if plain["type"] == "LSTMCell" else over_time
    generator = torch.Generator().manual_seed(0)
    weights = {w.name: drawn_weight(w, generator) for w in layer.weights(shape)}
    first = layer.ports()[0].name
    ports = {first: sequence(*shape)}
    if plain["type"] == "LSTMCell":
        ports["states"] = [torch.randn(BATCH, 3)] * 2
    still = call_ours(layer, weights, ports)
    moved = call_ours(layer, weights, ports, training=True)
    again = call_ours(layer, weights, ports, training=True)
    assert not still.is_random
    assert moved.is_random
    assert torch.equal(moved.outputs[0], again.outputs[0])
    assert not torch.equal(moved.outputs[0], still.outputs[0])


def test_each_gate_of_a_convolution_has_inputs_dropped_for_itself():
    layer = declared(CONV | {"dropout": 0.5, "use_bias": False})
    weights = {w.name: torch.ones(w.shape) for w in layer.weights((1, 4, FEATURES))}
    x = torch.ones(2, 1, 4, FEATURES)
    drops = draw(layer, x, (2, 3, 2), Random(0))
    gates = through(layer.of_inputs, x[:, 0], weights["kernel"], drops.inputs, None)
    for at, gate in enumerate(gates.chunk(4, -1)):
        dropped = x[:, 0] * drops.inputs[at]
        summed = (dropped[:, :-1] + dropped[:, 1:]).sum(-1, keepdim=True)
        torch.testing.assert_close(gate, summed.expand_as(gate))


@pytest.mark.parametrize(("plain", "message"), [
    ({"type": "RNN", "cell": {"type": "Dense", "units": 2}}, "only a cell reads one step"),
    ({"type": "RNN", "cell": []}, "there is no cell"),
    (CONV | {"strides": 2, "dilation_rate": 2}, "cannot both be above 1"),
    ({"type": "LSTMCell", "units": 2, "return_state": True}, "has no argument `return_state`"),
])  # fmt: skip
def test_what_keras_refuses_is_refused(plain, message):
    with pytest.raises(Rejected, match=message):
        declared(plain)


def test_a_space_of_unknown_size_is_refused_and_time_flows():
    layer = declared(CONV)
    assert layer.shape(("time", 4, 3)) == (3, 2)
    with pytest.raises(Reject, match="the sizes over space are known"):
        layer.shape((TIME, None, 3))


SPEC = """
inputs: {x: [5, 3]}
layers:
  both: {type: Bidirectional, layer: {type: LSTM, units: 2, %s}}
outputs: both
"""


def test_a_frozen_layer_inside_stays_as_it_is():
    spec = SPEC % "trainable: false"
    spec = spec.replace("trainable: false}", "trainable: false}, backward_layer: "
                        "{type: LSTM, units: 2, go_backwards: true}")  # fmt: skip
    module = Module(compile(Source("spec.yaml", spec)))
    assert {name.split(".")[1] for name, _ in module.named_parameters()} == {"backward"}


def test_a_seed_inside_enters_the_draws():
    made = []
    for seed in (1, 1, 2):
        module = Module(compile(Source("spec.yaml", SPEC % f"dropout: 0.5, seed: {seed}")))
        module.train()
        made.append(module({"x": sequence(TIME, FEATURES)})["both"])
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])


def test_settings_of_the_layer_around_do_not_stand_inside():
    with pytest.raises(Rejected, match="the layer inside has no `dtype` of its own"):
        compile(Source("spec.yaml", SPEC % "dtype: float64"))
