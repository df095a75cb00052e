"""Recurrent layers where the driver does not reach: dropout, gradients under masks, operations."""

from __future__ import annotations

from types import SimpleNamespace

import keras
import pytest
import torch
from keras.src import backend

from modelspec.catalog.words import bind
from modelspec.engine.initializers import initial
from modelspec.engine.layers import recurrent as engine
from modelspec.engine.lowering import lowering
from modelspec.engine.random import Random
from modelspec.language.word import Reject

BATCH, TIME, FEATURES, UNITS = 4, 6, 3, 5
KINDS = ["LSTM", "GRU", "SimpleRNN"]
MASKS = {
    "right": [[1] * n + [0] * (TIME - n) for n in (6, 4, 1, 0)],
    "left": [[0] * n + [1] * (TIME - n) for n in (0, 2, 5, 6)],
    "holes": [[1, 0, 1, 0, 1, 1], [0, 1, 0, 0, 1, 0], [1, 1, 1, 1, 1, 1], [0, 0, 1, 0, 0, 1]],
}


def make(kind, **arguments):
    """Our layer, Keras's, and weights that both hold."""
    ours = bind("layers", {"type": kind, "units": UNITS, **arguments})
    theirs = getattr(keras.layers, kind)(UNITS, **arguments)
    theirs.build((BATCH, TIME, FEATURES))
    generator = torch.Generator().manual_seed(1)
    weights = {}
    for weight, variable in zip(
        ours.weights((TIME, FEATURES)), theirs.trainable_weights, strict=True
    ):
        weights[weight.name] = 0.5 * torch.randn(weight.shape, generator=generator)
        variable.assign(weights[weight.name])
    return ours, theirs, {n: t.requires_grad_() for n, t in weights.items()}


def call(ours, weights, x, *, states=None, mask=None, training=False, seed=3):
    function = lowering(type(ours)).function
    offered = {"training": training, "mask": mask, "random": Random(seed), "carry": None}
    value, handed_on = function(ours, SimpleNamespace(**weights), x, states, **offered)
    return value, handed_on


def sequence(seed=2):
    return torch.randn(BATCH, TIME, FEATURES, generator=torch.Generator().manual_seed(seed))


def assert_same(ours, theirs, ours_leaves, theirs_leaves):
    """Values to 1e-5, gradients to 1e-4."""
    ours = ours if isinstance(ours, tuple) else (ours,)
    theirs = theirs if isinstance(theirs, tuple | list) else (theirs,)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)
    mine, wished = (
        torch.autograd.grad(sum((y * (i + y)).sum() for i, y in enumerate(values, 1)), leaves)
        for values, leaves in ((ours, ours_leaves), (theirs, theirs_leaves))
    )
    for a, b in zip(mine, wished, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("flags", [
    {}, {"return_sequences": True}, {"return_state": True},
    {"return_sequences": True, "zero_output_for_mask": True}, {"zero_output_for_mask": True},
    {"go_backwards": True, "return_sequences": True, "return_state": True},
], ids=str)  # fmt: skip
@pytest.mark.parametrize("kind", KINDS)
def test_any_mask_gives_keras_s_values_and_gradients(kind, flags, mask):
    ours, theirs, weights = make(kind, **flags)
    mask = torch.tensor(MASKS[mask]).bool()
    x, their_x = sequence().requires_grad_(), sequence().requires_grad_()
    states = [torch.rand(BATCH, UNITS) for _ in ours.states]
    value, _ = call(ours, weights, x, states=states, mask=mask)
    wished = theirs(their_x, initial_state=states, mask=mask)
    their_weights = [v.value for v in theirs.trainable_weights]
    assert_same(value, wished, [x, *weights.values()], [their_x, *their_weights])


@pytest.mark.parametrize("kind", KINDS)
def test_a_mask_is_handed_on_with_sequences_and_ends_without(kind):
    mask = torch.tensor(MASKS["right"]).bool()
    for flags, expected in [
        ({"return_sequences": True}, mask),
        ({}, None),
        ({"return_sequences": True, "return_state": True}, mask),
    ]:
        ours, _, weights = make(kind, **flags)
        handed_on = call(ours, weights, sequence(), mask=mask)[1]
        if ours.return_state:
            assert len(handed_on) == len(ours.returns())
            assert handed_on[1:] == (None,) * len(ours.states)
            handed_on = handed_on[0]
        assert handed_on is expected


@pytest.mark.parametrize("with_mask", [False, True])
@pytest.mark.parametrize("rates", [(0.4, 0.0), (0.0, 0.4), (0.3, 0.3)], ids=str)
@pytest.mark.parametrize("kind", [*KINDS, "GRU before"])
def test_dropout_is_keras_s_given_the_same_draws(kind, rates, with_mask, monkeypatch):
    more = {"reset_after": False} if kind == "GRU before" else {}
    ours, theirs, weights = make(
        kind.split()[0], dropout=rates[0], recurrent_dropout=rates[1], return_sequences=True, **more
    )
    x, their_x = sequence().requires_grad_(), sequence().requires_grad_()
    mask = torch.tensor(MASKS["holes"]).bool() if with_mask else None
    drops = engine.draw(ours, x, Random(3))
    pools = {FEATURES: list(drops.inputs), UNITS: list(drops.state)}
    monkeypatch.setattr(
        backend.random, "dropout", lambda ones, rate, seed: pools[ones.shape[-1]].pop(0)
    )
    value, _ = call(ours, weights, x, mask=mask, training=True, seed=3)
    wished = theirs(their_x, training=True, mask=mask)
    assert not any(pools.values())
    their_weights = [v.value for v in theirs.trainable_weights]
    assert_same(value, wished, [x, *weights.values()], [their_x, *their_weights])


@pytest.mark.parametrize("kind", KINDS)
def test_dropped_shares_and_scales_are_those_asked_for(kind):
    ours = bind("layers", {"type": kind, "units": 2000, "dropout": 0.25, "recurrent_dropout": 0.5})
    drops = engine.draw(ours, torch.zeros(20, TIME, 1000), Random(0))
    gates = ours.gates
    assert len(drops.inputs) == len(drops.state) == gates
    for factors, rate in ((drops.inputs, 0.25), (drops.state, 0.5)):
        for factor in factors:
            assert (factor == 0).float().mean().item() == pytest.approx(rate, abs=0.02)
            assert factor.max().item() == pytest.approx(1 / (1 - rate))


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_rests_outside_training_and_repeats_with_its_seed(kind):
    ours, _, weights = make(kind, dropout=0.5)
    still, _ = call(ours, weights, sequence())
    one, _ = call(ours, weights, sequence(), training=True, seed=1)
    again, _ = call(ours, weights, sequence(), training=True, seed=1)
    other, _ = call(ours, weights, sequence(), training=True, seed=2)
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert not torch.equal(one, still)


@pytest.mark.parametrize("flags", [{"go_backwards": True}, {}], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_fused_and_stepped_agree(kind, flags, monkeypatch):
    ours, _, weights = make(kind, return_sequences=True, return_state=True, **flags)
    x = sequence().requires_grad_()
    fused, _ = call(ours, weights, x)
    monkeypatch.setattr(engine, "fuses", lambda p: False)
    stepped, _ = call(ours, weights, x)
    assert_same(fused, stepped, [x, *weights.values()], [x, *weights.values()])


def test_no_kernel_is_used_that_would_be_wrong():
    def fuses(kind, **arguments):
        return engine.fuses(bind("layers", {"type": kind, "units": 2, **arguments}))

    assert fuses("LSTM")
    assert fuses("GRU")
    assert fuses("SimpleRNN")
    assert not fuses("LSTM", activation="relu")
    assert not fuses("LSTM", activation=None)
    assert not fuses("LSTM", recurrent_activation="hard_sigmoid")
    assert not fuses("GRU", reset_after=False)
    assert not fuses("SimpleRNN", activation="relu")


def test_the_forget_gate_starts_open_as_in_keras():
    start = {"type": "Constant", "value": 0.25}
    ours = bind("layers", {"type": "LSTM", "units": 2, "bias_initializer": start})
    theirs = keras.layers.LSTM(2, bias_initializer=keras.initializers.Constant(0.25))
    theirs.build((1, TIME, FEATURES))
    bias = list(ours.weights((TIME, FEATURES)))[2]
    made = initial(bias.initializer, bias.shape, torch.float32, seed=0)
    assert torch.equal(made, theirs.trainable_weights[2].value.detach())
    assert made.tolist() == [0.25, 0.25, 1, 1, 0.25, 0.25, 0.25, 0.25]


def test_operations_are_counted():
    # lstm: a product of (3 + 5) x 20, twice each, 20 biases, 4 per unit to mix; six steps
    for kind, more, step in [
        ("LSTM", {}, 2 * 8 * 20 + 20 + 4 * 5),
        ("LSTM", {"use_bias": False}, 2 * 8 * 20 + 4 * 5),
        ("GRU", {}, 2 * 8 * 15 + 30 + 5 * 5),
        ("GRU", {"reset_after": False}, 2 * 8 * 15 + 15 + 5 * 5),
        ("SimpleRNN", {}, 2 * 8 * 5 + 5),
    ]:
        layer = bind("layers", {"type": kind, "units": UNITS, **more})
        assert layer.flops((UNITS,), (TIME, FEATURES)) == TIME * step
        assert layer.flops((UNITS,), ("time", FEATURES)) is None


def test_a_sequence_of_unknown_length_flows():
    layer = bind("layers", {"type": "LSTM", "units": 5, "return_sequences": True})
    assert layer.shape(("time", 3)) == ("time", 5)
    assert layer.shape((None, 3)) == (None, 5)


def test_states_that_do_not_fit_are_refused():
    layer = bind("layers", {"type": "LSTM", "units": 5})
    with pytest.raises(Reject, match="its initial state is hidden and cell, and 1 were given"):
        layer.shape((6, 3), [(5,)])
    with pytest.raises(Reject, match=r"the initial cell is \(4\), and the layer's is \(5\)"):
        layer.shape((6, 3), [(5,), (4,)])
