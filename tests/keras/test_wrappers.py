"""Bidirectional and TimeDistributed where the driver does not reach."""

from __future__ import annotations

from types import SimpleNamespace

import keras
import pytest
import torch

from modelspec.compiler import compile
from modelspec.engine.layers.wrappers import time_distributed
from modelspec.engine.module import Module
from modelspec.language.word import Reject
from modelspec.source.diagnostics import Rejected
from modelspec.source.text import Source
from tests.keras.driver import call_ours, declared, drawn_weight, keras_layer, weights_of

BATCH, TIME, FEATURES, UNITS = 3, 5, 4, 2
MASK = torch.tensor([[1, 1, 1, 0, 0], [1, 0, 1, 1, 0], [0, 0, 0, 0, 0]]).bool()


def inner(kind="LSTM", **arguments):
    return {"type": kind, "units": UNITS, **arguments}


def wrapped(layer, **arguments):
    return {"type": "Bidirectional", "layer": layer, **arguments}


def pair(plain, shape):
    """Our layer, Keras's, built, and weights that both hold."""
    ours, theirs = declared(plain), keras_layer(plain)
    generator = torch.Generator().manual_seed(0)
    declared_weights = sorted(weights_of(ours, shape), key=lambda weight: not weight.trainable)
    weights = {w.name: drawn_weight(w, generator) for w in declared_weights}
    theirs(torch.zeros(2, *shape))
    variables = [*theirs.trainable_weights, *theirs.non_trainable_weights]
    for variable, value in zip(variables, weights.values(), strict=True):
        variable.assign(value)
    return ours, theirs, weights


def sequence(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "SimpleRNN"])
@pytest.mark.parametrize("mode", ["concat", "sum", "mul", "ave", None])
@pytest.mark.parametrize("flags", [(False, False), (True, True)], ids=str)
def test_both_directions_under_a_mask_are_keras_s(kind, mode, flags):
    layer = inner(kind, return_sequences=flags[0], return_state=flags[1])
    ours, theirs, weights = pair(wrapped(layer, merge_mode=mode), (TIME, FEATURES))
    x = sequence(BATCH, TIME, FEATURES)
    given = call_ours(ours, weights, {"sequence": x}, {"sequence": MASK})
    wished = theirs(x, mask=MASK)
    wished = list(wished) if isinstance(wished, tuple | list) else [wished]
    for y, other in zip(given.outputs, wished, strict=True):
        torch.testing.assert_close(y, other, rtol=1e-5, atol=1e-5)
    masks = given.mask if isinstance(given.mask, tuple) else (given.mask,)
    assert len(masks) == len(ours.returns())
    outputs = 1 if mode else 2
    assert all(mask is (MASK if flags[0] else None) for mask in masks[:outputs])
    assert masks[outputs:] == (None,) * (len(masks) - outputs)


def test_outputs_and_states_have_names():
    states = {"return_state": True}
    assert declared(wrapped(inner())).returns() == ("output",)
    assert declared(wrapped(inner(), merge_mode=None)).returns() == ("forward", "backward")
    assert declared(wrapped(inner(**states))).returns() == (
        "output", "forward_hidden", "forward_cell", "backward_hidden", "backward_cell",
    )  # fmt: skip
    assert declared(wrapped(inner("GRU", **states), merge_mode=None)).returns() == (
        "forward", "backward", "forward_state", "backward_state",
    )  # fmt: skip


def test_layers_of_two_kinds_and_sizes_are_concatenated():
    plain = wrapped(
        inner("LSTM", return_state=True),
        backward_layer={"type": "GRU", "units": 3, "return_state": True, "go_backwards": True},
    )
    layer = declared(plain)
    assert layer.shape((TIME, FEATURES)) == [(5,), (2,), (2,), (3,)]
    assert layer.shape((TIME, FEATURES), [(2,), (2,), (3,)]) == [(5,), (2,), (2,), (3,)]
    with pytest.raises(Reject, match="forward hidden, forward cell, backward state, and 2 were"):
        layer.shape((TIME, FEATURES), [(2,), (3,)])


def test_operations_of_both_directions_are_counted():
    layer = declared(wrapped(inner(), merge_mode="ave"))
    one = layer.forward.flops((UNITS,), (TIME, FEATURES))
    assert layer.flops((UNITS,), (TIME, FEATURES)) == 2 * one + 2 * UNITS
    assert layer.flops((UNITS,), ("time", FEATURES)) is None
    assert layer.shape(("time", FEATURES)) == (UNITS,)


@pytest.mark.parametrize(("plain", "message"), [
    (wrapped({"type": "Dense", "units": 2}), "only a recurrent layer can read"),
    (wrapped(inner(go_backwards=True)), "the forward layer cannot have `go_backwards: true`"),
    (wrapped(inner(), backward_layer=inner()), "one of the two layers has `go_backwards: true`"),
    (wrapped(inner(return_state=True), backward_layer=inner(go_backwards=True)),
     "`return_state` is the same for both layers"),
    (wrapped(inner(), merge_mode="sum",
             backward_layer={"type": "GRU", "units": 3, "go_backwards": True}),
     "3 units and 2 do not merge by `sum`"),
])  # fmt: skip
def test_layers_that_do_not_go_together_are_refused(plain, message):
    with pytest.raises(Rejected, match=message):
        declared(plain)


def distributed(layer):
    return {"type": "TimeDistributed", "layer": layer}


@pytest.mark.parametrize("with_mask", [False, True])
def test_statistics_of_a_batch_move_once_for_each_step_as_in_keras(with_mask):
    plain = distributed({"type": "BatchNormalization", "momentum": 0.8})
    ours, theirs, weights = pair(plain, (TIME, FEATURES))
    x = sequence(BATCH, TIME, FEATURES)
    mask = MASK.clone() if with_mask else None
    if with_mask:
        mask[:, :] = torch.tensor([1, 0, 1]).bool()[:, None]  # no step without a sample
    given = call_ours(ours, weights, {"x": x}, {"x": mask}, training=True)
    wished = theirs(x, training=True, mask=mask)
    torch.testing.assert_close(given.outputs[0], wished, rtol=1e-5, atol=1e-5)
    for name, variable in zip(
        ["moving_mean", "moving_variance"], theirs.non_trainable_weights, strict=True
    ):
        torch.testing.assert_close(given.updates[name], variable.value, rtol=1e-5, atol=1e-5)
    assert given.mask is mask


def test_words_in_sentences_are_read_under_their_own_mask():
    ours, theirs, weights = pair(distributed(inner("LSTM")), (4, TIME, FEATURES))
    x = sequence(BATCH, 4, TIME, FEATURES)
    mask = torch.rand(BATCH, 4, TIME, generator=torch.Generator().manual_seed(0)) < 0.4
    given = call_ours(ours, weights, {"x": x}, {"x": mask})
    torch.testing.assert_close(given.outputs[0], theirs(x, mask=mask), rtol=1e-5, atol=1e-5)
    # Keras hands on (batch, sentences, words), where only (batch, sentences) is left to mask.
    assert torch.equal(given.mask, mask.any(2))


@pytest.mark.parametrize(("folds", "calls"), [(True, 1), (False, TIME)])
def test_time_is_folded_into_the_batch_where_it_may_be(folds, calls):
    seen = []

    def body(x, mask):
        seen.append((tuple(x.shape), tuple(mask.shape)))
        return x * 2, x.sum(-1)

    x = sequence(BATCH, TIME, FEATURES)
    given = time_distributed(None, SimpleNamespace(), x, body=body, mask=MASK, folds=folds)
    assert len(seen) == calls
    assert torch.equal(given.value[0], x * 2)
    torch.testing.assert_close(given.value[1], x.sum(-1))
    assert given.mask == (MASK, MASK)


def test_a_distributed_layer_passes_on_its_own_shape_and_names():
    layer = declared(distributed(inner("GRU", return_state=True)))
    assert layer.returns() == ("output", "state")
    assert layer.inner(("time", 7, FEATURES)) == (7, FEATURES)
    assert layer.outer(("time", 7, FEATURES), [(2,), (2,)]) == [("time", 2), ("time", 2)]
    assert keras.layers.TimeDistributed(keras.layers.Flatten()).compute_output_shape(
        (None, 3, 2, 2)
    ) == (None, 3, 4)


GRAPH = """
inputs: {video: [4, 3], deep: [2, 3, 3]}
layers:
  frames:
    type: TimeDistributed
    from: video
    layer:
      inputs: {frame: [3]}
      layers:
        - {type: Dense, units: 2}
        - {type: BatchNormalization, momentum: 0.5}
  both: {type: Bidirectional, layer: {type: LSTM, units: 2, dropout: 0.5}}
  folded: {type: TimeDistributed, layer: {type: LSTM, units: 2, dropout: 0.5}, from: deep}
outputs: [frames, both, folded]
"""


def test_a_distributed_graph_trains_as_in_keras():
    module = Module(compile(Source("spec.yaml", GRAPH)))
    frame = keras.Input((3,))
    dense, norm = keras.layers.Dense(2), keras.layers.BatchNormalization(momentum=0.5)
    theirs = keras.layers.TimeDistributed(keras.Model(frame, norm(dense(frame))))
    x = sequence(BATCH, 4, 3)
    theirs.build(x.shape)
    held = module.state_dict()
    for name, variable in [
        ("dense.kernel", dense.kernel), ("dense.bias", dense.bias),
        ("batch_normalization.gamma", norm.gamma), ("batch_normalization.beta", norm.beta),
    ]:  # fmt: skip
        variable.assign(held[f"frames.layer.{name}"])
    module.train()
    ours = module({"video": x, "deep": sequence(BATCH, 2, 3, 3)})["frames"]
    torch.testing.assert_close(ours, theirs(x, training=True), rtol=1e-5, atol=1e-5)
    for name in ("moving_mean", "moving_variance"):
        moved = module.state_dict()[f"frames.layer.batch_normalization.{name}"]
        torch.testing.assert_close(moved, getattr(norm, name).value, rtol=1e-5, atol=1e-5)


def test_time_is_folded_around_all_but_layers_in_which_samples_meet():
    module = Module(compile(Source("spec.yaml", GRAPH)))
    folds = {step.path: step.folds for step in module.runner.steps}
    assert folds == {"frames": False, "both": True, "folded": True}


def test_weights_of_both_directions_stand_under_their_names():
    held = Module(compile(Source("spec.yaml", GRAPH))).state_dict()
    assert held["both.forward.kernel"].shape == (2, 8)
    assert held["both.backward.recurrent_kernel"].shape == (2, 8)
