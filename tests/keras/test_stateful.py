"""Stateful layers beside Keras's: calls that go on from one another, and training over batches."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import torch
from keras import layers as kl
from safetensors.torch import save_file

import modelspec
from tests.engine.training import npz, trained
from tests.keras.test_dtypes import APART, assert_within
from tests.keras.test_dtypes import dtype as dtype

BATCH, TIME, FEATURES = 4, 5, 3
#: Keras's fused kernels keep the states for the way back, and then change them (see the driver).
STEPS = {"stateful": True, "use_cudnn": False}
STATEFUL = {"stateful": True}


def cell(units):
    return kl.LSTMCell(units)


#: What stands in the spec, Keras's layer, and the shape of a sample.
CASES = {
    "LSTM": ("{type: LSTM, units: 2%s}", lambda **k: kl.LSTM(2, **STEPS, **k)),
    "GRU": ("{type: GRU, units: 2%s}", lambda **k: kl.GRU(2, **STEPS, **k)),
    "GRU before": (
        "{type: GRU, units: 2, reset_after: false%s}",
        lambda **k: kl.GRU(2, reset_after=False, **STEPS, **k),
    ),
    "SimpleRNN": ("{type: SimpleRNN, units: 2%s}", lambda **k: kl.SimpleRNN(2, **STATEFUL, **k)),
    "RNN": (
        "{type: RNN, cell: {type: LSTMCell, units: 2}%s}",
        lambda **k: kl.RNN(cell(2), **STATEFUL, **k),
    ),
    "stack": (
        "{type: RNN, cell: [{type: LSTMCell, units: 2}, {type: GRUCell, units: 3}]%s}",
        lambda **k: kl.RNN([cell(2), kl.GRUCell(3)], **STATEFUL, **k),
    ),
    "ConvLSTM1D": (
        "{type: ConvLSTM1D, filters: 2, kernel_size: 2%s}",
        lambda **k: kl.ConvLSTM1D(2, 2, **STATEFUL, **k),
    ),
    "ConvLSTM2D": (
        "{type: ConvLSTM2D, filters: 2, kernel_size: 2, strides: 2%s}",
        lambda **k: kl.ConvLSTM2D(2, 2, strides=2, **STATEFUL, **k),
    ),
    "Bidirectional": (
        "{type: Bidirectional, layer: {type: LSTM, units: 2%s}}",
        lambda **k: kl.Bidirectional(kl.LSTM(2, **STEPS, **k)),
    ),
    "Bidirectional stack": (
        "{type: Bidirectional, merge_mode: sum, layer: {type: RNN, cell: [{type: GRUCell, "
        "units: 2}, {type: LSTMCell, units: 2}]%s}}",
        lambda **k: kl.Bidirectional(
            kl.RNN([kl.GRUCell(2), cell(2)], **STATEFUL, **k), merge_mode="sum"
        ),
    ),
}
SPACE = {"ConvLSTM1D": (4,), "ConvLSTM2D": (4, 4)}


def shape_of(name):
    return (TIME, *SPACE.get(name, ()), FEATURES)


def written(**arguments):
    return "".join(f", {k}: {str(v).lower()}" for k, v in {**STATEFUL, **arguments}.items())


def module_of(layer, shape, dtype="float32", before=""):
    return modelspec.build(
        f"inputs: {{x: {{shape: {list(shape)}, dtype: {dtype}, batch_size: {BATCH}}}}}\n"
        f"layers:\n{before}  y: {layer}\noutputs: y\n"
    )


def model_of(layer, shape, dtype="float32", before=None):
    x = keras.Input(batch_shape=(BATCH, *shape), dtype=dtype)
    return keras.Model(x, layer(x if before is None else before(x)))


def give(model, module):
    """Draw the weights of ours, and let Keras's be the same."""
    draws = torch.Generator().manual_seed(1)
    ours = [value for _, value in module.named_parameters()]
    for value, variable in zip(ours, model.trainable_weights, strict=True):
        with torch.no_grad():
            value.copy_(0.5 * torch.randn(value.shape, generator=draws))
        variable.assign(value.detach())


def batch(shape, number, dtype=torch.float32):
    draws = torch.Generator().manual_seed(number)
    return torch.randn(BATCH, *shape, generator=draws).to(dtype)


def outputs(made):
    return list(made.values()) if isinstance(made, dict) else keras.tree.flatten(made)


def assert_calls_agree(model, module, shape, *, dtype=torch.float32, precision=1e-5):
    """Three calls, each of which goes on from the one before."""
    seen = []
    for number in range(3):
        x = batch(shape, number, dtype)
        for mine, other in zip(outputs(module({"x": x})), outputs(model(x)), strict=True):
            torch.testing.assert_close(mine, other, rtol=precision, atol=precision)
            seen.append(mine)
    x = batch(shape, 0, dtype)
    assert not torch.equal(outputs(module({"x": x}))[0], seen[0])  # the states do something


@pytest.mark.parametrize("arguments", [
    {}, {"go_backwards": True, "return_sequences": True}, {"unroll": True},
], ids=str)  # fmt: skip
@pytest.mark.parametrize("name", CASES)
def test_each_call_goes_on_from_the_one_before(name, arguments):
    if name.startswith("Bidirectional"):
        arguments = {k: v for k, v in arguments.items() if k != "go_backwards"}
    if name.startswith("Conv"):
        arguments = {k: v for k, v in arguments.items() if k != "unroll"}
    layer, theirs = CASES[name]
    module = module_of(layer % written(**arguments), shape_of(name))
    model = model_of(theirs(**arguments), shape_of(name))
    give(model, module)
    assert_calls_agree(model, module, shape_of(name))


@pytest.mark.parametrize("name", CASES)
def test_states_are_no_weights_and_begin_anew_where_asked(name):
    layer, theirs = CASES[name]
    module = module_of(layer % written(), shape_of(name))
    model = model_of(theirs(), shape_of(name))
    assert [tuple(w.shape) for w in module.parameters()] == [tuple(w.shape) for w in model.weights]
    assert module.state_dict().keys() == module.weights().keys()
    assert module.graph.parameters == model.count_params()
    once = module({"x": batch(shape_of(name), 0)})["y"]
    module.reset_states()
    assert torch.equal(module({"x": batch(shape_of(name), 0)})["y"], once)
    module.reset_states(2)
    few = module({"x": batch(shape_of(name), 0)[:2]})["y"]
    torch.testing.assert_close(few, once[:2])


@pytest.mark.parametrize("name", ["LSTM", "GRU", "SimpleRNN", "stack", "Bidirectional"])
def test_masked_steps_leave_the_states_alone(name):
    layer, theirs = CASES[name]
    before = "  m: {type: Masking, mask_value: 0.0}\n"
    module = module_of(layer % written(), shape_of(name), before=before)
    model = model_of(theirs(), shape_of(name), before=kl.Masking(0.0))
    give(model, module)
    for number in range(3):
        x = batch(shape_of(name), number)
        x[:, number + 1 :] = 0.0
        x[0] = 0.0  # a sample without a step
        x[1, 1] = 0.0  # and one with a hole
        torch.testing.assert_close(module({"x": x})["y"], model(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float64"], indirect=True)
@pytest.mark.parametrize("name", CASES)
def test_in_float64_to_its_precision(name, dtype):
    layer, theirs = CASES[name]
    model = model_of(theirs(), shape_of(name), dtype)
    module = module_of(f"{(layer % written())[:-1]}, dtype: {dtype}}}", shape_of(name), dtype)
    give(model, module)
    assert {value.dtype for value in module.tensors().values()} == {torch.float64}
    assert_calls_agree(model, module, shape_of(name), dtype=torch.float64, precision=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_in_mixed_precision_the_states_are_kept_whole(name):
    # On torch, Keras loses what it assigns to a variable that it casts: its states stay zero there.
    layer, theirs = CASES[name]
    module = module_of(layer % written(), shape_of(name))
    whole = model_of(theirs(), shape_of(name))
    give(whole, module)
    for number in range(3):
        x = batch(shape_of(name), number)
        outcome = module.outcome({"x": x}, torch.bfloat16)
        module.keep(outcome)
        (y,) = (outcome.values[id] for id in module.runner.outputs.values())
        assert y.dtype == torch.bfloat16
        assert_within(y, whole(x), APART["bfloat16"])
    states = [value for key, value in module.tensors().items() if key in module.carried]
    assert {value.dtype for value in states} == {torch.float32}


def test_states_that_are_given_win_and_are_left_behind_all_the_same():
    module = modelspec.build("""
inputs: {x: {shape: [5, 3], batch_size: 4}, h: [2]}
layers:
  y: {type: GRU, units: 2, stateful: true, from: {sequence: x, initial_state: [h]}}
outputs: y
""")
    x, h = (keras.Input(batch_shape=(BATCH, *shape)) for shape in ((TIME, FEATURES), (2,)))
    layer = kl.GRU(2, **STEPS)
    model = keras.Model([x, h], layer(x, initial_state=[h]))
    give(model, module)
    for number in range(2):
        given = [batch((TIME, FEATURES), number), torch.full((BATCH, 2), 0.3)]
        mine = module(dict(zip("xh", given, strict=True)))["y"]
        torch.testing.assert_close(mine, model(given), rtol=1e-5, atol=1e-5)
        (state,) = (module.tensors()[name] for name in module.carried)
        torch.testing.assert_close(state, layer.states[0].value.detach(), rtol=1e-5, atol=1e-5)


def test_a_layer_that_is_called_twice_goes_on_from_call_to_call():
    module = modelspec.build("""
inputs: {x: {shape: [5, 3], batch_size: 4}}
shared: {read: {type: LSTM, units: 3, stateful: true, return_sequences: true}}
layers: {a: {use: read}, b: {use: read, from: a}}
outputs: [a, b]
""")
    x = keras.Input(batch_shape=(BATCH, TIME, FEATURES))
    layer = kl.LSTM(3, return_sequences=True, **STEPS)
    once = layer(x)
    model = keras.Model(x, [once, layer(once)])
    give(model, module)
    assert_calls_agree(model, module, (TIME, FEATURES))


def test_inside_time_distributed_each_step_goes_on_from_the_one_before():
    inside = "{type: TimeDistributed, layer: {type: LSTM, units: 2, stateful: true}}"
    module = module_of(inside, (2, TIME, FEATURES))
    model = model_of(kl.TimeDistributed(kl.LSTM(2, **STEPS)), (2, TIME, FEATURES))
    give(model, module)
    module.eval()
    assert_calls_agree(model, module, (2, TIME, FEATURES))


SPEC = """
inputs: {x: {shape: %s, batch_size: 4}}
layers:
  read: %s
  flat: {type: Flatten}
  y: {type: Dense, units: 1}
outputs: {y: {loss: mse}}
data: {train: rows.npz}
train: {optimizer: {type: SGD, learning_rate: 0.1}, epochs: 3, shuffle: false}
"""


@pytest.mark.parametrize("arguments", [{}, {"return_sequences": True}], ids=str)
@pytest.mark.parametrize("name", CASES)
def test_training_goes_on_over_batches_and_epochs(name, arguments, tmp_path: Path):
    layer, theirs = CASES[name]
    shape = shape_of(name)
    draws = np.random.default_rng(3)
    rows = {"x": draws.normal(size=(12, *shape)), "y": draws.normal(size=(12, 1))}
    rows = {key: value.astype("float32") for key, value in rows.items()}
    npz(tmp_path, **rows)
    path = tmp_path / "spec.yaml"
    path.write_text(SPEC % (list(shape), layer % written(**arguments)))

    x = keras.Input(batch_shape=(BATCH, *shape))
    model = keras.Model(x, kl.Dense(1)(kl.Flatten()(theirs(**arguments)(x))))
    module = modelspec.build(path)
    give(model, module)
    begun = {name: value.contiguous() for name, value in module.state_dict().items()}
    save_file(begun, tmp_path / "begun.safetensors")

    model.compile(keras.optimizers.SGD(0.1), "mse")
    wished = model.fit(rows["x"], rows["y"], batch_size=4, epochs=3, shuffle=False, verbose=0)
    run = trained(path, tmp_path / "run", weights=str(tmp_path / "begun.safetensors"))
    losses = [epoch["loss"] for epoch in run.history]
    np.testing.assert_allclose(losses, wished.history["loss"], rtol=1e-5)
    ours = [value for _, value in run.module.named_parameters()]
    for mine, variable in zip(ours, model.trainable_weights, strict=True):
        torch.testing.assert_close(mine, variable.value, rtol=1e-4, atol=1e-5)


def test_what_keras_refuses_is_refused():
    with pytest.raises(ValueError, match="batch size"):
        model_of(kl.LSTM(2, **STEPS), (TIME, FEATURES))(torch.zeros(3, TIME, FEATURES))
    module = module_of("{type: LSTM, units: 2, stateful: true}", (TIME, FEATURES))
    with pytest.raises(modelspec.Rejected, match="all batches have 4 samples"):
        module({"x": torch.zeros(3, TIME, FEATURES)})
    with pytest.raises(ValueError, match="stateful"):
        kl.Bidirectional(kl.LSTM(2, **STEPS), backward_layer=kl.LSTM(2, go_backwards=True))
    with pytest.raises(modelspec.Rejected, match="`stateful` is the same for both layers"):
        module_of("{type: Bidirectional, layer: {type: LSTM, units: 2, stateful: true}, "
                  "backward_layer: {type: LSTM, units: 2, go_backwards: true}}",
                  (TIME, FEATURES))  # fmt: skip
