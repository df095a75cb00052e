"""Attention, AdditiveAttention and GroupQueryAttention where the driver does not reach."""

from __future__ import annotations

import functools

import pytest
import torch
from keras.src import backend

from modelspec.catalog.words import bind
from modelspec.engine.layers import sequence_attention as engine
from modelspec.language.word import Reject
from modelspec.source.diagnostics import Rejected
from tests.keras.driver import keras_layer, nested
from tests.keras.test_attention import FEATURES, OTHER, TIME, masked, pair, some, tensor

GROUPS = {"type": "GroupQueryAttention", "head_dim": 2, "num_query_heads": 4,
          "num_key_value_heads": 2}  # fmt: skip
PLAIN = {
    "dot": {"type": "Attention", "use_scale": True},
    "concat": {"type": "Attention", "use_scale": True, "score_mode": "concat"},
    "additive": {"type": "AdditiveAttention"},
    "groups": GROUPS,
}
FUNCTIONS = {"groups": engine.group_query_attention, "additive": engine.additive_attention}
SHAPES = (TIME, FEATURES), (OTHER, FEATURES)


def built(plain):
    """As `pair`, for layers that Keras builds on a list of shapes."""
    if plain["type"] == "GroupQueryAttention":
        return pair(plain, *SHAPES)
    ours = bind("layers", plain)
    theirs = keras_layer(plain)
    theirs.build([(None, *shape) for shape in SHAPES])
    generator = torch.Generator().manual_seed(0)
    weights = {w.name: torch.randn(w.shape, generator=generator).requires_grad_()
               for w in ours.weights(*SHAPES)}  # fmt: skip
    for variable, value in zip(theirs.trainable_weights, weights.values(), strict=True):
        variable.assign(value.detach())
    return ours, theirs, weights


class Fixed:
    """One draw for both sides."""

    drawn = None

    def bernoulli(self, shape, probability):
        generator = torch.Generator().manual_seed(1)
        self.drawn = torch.rand(shape, generator=generator) < probability
        return self.drawn


@pytest.mark.filterwarnings("ignore:.*support masking")
@pytest.mark.parametrize("more", [{}, {"use_causal_mask": True}, {"dropout": 0.4}], ids=str)
@pytest.mark.parametrize("kind", PLAIN)
def test_masks_causality_and_dropout_are_keras_s(kind, more, monkeypatch):
    ours, theirs, weights = built(PLAIN[kind] | more)
    ports = {"query": tensor(*SHAPES[0]), "value": tensor(*SHAPES[1], seed=1)}
    masks = [some(TIME, seed=1), some(OTHER, seed=2), None]
    random, training = Fixed(), "dropout" in more
    function = FUNCTIONS.get(kind, engine.attention)
    if kind == "groups":
        function = functools.partial(function, penalize=lambda word, value: None)
    given = function(ours, nested(weights), **ports, training=training, masks=masks, random=random)
    monkeypatch.setattr(
        backend.random, "dropout",
        lambda x, rate, noise_shape=None, seed=None: x * random.drawn / (1 - rate),
    )  # fmt: skip
    fed = [masked(x.detach().clone().requires_grad_(), mask)
           for x, mask in zip(ports.values(), masks, strict=False)]  # fmt: skip
    called = fed if kind == "groups" else [fed]
    wished = theirs(*called, training=training, **theirs.at_call)
    torch.testing.assert_close(given.value, wished, rtol=1e-5, atol=1e-5)
    assert given.mask is masks[0]
    mine = torch.autograd.grad(given.value.square().sum(), [*ports.values(), *weights.values()])
    leaves = [*fed, *(v.value for v in theirs.trainable_weights)]
    keras_s = torch.autograd.grad(wished.square().sum(), leaves)
    for a, b in zip(mine, keras_s, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("plain", "shapes", "message"), [
    (PLAIN["dot"], [(4, 6), (5, 3)], "queries and keys have the same features, and 6 is not 3"),
    (PLAIN["additive"], [(4, 6), (5, 6), (4, 6)], "a key for each value"),
    (GROUPS, [(4, 6), (5, 6), None, (4, 4)], "`attention_mask` is"),
])  # fmt: skip
def test_tensors_that_do_not_go_together_are_refused(plain, shapes, message):
    with pytest.raises(Reject, match=message):
        bind("layers", plain).shape(*shapes)


@pytest.mark.parametrize(("plain", "message"), [
    (GROUPS | {"num_query_heads": 3}, "2 does not divide 3 query heads"),
    (GROUPS | {"flash_attention": True, "dropout": 0.1}, "flash attention has no `dropout`"),
    (GROUPS | {"key_dim": 3}, "has no argument `key_dim`"),
    (PLAIN["dot"] | {"score_mode": "sum"}, "`score_mode` of `Attention` is"),
])  # fmt: skip
def test_what_keras_refuses_is_refused(plain, message):
    with pytest.raises(Rejected, match=message):
        bind("layers", plain)


def test_heads_that_share_nothing_are_ordinary_ones():
    whole = bind("layers", GROUPS | {"num_key_value_heads": 4})
    plain = bind("layers", {"type": "MultiHeadAttention", "num_heads": 4, "key_dim": 2})
    assert [w.shape for w in whole.weights(*SHAPES)] == [w.shape for w in plain.weights(*SHAPES)]
    assert whole.flops(SHAPES[0], *SHAPES) == plain.flops(SHAPES[0], *SHAPES)


def test_sequences_of_unknown_length_flow():
    layer = bind("layers", {"type": "Attention", "return_attention_scores": True})
    assert layer.shape(("time", 6), (None, 6)) == [("time", 6), ("time", None)]
    assert layer.flops(("time", 6), ("time", 6), (None, 6)) is None
