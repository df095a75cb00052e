from __future__ import annotations

import keras
import pytest
import torch

from modelspec.catalog.words import bind, find, names, snake
from modelspec.engine.activations import ACTIVATIONS, activate

CASES = [
    *names("activations"),
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


@pytest.mark.parametrize("case", CASES, ids=str)
def test_values_and_gradients_are_those_of_keras(case):
    torch.manual_seed(0)
    x = (torch.randn(7, 5, 6) * 3).requires_grad_()
    weight = torch.randn(7, 5, 6)
    ours, theirs = activate(bind("activations", case), x), keras_function(case)(x)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    gradients = [torch.autograd.grad((y * weight).sum(), x)[0] for y in (ours, theirs)]
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", [*names("activations"), "swish", "hard_swish"])
def test_keras_finds_the_same_function_under_every_spelling(name):
    assert callable(keras.activations.get(snake(name)))
    assert find("activations", snake(name)) in ACTIVATIONS


def test_no_activation_is_linear():
    x = torch.randn(3)
    assert activate(None, x) is x


@pytest.mark.parametrize("case", CASES, ids=str)
def test_values_stay_within_the_declared_bounds(case):
    word = bind("activations", case)
    y = activate(word, torch.linspace(-50, 50, 999)[:, None].expand(-1, 2)[:, :, None])
    assert word.low is None or y.min() >= word.low
    assert word.high is None or y.max() <= word.high
