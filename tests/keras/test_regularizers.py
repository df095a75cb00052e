from __future__ import annotations

import keras
import pytest
import torch

from modelspec.catalog.words import bind
from modelspec.engine.regularizers import penalty
from modelspec.source.diagnostics import Rejected

CASES = [
    {"type": "L1"},
    {"type": "L1", "l1": 0.3},
    {"type": "L2"},
    {"type": "L2", "l2": 0.2},
    {"type": "L1L2"},
    {"type": "L1L2", "l1": 0.3, "l2": 0.2},
    {"type": "L1L2", "l1": 0.3},
    {"type": "L1L2", "l2": 0.3},
    {"type": "OrthogonalRegularizer"},
    {"type": "OrthogonalRegularizer", "factor": 0.5, "mode": "columns"},
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_values_and_gradients_are_those_of_keras(case):
    torch.manual_seed(0)
    w = torch.randn(6, 4, requires_grad=True)
    plain = {k: v for k, v in case.items() if k != "type"}
    ours = penalty(bind("regularizers", case), w)
    theirs = getattr(keras.regularizers, case["type"])(**plain)(w)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-7)
    if theirs.requires_grad:
        gradients = [torch.autograd.grad(y, w)[0] for y in (ours, theirs)]
        torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("name", ["l1", "l2", "l1l2", "orthogonal_regularizer"])
def test_keras_spellings_mean_the_same(name):
    w = torch.randn(3, 3)
    theirs = keras.regularizers.get(name)(w)
    torch.testing.assert_close(penalty(bind("regularizers", name), w), theirs)


def test_a_kernel_of_a_convolution_can_be_penalised():
    w = torch.randn(3, 3, 2, 5).permute(3, 0, 1, 2)
    torch.testing.assert_close(penalty(bind("regularizers", "l2"), w), 0.01 * w.square().sum())


def test_orthogonality_is_for_matrices():
    word = bind("regularizers", "orthogonal")
    assert "(3, 3, 2)" in str(word.misfit((3, 3, 2)))
    assert word.misfit((3, 2)) is None


def test_a_negative_factor_is_refused():
    with pytest.raises(Rejected):
        bind("regularizers", {"type": "L2", "l2": -1})
