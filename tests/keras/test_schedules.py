from __future__ import annotations

import keras
import pytest

from modelspec.catalog.words import bind, find, names
from modelspec.engine.schedules import RATES, rate
from modelspec.source.diagnostics import Rejected

START = {"initial_learning_rate": 0.1}
CASES = [
    {"type": "ExponentialDecay", **START, "decay_steps": 10, "decay_rate": 0.5},
    {"type": "ExponentialDecay", **START, "decay_steps": 7, "decay_rate": 0.9, "staircase": True},
    {"type": "PiecewiseConstantDecay", "boundaries": [5, 20], "values": [1.0, 0.5, 0.1]},
    {"type": "PiecewiseConstantDecay", "boundaries": [8], "values": [0.1, 0.01]},
    {"type": "PolynomialDecay", **START, "decay_steps": 20},
    {"type": "PolynomialDecay", **START, "decay_steps": 20, "power": 0.5, "cycle": True},
    {"type": "PolynomialDecay", **START, "decay_steps": 30, "end_learning_rate": 0.01, "power": 2},
    {"type": "InverseTimeDecay", **START, "decay_steps": 2.5, "decay_rate": 0.5},
    {"type": "InverseTimeDecay", **START, "decay_steps": 4, "decay_rate": 0.5, "staircase": True},
    {"type": "CosineDecay", **START, "decay_steps": 25},
    {"type": "CosineDecay", **START, "decay_steps": 25, "alpha": 0.1},
    {"type": "CosineDecay", **START, "decay_steps": 25, "warmup_target": 1.0, "warmup_steps": 10},
    {"type": "CosineDecay", **START, "decay_steps": 25, "warmup_target": 1.0, "alpha": 0.2},
    {"type": "CosineDecayRestarts", **START, "first_decay_steps": 7},
    {"type": "CosineDecayRestarts", **START, "first_decay_steps": 7, "t_mul": 1.0, "m_mul": 0.5},
    {"type": "CosineDecayRestarts", **START, "first_decay_steps": 6, "t_mul": 1.5, "alpha": 0.1},
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rates_are_those_of_keras(case):
    plain = {k: v for k, v in case.items() if k != "type"}
    theirs = getattr(keras.optimizers.schedules, case["type"])(**plain)
    word = bind("schedules", case)
    for step in [*range(50), 1000]:
        if case["type"] == "CosineDecayRestarts" and step in (7, 14, 15, 21, 28, 35, 42, 49):
            continue  # restarts: Keras, in single precision, rounds to either side of them
        assert rate(word, step) == pytest.approx(float(theirs(step)), rel=1e-5, abs=1e-8), step


def test_a_wave_begins_anew_at_its_end():
    word = bind("schedules", {"type": "CosineDecayRestarts", **START, "first_decay_steps": 7})
    assert rate(word, 7) == rate(word, 21) == 0.1


def test_a_number_is_a_constant_rate():
    assert rate(0.25, 3) == 0.25


@pytest.mark.parametrize("name", names("schedules"))
def test_every_schedule_has_a_formula(name):
    assert find("schedules", name) in RATES
    assert name == "Warmup" or hasattr(keras.optimizers.schedules, name)


@pytest.mark.parametrize("name", [n for n in dir(keras.optimizers.schedules) if n[0].isupper()])
def test_no_schedule_of_keras_is_missing(name):
    assert name == "LearningRateSchedule" or find("schedules", name) in RATES


def test_a_warm_up_before_any_schedule_is_that_of_cosine_decay():
    cosine = {"type": "CosineDecay", "initial_learning_rate": 1.0, "decay_steps": 25}
    warm = {"type": "Warmup", "schedule": cosine, "steps": 10, "initial_learning_rate": 0.1}
    theirs = keras.optimizers.schedules.CosineDecay(
        0.1, decay_steps=25, warmup_target=1.0, warmup_steps=10
    )
    for step in range(50):
        assert rate(bind("schedules", warm), step) == pytest.approx(float(theirs(step)), rel=1e-5)


def test_a_warm_up_may_lead_to_a_constant_rate():
    word = bind("schedules", {"type": "Warmup", "schedule": 0.4, "steps": 4})
    assert [rate(word, step) for step in range(6)] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.4])


@pytest.mark.parametrize(
    ("boundaries", "values"), [([1, 2], [0.1, 0.2]), ([2, 1], [0.1, 0.2, 0.3]), ([], [0.1])]
)
def test_boundaries_that_make_no_sense_are_refused(boundaries, values):
    case = {"type": "PiecewiseConstantDecay", "boundaries": boundaries, "values": values}
    with pytest.raises(Rejected):
        bind("schedules", case)
