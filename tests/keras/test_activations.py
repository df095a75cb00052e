from __future__ import annotations

import keras
import pytest
import torch

from modelspec.catalog.words import bind, find, names, snake
from modelspec.engine.activations import ACTIVATIONS, activate
from modelspec.language.word import Reject
from modelspec.source.diagnostics import Rejected

BARE = [name for name in names("activations") if name != "Threshold"]  # which needs arguments
CASES = [
    *BARE,
    {"type": "Threshold", "threshold": 0.5, "default_value": -1.0},
    {"type": "Celu", "alpha": 0.7},
    {"type": "Glu", "axis": 2},
    {"type": "HardShrink", "threshold": 0.2},
    {"type": "SoftShrink", "threshold": 1.5},
    {"type": "Squareplus", "b": 0.5},
    {"type": "Relu", "negative_slope": 0.1},
    {"type": "Relu", "max_value": 1.5},
    {"type": "Relu", "max_value": 6},
    {"type": "Relu", "threshold": 0.5},
    {"type": "Relu", "threshold": -0.5, "max_value": 2.0},
    {"type": "Relu", "negative_slope": 0.2, "max_value": 1.5, "threshold": 0.5},
    {"type": "LeakyRelu", "negative_slope": 0.01},
    {"type": "Elu", "alpha": 0.7},
    {"type": "Gelu", "approximate": True},
    {"type": "Softmax", "axis": 1},
    {"type": "LogSoftmax", "axis": 1},
]


def keras_function(case):
    plain = {"type": case} if isinstance(case, str) else dict(case)
    function = keras.activations.get(snake(plain.pop("type")))
    return lambda x: function(x, **plain)


@pytest.mark.parametrize("case", [case for case in CASES if case != "Sparsemax"], ids=str)
def test_values_and_gradients_are_those_of_keras(case):
    torch.manual_seed(0)
    x = (torch.randn(7, 5, 6) * 3).requires_grad_()
    ours, theirs = activate(bind("activations", case), x), keras_function(case)(x)
    weight = torch.randn(ours.shape)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    gradients = [torch.autograd.grad((y * weight).sum(), x)[0] for y in (ours, theirs)]
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", [*names("activations"), "swish", "hard_swish"])
def test_keras_finds_the_same_function_under_every_spelling(name):
    assert callable(getattr(keras.activations, snake(name)))
    assert find("activations", snake(name)) in ACTIVATIONS


def test_no_activation_is_linear():
    x = torch.randn(3)
    assert activate(None, x) is x


@pytest.mark.parametrize("case", CASES, ids=str)
def test_values_stay_within_the_declared_bounds(case):
    word = bind("activations", case)
    y = activate(word, torch.linspace(-50, 50, 999)[:, None, None].expand(-1, 2, 2))
    assert word.low is None or y.min() >= word.low
    assert word.high is None or y.max() <= word.high


@pytest.mark.parametrize("name", [n for n in dir(keras.activations) if n[0] != "_"])
def test_no_function_of_keras_is_missing(name):
    if name not in ("get", "serialize", "deserialize"):
        assert find("activations", name) in ACTIVATIONS


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("case", [case for case in CASES if case != "Sparsemax"], ids=str)
def test_other_dtypes_are_kept_within_their_precision(case, dtype):
    torch.manual_seed(0)
    x = (torch.randn(4, 6, 6) * 3).to(dtype)
    ours, theirs = activate(bind("activations", case), x), keras_function(case)(x)
    assert ours.dtype == dtype
    step = torch.finfo(dtype).eps  # at 1, which is the size of what is added up
    near = {"rtol": 1e-12, "atol": 1e-12} if step < 1e-9 else {"rtol": 2 * step, "atol": step}
    torch.testing.assert_close(ours, theirs.to(dtype), **near)


@pytest.mark.parametrize("axis", [-1, 1])
def test_sparsemax_is_the_nearest_distribution_and_that_of_keras_where_one_value_is_left(axis):
    """Where several are, Keras 3.15 adds running sums up twice: its values sum to less than 1."""
    torch.manual_seed(0)
    x = torch.randn(6, 5, 7, requires_grad=True)
    word = bind("activations", {"type": "Sparsemax", "axis": axis})
    y = activate(word, x)
    torch.testing.assert_close(y.sum(axis), torch.ones_like(y.sum(axis)))
    # The nearest point of a convex set: no other point of it makes an acute angle with x - y.
    others = torch.softmax(torch.randn(500, 6, 5, 7) * 3, dim=axis if axis < 0 else axis + 1)
    assert (((x - y) * (others - y)).sum(axis if axis < 0 else axis + 1) < 1e-5).all()
    assert torch.autograd.gradcheck(lambda x: activate(word, x), x.double()[:2])
    far = 5 * x.detach()
    ours, theirs = activate(word, far), keras.activations.sparsemax(far, axis)
    one = (ours > 0).sum(axis) == 1
    assert one.any()
    torch.testing.assert_close(ours.amax(axis)[one], theirs.amax(axis)[one])


def test_probabilities_of_sparsemax_sum_to_one():
    x = torch.tensor([[1e4, 0.0, -1e4], [1.0, 1.0, 1.0], [0.3, 0.2, -5.0]])
    y = activate(bind("activations", "sparsemax"), x)
    torch.testing.assert_close(y.sum(-1), torch.ones(3))
    assert (y[0] == torch.tensor([1.0, 0.0, 0.0])).all()


@pytest.mark.parametrize(("axis", "given", "made"), [
    (-1, (4, 6), (4, 3)), (1, (4, 6), (2, 6)), (2, (4, None), (4, None)),
])  # fmt: skip
def test_glu_halves_the_shape(axis, given, made):
    assert bind("activations", {"type": "Glu", "axis": axis}).shape(given) == made


@pytest.mark.parametrize(("axis", "given"), [(-1, (4, 5)), (0, (4, 6)), (3, (4, 6)), (-3, (4, 6))])
def test_glu_refuses_what_it_cannot_halve(axis, given):
    with pytest.raises(Reject):
        bind("activations", {"type": "Glu", "axis": axis}).shape(given)


def test_a_layer_of_its_own_is_what_may_change_a_shape():
    assert bind("layers", {"type": "Activation", "activation": "glu"}).shape((3, 8)) == (3, 4)
    with pytest.raises(Rejected) as caught:
        bind("layers", {"type": "Dense", "units": 4, "activation": "glu"})
    (fault,) = caught.value.diagnostics
    assert "{type: Activation, activation: glu}" in fault.help[0]
