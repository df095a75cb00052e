"""Learned and written tensors that need no input, and layers that a call gives arguments anew."""

from __future__ import annotations

import keras
import pytest
import torch

from modelspec.compiler import compile
from modelspec.engine.module import Module
from modelspec.model.show import show
from modelspec.source.diagnostics import Rejected
from modelspec.source.text import Source


def module(text):
    return Module(compile(Source("spec.yaml", text)))


def refusals(text):
    with pytest.raises(Rejected) as caught:
        compile(Source("spec.yaml", text))
    return [error.message for error in caught.value.diagnostics]


TOKENS = """
inputs: {patches: [7, 4]}
layers:
  token: {type: Parameter, shape: [1, 4], initializer: zeros}
  sequence: {type: Concatenate, axis: 1, from: [token, patches]}
  positions: {type: Parameter, shape: [8, 4], initializer: {type: RandomNormal, stddev: 0.02}}
  placed: {type: Add, from: [sequence, positions]}
"""


def test_a_parameter_is_given_to_every_sample_and_learns_from_all_of_them():
    model = module(TOKENS)
    x = torch.randn(3, 7, 4)
    y = model({"patches": x})["placed"]
    held = model.state_dict()
    token = held["token.value"].expand(3, 1, 4)
    torch.testing.assert_close(y, torch.cat([token, x], 1) + held["positions.value"])
    y.sum().backward()
    grads = {name: weight.grad for name, weight in model.named_parameters()}
    assert grads["token.value"].tolist() == [[3.0] * 4]
    assert model({"patches": x[:1]})["placed"].shape == (1, 8, 4)


def test_a_parameter_inside_a_distributed_graph_has_the_batch_of_that_graph():
    model = module("""
inputs: {video: [5, 4]}
layers:
  frames:
    type: TimeDistributed
    layer:
      inputs: {frame: [4]}
      layers:
        shift: {type: Parameter, shape: [4], initializer: ones}
        y: {type: Add, from: [frame, shift]}
""")
    x = torch.randn(3, 5, 4)
    torch.testing.assert_close(model({"video": x})["frames"], x + 1)


@pytest.mark.parametrize(("value", "dtype", "shape"), [
    ("0.5", torch.float32, ()),
    ("[1, 2]", torch.int32, (2,)),
    ("[[true], [false]]", torch.bool, (2, 1)),
    ("[[1, 2.5], [3, 4]]", torch.float32, (2, 2)),
])  # fmt: skip
def test_a_constant_is_what_is_written(value, dtype, shape):
    text = f"""
inputs: {{x: [4]}}
layers: {{c: {{type: Constant, value: {value}}}, y: {{type: Identity, from: x}}}}
outputs: [c, y]
"""
    graph = compile(Source("spec.yaml", text))
    c = Module(graph)({"x": torch.zeros(3, 4)})["c"]
    assert (c.dtype, c.shape) == (dtype, (3, *shape))
    assert str(dtype) == f"torch.{graph.program.tensors[graph.program.outputs['c']].dtype}"


def test_what_needs_no_input_takes_none():
    assert refusals("""
inputs: {x: [4]}
layers:
  token: {type: Parameter, shape: [1, 4], from: x}
  open: {type: Parameter, shape: [null, 4]}
  ragged: {type: Constant, value: [[1], [1, 2]]}
  text: {type: Constant, value: [a]}
""") == [
        "`Parameter` is called on nothing",
        "every size is known and at least 1, not (null, 4)",
        "the lists in a list have one shape, not (1) and (2)",
        "a constant is made of numbers",
    ]


def test_what_needs_no_input_is_no_model_alone():
    text = "inputs: {}\nlayers: {a: {type: Parameter, shape: [3]}}\noutputs: {a: {loss: mse}}"
    assert refusals(text) == ["a model that is trained has inputs"]


WORDS = """
inputs: {{ids: {{shape: [5], dtype: int32}}}}
layers:
  words: {{type: ReversibleEmbedding, input_dim: 10, output_dim: 4, mask_zero: true, {more}}}
  hidden: {{type: Dense, units: 4}}
  scores: {{use: words, reverse: true}}
"""


@pytest.mark.parametrize("more", ["tie_weights: true", "tie_weights: false, logit_soft_cap: 0.5"])
def test_an_embedding_is_looked_up_and_gone_back_through_as_in_keras(more):
    model = module(WORDS.format(more=more))
    held = model.state_dict()
    theirs = keras.layers.ReversibleEmbedding(
        10, 4, tie_weights="true" in more, logit_soft_cap=0.5 if "cap" in more else None
    )
    ids = torch.randint(0, 10, (3, 5), dtype=torch.int32)
    theirs(ids)
    names = ["words.embeddings", "words.reverse_embeddings"]
    for name, variable in zip(names, theirs.weights, strict=False):
        variable.assign(held[name])
    assert len(theirs.weights) == sum(name.startswith("words.") for name in held)
    hidden = theirs(ids) @ held["hidden.kernel"] + held["hidden.bias"]
    wanted = theirs(hidden, reverse=True)
    torch.testing.assert_close(model({"ids": ids})["scores"], wanted)


def test_what_a_call_gives_anew_is_shown_with_the_call():
    graph = compile(Source("spec.yaml", WORDS.format(more="")))
    layers = show(graph.spec)["layers"]
    assert layers["scores"] == {"use": "words", "reverse": True, "from": "hidden"}
    assert layers["words"]["reverse"] is False


def test_what_a_call_may_not_give_anew_is_refused():
    text = (
        WORDS.format(more="")
        + """
  other: {use: words, output_dim: 3}
  dense: {use: hidden, reverse: true}
  steps: {type: TimeDistributed, layer: {use: words, reverse: true}, from: hidden}
"""
    )
    assert refusals(text) == [
        "`use` calls a layer as it is",
        "`use` calls a layer as it is",
        "a wrapped layer is called by its wrapper",
    ]
    (message,) = refusals(WORDS.format(more="").replace("units: 4", "units: 3"))
    assert "its vectors have 4 numbers, and what goes back has 3" in message
