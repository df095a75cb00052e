"""Modules of torch.nn and of the user's own give what they give by themselves."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import modelspec
from modelspec.catalog.words import bind
from modelspec.engine import foreign
from modelspec.engine.module import Module
from modelspec.language.word import Reject
from modelspec.source.diagnostics import Rejected
from tests.keras.driver import call_ours, declared, dtype_of, examples, shape_of


class Doubler(nn.Module):
    """A user's module: a buffer that counts, a draw in training, two outputs."""

    def __init__(self, width: int, *, offset: float = 0.0) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((width,), 2.0))
        self.offset = offset
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    def forward(self, x):
        y = x * self.scale + self.offset
        if self.training:
            self.calls += 1
            y = y + torch.randn_like(y)
        return y, x


class Stray(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = torch.ones(3)

    def forward(self, x):
        return x + self.table


def module(name, args=None):
    return bind("layers", {"type": "TorchModule", "class_": name, "args": args or {}})


def python(name, args=None):
    name = f"tests.keras.test_foreign:{name}"
    return bind("layers", {"type": "PythonModule", "class": name, "args": args or {}})


def described(layer, *shapes, dtypes=None):
    found = foreign.describe(layer, [list(shapes)], [dtypes or ["float32"] * len(shapes)])
    return found.shapes[0], found.dtypes[0], found.weights


def shape(layer, *shapes):
    return described(layer, *shapes)[0]


def refusal(layer, *shapes):
    with pytest.raises(Reject) as caught:
        shape(layer, *shapes)
    return caught.value


def drawn(written):
    shape = (2, *shape_of(written))
    return torch.randint(0, 10, shape) if dtype_of(written) == "int32" else torch.randn(shape)


@pytest.mark.parametrize(
    "example",
    [e for e in examples() if e.name in ("TorchModule", "PythonModule")],
    ids=lambda e: e.id,
)
def test_an_example_gives_what_its_module_gives(example):
    layer = declared(example.plain)
    torch.manual_seed(0)
    written = list(example.inputs.values())
    xs = [drawn(one) for one in written]
    shapes, dtypes = [shape_of(one) for one in written], [dtype_of(one) for one in written]
    given_shape, given_dtype, held = described(layer, *shapes, dtypes=dtypes)
    weights = foreign.initial(layer, 3)
    assert {w.name: w.shape for w in held} == {n: tuple(t.shape) for n, t in weights.items()}
    torch.manual_seed(3)
    alone = foreign.construct(layer).eval()
    trained = {k: v.requires_grad_() for k, v in weights.items() if v.is_floating_point()}
    y = call_ours(layer, weights, {"x": xs}).outputs[0]
    wanted = alone(*xs)
    assert torch.equal(y, wanted)
    assert tuple(y.shape[1:]) == given_shape
    assert str(y.dtype) == f"torch.{given_dtype}"
    if any(p.requires_grad for p in alone.parameters()):
        wanted.square().sum().backward()
        y.square().sum().backward()
        for name, parameter in alone.named_parameters():
            assert torch.equal(trained[name].grad, parameter.grad)


def test_sizes_that_are_not_known_keep_their_words():
    layer = module("torch.nn.Linear", {"in_features": 4, "out_features": 3})
    assert shape(layer, ("time", None, 4)) == ("time", None, 3)
    assert shape(module("torch.nn.AvgPool1d", [2]), (4, "time")) == (4, None)
    assert shape(module("torch.nn.Flatten"), (4, "time")) == (None,)
    assert shape(module("torch.nn.AdaptiveAvgPool1d", [2]), (4, "time")) == (4, 2)


def test_batch_normalization_leaves_its_statistics_to_the_step():
    layer = module("torch.nn.BatchNorm1d", {"num_features": 3})
    x = torch.randn(8, 3)
    weights = foreign.initial(layer, 0)
    before = {name: tensor.clone() for name, tensor in weights.items()}
    alone = nn.BatchNorm1d(3)
    wanted = alone(x)
    given = call_ours(layer, weights, {"x": [x]}, training=True)
    assert torch.equal(given.outputs[0], wanted)
    assert all(torch.equal(weights[name], before[name]) for name in weights)
    assert set(given.updates) == {"running_mean", "running_var", "num_batches_tracked"}
    for name, tensor in given.updates.items():
        assert torch.equal(tensor, alone.get_buffer(name))
    dtypes = {w.name: (w.trainable, w.dtype) for w in described(layer, (3,))[2]}
    assert dtypes["num_batches_tracked"] == (False, "int64")
    assert dtypes["weight"] == (True, None)


def test_statistics_stay_float32_where_the_layer_computes_in_half_precision():
    layer = module("torch.nn.BatchNorm1d", {"num_features": 3})
    weights = foreign.initial(layer, 0)
    narrow = {k: v.bfloat16() if k in ("weight", "bias") else v for k, v in weights.items()}
    given = call_ours(layer, narrow, {"x": [torch.randn(8, 3).bfloat16()]}, training=True)
    assert given.outputs[0].dtype == torch.bfloat16
    assert given.updates["running_mean"].dtype == torch.float32


def test_a_recurrent_module_runs_with_the_weights_that_it_is_given():
    layer = module("torch.nn.LSTM", {"input_size": 3, "hidden_size": 4, "batch_first": True})
    assert shape(layer, ("time", 3)) == ("time", 4)
    weights = {n: t.requires_grad_() for n, t in foreign.initial(layer, 0).items()}
    torch.manual_seed(0)
    alone = nn.LSTM(3, 4, batch_first=True)
    x = torch.randn(2, 5, 3)
    y = call_ours(layer, weights, {"x": [x]}).outputs[0]
    torch.testing.assert_close(y, alone(x)[0])
    y.sum().backward()
    assert weights["weight_hh_l0"].grad.abs().sum() > 0


def test_a_random_module_draws_from_the_layer_s_own_seed():
    layer = module("torch.nn.Dropout", {"p": 0.5})
    x = torch.ones(100_000)[None]
    before = torch.get_rng_state()
    first = call_ours(layer, {}, {"x": [x]}, training=True)
    torch.manual_seed(99)
    again = call_ours(layer, {}, {"x": [x]}, training=True)
    assert first.is_random
    assert torch.equal(first.outputs[0], again.outputs[0])
    assert abs(float((first.outputs[0] == 0).float().mean()) - 0.5) < 0.01
    assert torch.equal(call_ours(layer, {}, {"x": [x]}).outputs[0], x)
    torch.set_rng_state(before)
    call_ours(layer, {}, {"x": [x]}, training=True)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_module_of_the_user_s_own_is_a_layer():
    layer = python("Doubler", {"width": 3, "offset": 1})
    assert shape(layer, ("time", 3)) == ("time", 3)
    weights = foreign.initial(layer, 0)
    x = torch.randn(2, 5, 3)
    assert torch.equal(call_ours(layer, weights, {"x": [x]}).outputs[0], x * 2 + 1)
    trained = call_ours(layer, weights, {"x": [x]}, training=True)
    assert trained.is_random
    assert int(trained.updates["calls"]) == 1
    assert int(weights["calls"]) == 0


@pytest.mark.parametrize(
    ("name", "args", "argument", "message", "help"),
    [
        ("torch.nn.Hardswich", {}, "type", "torch.nn has no module `Hardswich`", "`Hardswish`"),
        ("torch.nn.functional.relu", {}, "type", "torch.nn has no module", ""),
        ("torch.nn.functional.torch.hub", {}, "type", "torch.nn has no module", ""),
        ("torch.nn.Linear", {"in_feature": 4, "out_features": 3}, "in_feature",
         "it has no argument `in_feature`", "`in_features`"),
        ("torch.nn.Linear", {"in_features": 4}, "type", "needs `out_features`", ""),
        ("torch.nn.LSTM", {"input_size": 4}, "type", "needs `hidden_size`", ""),
        ("torch.nn.Linear", {"in_features": 4, "out_features": 3, "device": "cpu"}, "device",
         "the run decides it", ""),
        ("torch.nn.Linear", {"in_features": "four", "out_features": 3}, "type",
         "it refuses its arguments", ""),
        ("torch.nn.Linear", [1, 2, True, None, None, 3], "type",
         "it refuses its arguments", ""),
        ("torch.nn.LazyLinear", {"out_features": 3}, "type", "finds its sizes as it runs",
         "`torch.nn.Linear`"),
        ("torch.nn.Linear", {"in_features": 5, "out_features": 3}, "",
         "it cannot be called on (4)", ""),
        ("torch.nn.Flatten", {"start_dim": 0}, "", "the batch stays on the first axis", ""),
        ("torch.nn.MSELoss", {}, "", "it cannot be called on (4)", ""),
    ],
)  # fmt: skip
def test_a_wrong_torch_module_says_what_is_wrong(name, args, argument, message, help):
    refused = refusal(module(name, args), (4,))
    assert refused.argument == argument
    assert message in refused.message
    assert help in refused.help
    assert len(refused.message) < 300


def test_a_wrong_class_of_the_user_s_says_what_is_wrong():
    assert "no class `Dubler`" in refusal(python("Dubler"), (3,)).message
    assert "`Doubler`" in refusal(python("Dubler"), (3,)).help
    assert "is no torch.nn.Module" in refusal(python("pytest"), (3,)).message
    assert "register_buffer" in refusal(python("Stray"), (3,)).help
    missing = bind("layers", {"type": "PythonModule", "class": "no_such_package:A"})
    assert "PYTHONPATH" in refusal(missing, (3,)).help
    shapeless = bind("layers", {"type": "PythonModule", "class": "no_colon"})
    assert "package.module:Class" in refusal(shapeless, (3,)).message


SPEC = """\
inputs: {x: [5, 3]}
layers:
  scaled: {type: python, class: "tests.keras.test_foreign:Doubler", args: {width: 3}}
  each: {type: TimeDistributed, layer: {type: torch.nn.Linear, in_features: 3, out_features: 2}}
  again: {use: scaled, from: x}
outputs: [each, again]
"""


def test_a_spec_with_foreign_layers_is_checked_built_and_run(tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_text(SPEC, encoding="utf-8")
    graph = modelspec.check(path, trust_code=True)
    built = Module(graph).train()
    given = built({"x": torch.randn(4, 5, 3)})
    assert {name: tuple(y.shape) for name, y in given.items()} == {
        "each": (4, 5, 2),
        "again": (4, 5, 3),
    }
    assert int(built.state_dict()["scaled.calls"]) == 2
    assert set(built.state_dict()) == {
        "scaled.scale", "scaled.calls", "each.layer.weight", "each.layer.bias",
    }  # fmt: skip


def test_code_of_the_user_s_own_runs_only_where_it_is_trusted(tmp_path):
    path = tmp_path / "spec.yaml"
    path.write_text(SPEC.replace("tests.keras.test_foreign", "no_such_module"), encoding="utf-8")
    with pytest.raises(Rejected) as caught:
        modelspec.check(path)
    assert "needs-trust" in str(caught.value)
    assert "cannot be imported" not in str(caught.value)
