from __future__ import annotations

import keras
import pytest
import torch

from modelspec.catalog.words import bind, find, names
from modelspec.engine.optimizers import (
    UPDATES,
    accumulate,
    accumulate_unfused,
    begin,
    clip,
    update,
)
from modelspec.engine.schedules import rate
from modelspec.source.diagnostics import Rejected

COSINE = {"type": "CosineDecay", "initial_learning_rate": 0.1, "decay_steps": 15, "alpha": 0.1}
CASES = [
    {"type": "SGD"},
    {"type": "SGD", "learning_rate": 0.1, "momentum": 0.9},
    {"type": "SGD", "learning_rate": COSINE, "momentum": 0.9, "nesterov": True},
    {"type": "SGD", "momentum": 0.5, "weight_decay": 0.1},
    {"type": "RMSprop"},
    {"type": "RMSprop", "learning_rate": 0.1, "rho": 0.5, "epsilon": 1e-3},
    {"type": "RMSprop", "rho": 0.99, "learning_rate": COSINE},
    {"type": "RMSprop", "momentum": 0.9, "learning_rate": 0.01},
    {"type": "RMSprop", "centered": True, "epsilon": 1e-4},
    {"type": "RMSprop", "centered": True, "momentum": 0.5, "weight_decay": 0.01},
    {"type": "Adam"},
    {"type": "Adam", "learning_rate": 0.1, "beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-2},
    {"type": "Adam", "amsgrad": True, "learning_rate": COSINE},
    {"type": "Adam", "weight_decay": 0.1},
    {"type": "AdamW"},
    {"type": "AdamW", "weight_decay": 0.2, "amsgrad": True, "learning_rate": 0.05},
    {"type": "Adagrad"},
    {"type": "Adagrad", "learning_rate": 0.1, "initial_accumulator_value": 0.0, "epsilon": 1e-3},
    {"type": "Adagrad", "learning_rate": COSINE, "weight_decay": 0.01},
    {"type": "SGD", "clipnorm": 0.5},
    {"type": "RMSprop", "clipvalue": 0.3},
    {"type": "Adam", "global_clipnorm": 1.0},
]
SHAPES = [(7, 5), (5,), (3, 3, 2, 4), (1,)]


def keras_optimizer(case):
    plain = {k: v for k, v in case.items() if k != "type"}
    if isinstance(plain.get("learning_rate"), dict):
        schedule = {k: v for k, v in COSINE.items() if k != "type"}
        plain["learning_rate"] = keras.optimizers.schedules.CosineDecay(**schedule)
    return getattr(keras.optimizers, case["type"])(**plain)


def gradients(step):
    """Gradients of every size, with zeros."""
    torch.manual_seed(step)
    grads = [torch.randn(shape) * 10.0 ** (torch.rand(shape) * 4 - 3) for shape in SHAPES]
    grads[0][0] = 0.0
    return grads


@pytest.mark.parametrize("case", CASES, ids=str)
def test_twenty_steps_are_those_of_keras(case):
    torch.manual_seed(0)
    weights = [torch.randn(shape) for shape in SHAPES]
    variables = [keras.Variable(w.numpy().copy()) for w in weights]
    theirs, word = keras_optimizer(case), bind("optimizers", case)
    state = begin(word, weights)
    assert tuple(state) == word.slots()
    for step in range(1, 21):
        grads = gradients(step)
        theirs.apply([g.clone() for g in grads], variables)
        update(word, weights, clip(word, grads), state, rate(word.learning_rate, step - 1), step)
        for ours, variable in zip(weights, variables, strict=True):
            torch.testing.assert_close(ours, variable.value.detach(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", names("optimizers"))
def test_defaults_are_those_of_keras(name):
    word, theirs = bind("optimizers", name), getattr(keras.optimizers, name)().get_config()
    for argument in word.arguments:
        assert getattr(word, argument) == pytest.approx(theirs[argument]), argument


@pytest.mark.parametrize("name", names("optimizers"))
def test_nothing_to_change_is_no_fault(name):
    word = bind("optimizers", {"type": name, "weight_decay": 0.1, "global_clipnorm": 1.0})
    update(word, [], clip(word, []), begin(word, []), 0.1, 1)


@pytest.mark.parametrize("case", CASES[:19], ids=str)
@pytest.mark.parametrize("layout", ["transposed", "expanded", "double"])
def test_gradients_may_lie_in_memory_as_they_like(case, layout):
    word = bind("optimizers", case)
    grad = torch.randn(4, 6).T if layout == "transposed" else torch.randn(6, 4)
    if layout == "expanded":
        grad = torch.randn(6, 1).expand(6, 4)
    given = grad.double() if layout == "double" else grad
    results = []
    for g in (grad.contiguous(), given):
        weights = [torch.full((6, 4), 0.5)]
        state = begin(word, weights)
        for step in range(1, 4):
            update(word, weights, [g], state, 0.1, step)
        results.append(weights[0])
    torch.testing.assert_close(*results, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
@pytest.mark.parametrize("case", CASES[:19], ids=str)
def test_weights_may_be_of_any_float_type(case, dtype):
    word = bind("optimizers", case)
    weights = [torch.ones(3, 4, dtype=dtype), torch.ones(2)]
    state = begin(word, weights)
    update(word, weights, [torch.ones_like(w) for w in weights], state, 0.01, 1)
    torch.testing.assert_close(weights[0].float(), weights[1][0].expand(3, 4), rtol=1e-2, atol=1e-2)


def test_steps_change_weights_in_place():
    weight = torch.ones(3, requires_grad=True)
    word = bind("optimizers", "adam")
    update(word, [weight], [torch.ones(3)], begin(word, [weight]), 0.1, 1)
    assert weight.requires_grad
    assert weight.max() < 1


def test_other_devices_get_the_numbers_of_the_fused_kernel():
    results = []
    for accumulated in (accumulate, accumulate_unfused):
        torch.manual_seed(0)
        targets, sums = [torch.randn(4, 3), torch.randn(2)], [torch.rand(4, 3), torch.rand(2)]
        for _ in range(3):
            accumulated(targets, [torch.randn_like(t) for t in targets], sums, 0.1)
        results.append([*targets, *sums])
    torch.testing.assert_close(*results)


@pytest.mark.parametrize("wrong", [float("inf"), float("nan")])
@pytest.mark.parametrize("how", ["clipnorm", "global_clipnorm"])
def test_clipping_does_not_hide_a_gradient_that_is_not_finite(how, wrong):
    word = bind("optimizers", {"type": "SGD", how: 1.0})
    (clipped,) = clip(word, [torch.tensor([1.0, wrong])])
    assert clipped.isnan().any()


def test_two_ways_to_clip_are_refused():
    with pytest.raises(Rejected):
        bind("optimizers", {"type": "SGD", "clipnorm": 1.0, "clipvalue": 1.0})


@pytest.mark.parametrize("name", ["sgd", "rmsprop", "adam", "adamw", "adagrad"])
def test_keras_spellings_find_every_optimizer(name):
    cls = find("optimizers", name)
    assert cls in UPDATES
    assert type(keras.optimizers.get(name)).__name__ == cls.__name__
