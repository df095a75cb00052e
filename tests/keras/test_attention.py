"""MultiHeadAttention where the driver does not reach: masks together, dropout, refusals, counts."""

from __future__ import annotations

import itertools

import pytest
import torch
from keras.src import backend

from modelspec.catalog.words import bind
from modelspec.engine.layers import attention as engine
from modelspec.language.word import Reject
from modelspec.source.diagnostics import Rejected
from tests.keras.driver import call_ours, drawn_weight, keras_layer, nested

BATCH, TIME, OTHER, FEATURES = 3, 4, 5, 6
PLAIN = {"type": "MultiHeadAttention", "num_heads": 2, "key_dim": 3}


def pair(plain, *shapes):
    """Our layer, Keras's, built, and weights that both hold."""
    ours, theirs = bind("layers", plain), keras_layer(plain)
    generator = torch.Generator().manual_seed(0)
    weights = {
        w.name: drawn_weight(w, generator).requires_grad_()
        for w in ours.weights(*shapes)
    }  # fmt: skip
    theirs.build(*[(BATCH, *shape) for shape in shapes])
    for variable, value in zip(theirs.trainable_weights, weights.values(), strict=True):
        variable.assign(value.detach())
    return ours, theirs, weights


def tensor(*shape, seed=0):
    drawn = torch.randn(BATCH, *shape, generator=torch.Generator().manual_seed(seed))
    return drawn.requires_grad_()


def some(*shape, seed=0):
    """A mask; the last sample has nothing to see."""
    mask = torch.rand(BATCH, *shape, generator=torch.Generator().manual_seed(seed)) < 0.7
    mask[-1] = False
    return mask


def masked(x, mask):
    if mask is not None:
        backend.set_keras_mask(x, mask)
    return x


USED = [u for u in itertools.product([False, True], repeat=4) if sum(u) > 1 or u[1]]


@pytest.mark.parametrize("scores", [False, True], ids=["fused", "scores"])
@pytest.mark.parametrize("more", [{}, {"use_causal_mask": True}, {"sliding_window": 2}], ids=str)
@pytest.mark.parametrize("used", USED, ids=str)
def test_all_masks_hold_together(used, more, scores):
    plain = PLAIN | more | {"return_attention_scores": scores}
    shapes = (TIME, FEATURES), (OTHER, FEATURES), (OTHER, FEATURES)
    ours, theirs, weights = pair(plain, *shapes)
    masks = [
        some(length, seed=i) if use else None
        for i, (use, length) in enumerate(zip(used, (TIME, OTHER, OTHER), strict=False))
    ]
    names = ("query", "value", "key")
    ports = {n: tensor(*s, seed=9 + len(n)) for n, s in zip(names, shapes, strict=True)}
    theirs_ports = {name: x.detach().clone().requires_grad_() for name, x in ports.items()}
    allowed = {"attention_mask": some(TIME, OTHER, seed=4)} if used[3] else {}
    given = call_ours(ours, weights, ports | allowed, dict(zip(names, masks, strict=True)))
    fed = {n: masked(x, m) for (n, x), m in zip(theirs_ports.items(), masks, strict=True)}
    wished = theirs(**fed, **allowed, **theirs.at_call)
    wished = wished if scores else (wished,)
    for y, other in zip(given.outputs, wished, strict=True):
        torch.testing.assert_close(y, other, rtol=1e-5, atol=1e-5)
    leaves = [*ports.values(), *weights.values()]
    their_leaves = [*theirs_ports.values(), *(v.value for v in theirs.trainable_weights)]
    mine = torch.autograd.grad(given.outputs[0].square().sum(), leaves)
    keras_s = torch.autograd.grad(wished[0].square().sum(), their_leaves)
    for a, b in zip(mine, keras_s, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)
    handed_on = given.mask[0] if scores else given.mask
    assert handed_on is masks[0]


def test_a_given_mask_may_differ_between_heads():
    ours, theirs, weights = pair(PLAIN, (TIME, FEATURES), (OTHER, FEATURES))
    ports = {"query": tensor(TIME, FEATURES), "value": tensor(OTHER, FEATURES, seed=1)}
    mask = {"attention_mask": some(2, TIME, OTHER)}
    wished = theirs(**ports, **mask)
    given = call_ours(ours, weights, ports | mask)
    torch.testing.assert_close(given.outputs[0], wished, rtol=1e-5, atol=1e-5)
    # Together with a mask of its inputs Keras mixes samples with heads; here both hold.
    hidden = torch.zeros(BATCH, OTHER).bool()
    hidden[:, 0] = True
    both = call_ours(ours, weights, ports | {"attention_mask": mask["attention_mask"] | True},
                     {"value": hidden}).outputs[0]  # fmt: skip
    first = ports | {"value": ports["value"][:, :1]}
    torch.testing.assert_close(both, call_ours(ours, weights, first).outputs[0])


def test_masks_reach_the_axes_that_are_attended_over():
    plain = PLAIN | {"attention_axes": 2}
    ours, _, weights = pair(plain, (2, TIME, FEATURES), (2, OTHER, FEATURES))
    ports = {"query": tensor(2, TIME, FEATURES), "value": tensor(2, OTHER, FEATURES, seed=1)}
    mask = torch.ones(BATCH, 2, OTHER).bool()
    mask[:, :, 3:] = False
    given = call_ours(ours, weights, ports, {"value": mask}).outputs[0]
    shorter = ports | {"value": ports["value"][:, :, :3]}
    torch.testing.assert_close(given, call_ours(ours, weights, shorter).outputs[0])


def test_dropped_scores_are_keras_s_given_the_same_draw(monkeypatch):
    plain = PLAIN | {"dropout": 0.4}
    ours, theirs, weights = pair(plain, (TIME, FEATURES), (OTHER, FEATURES))
    ports = {"query": tensor(TIME, FEATURES), "value": tensor(OTHER, FEATURES, seed=1)}
    drawn = []

    class Fixed:
        def bernoulli(self, shape, probability):
            keep = torch.rand(shape, generator=torch.Generator().manual_seed(1)) < probability
            drawn.append(keep)
            return keep

    function = engine.multi_head_attention
    given = function(ours, nested(weights), **ports, training=True, masks=[None] * 4,
                     random=Fixed(), penalize=lambda word, value: None)  # fmt: skip
    monkeypatch.setattr(
        backend.random, "dropout",
        lambda x, rate, noise_shape=None, seed=None: x * drawn[0] / (1 - rate),
    )  # fmt: skip
    torch.testing.assert_close(given.value, theirs(**ports, training=True), rtol=1e-5, atol=1e-5)
    assert drawn[0].shape == (BATCH, 2, TIME, OTHER)


@pytest.mark.parametrize(("shapes", "message"), [
    ([(4, 6), (2, 5, 6)], "as many axes as each other"),
    ([(4, 6), (5, 6), (4, 6)], "a key for each value"),
    ([(4, 6), (5, 6), None, (5, 4)], r"`attention_mask` is \(5, 4\), and the scores are \(2, 4"),
    ([(4, 6), (5, 6), None, (5,)], "`attention_mask` is"),
])  # fmt: skip
def test_tensors_that_do_not_go_together_are_refused(shapes, message):
    with pytest.raises(Reject, match=message):
        bind("layers", PLAIN).shape(*shapes)


def test_axes_that_are_not_there_are_refused():
    layer = bind("layers", PLAIN | {"attention_axes": [1, 3]})
    with pytest.raises(Reject, match="are not axes between the batch"):
        layer.shape((2, 4, 6), (2, 5, 6))
    apart = bind("layers", PLAIN | {"attention_axes": -2})
    assert apart.shape((2, 4, 6), (2, 5, 6)) == (2, 4, 6)
    with pytest.raises(Reject, match="axis 1 is not attended over, and 2 is not 3"):
        apart.shape((2, 4, 6), (3, 5, 6))


@pytest.mark.parametrize(("more", "message"), [
    ({"flash_attention": True, "dropout": 0.1}, "flash attention has no `dropout`"),
    ({"flash_attention": True, "return_attention_scores": True}, "no `return_attention_scores`"),
])  # fmt: skip
def test_what_keras_refuses_is_refused(more, message):
    with pytest.raises(Rejected, match=message):
        bind("layers", PLAIN | more)


def test_operations_are_counted():
    layer = bind("layers", PLAIN | {"value_dim": 5})
    queries, keys, values = 4 * 6 * (2 * 6 + 2), 5 * 6 * (2 * 8 + 1), 5 * 10 * (2 * 7 + 1)
    mixing, output = 2 * 2 * 4 * 5 * (3 + 5), 4 * 6 * (2 * 10 + 1)
    shapes = (4, 6), (5, 7), (5, 8)
    assert layer.flops((4, 6), *shapes) == queries + keys + values + mixing + output
    gated = bind("layers", PLAIN | {"value_dim": 5, "use_gate": True})
    assert gated.flops((4, 6), *shapes) - layer.flops((4, 6), *shapes) == 4 * 10 * (2 * 6 + 2)
    assert layer.flops(("time", 6), ("time", 6), ("time", 6)) is None


def test_sequences_of_unknown_length_flow():
    layer = bind("layers", PLAIN | {"return_attention_scores": True})
    assert layer.shape(("time", 6), (None, 6)) == [("time", 6), (2, "time", None)]
    assert layer.shape(("time", 6), ("time", 6), None, ("time", "time")) == [
        ("time", 6), (2, "time", "time"),
    ]  # fmt: skip
