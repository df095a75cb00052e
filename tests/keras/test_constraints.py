from __future__ import annotations

import keras
import pytest
import torch

from modelspec.catalog.words import bind, find
from modelspec.engine.constraints import PROJECTIONS, project
from modelspec.source.diagnostics import Rejected

CASES = [
    {"type": "MaxNorm"},
    {"type": "MaxNorm", "max_value": 0.5, "axis": 1},
    {"type": "MaxNorm", "max_value": 1.5, "axis": [0, 1, 2]},
    {"type": "MinMaxNorm"},
    {"type": "MinMaxNorm", "min_value": 2.0, "max_value": 3.0, "rate": 0.5, "axis": [0, 1]},
    {"type": "NonNeg"},
    {"type": "UnitNorm"},
    {"type": "UnitNorm", "axis": [0, 1, 2]},
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_values_are_those_of_keras(case):
    torch.manual_seed(0)
    w = torch.randn(3, 4, 5, 6)
    w[:, :, :, 0] = 0
    plain = {k: v for k, v in case.items() if k != "type"}
    theirs = getattr(keras.constraints, case["type"])(**plain)(w)
    torch.testing.assert_close(project(bind("constraints", case), w), theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["max_norm", "min_max_norm", "non_neg", "unit_norm"])
def test_keras_spellings_find_every_constraint(name):
    assert callable(keras.constraints.get(name))
    assert find("constraints", name) in PROJECTIONS


def test_an_axis_that_the_weight_does_not_have_is_a_misfit():
    word = bind("constraints", {"type": "MaxNorm", "axis": [0, 2]})
    assert "(3, 4)" in str(word.misfit((3, 4)))
    assert word.misfit((3, 4, 5)) is None
    assert bind("constraints", "NonNeg").misfit((3,)) is None


def test_bounds_in_the_wrong_order_are_refused():
    with pytest.raises(Rejected):
        bind("constraints", {"type": "MinMaxNorm", "min_value": 2, "max_value": 1})
