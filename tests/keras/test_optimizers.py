from __future__ import annotations

import inspect

import keras
import pytest
import torch

from modelspec.catalog.words import bind, find, names
from modelspec.engine.averages import follow, gathered, updates
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
NEW = [
    {"type": "Adadelta", "learning_rate": 1.0},
    {"type": "Adadelta", "learning_rate": COSINE, "rho": 0.8, "epsilon": 1e-3, "weight_decay": 0.1},
    {"type": "Adafactor"},
    {"type": "Adafactor", "learning_rate": COSINE, "beta_2_decay": -0.5, "clip_threshold": 0.5},
    {"type": "Adafactor", "relative_step": False, "epsilon_1": 1e-3, "epsilon_2": 0.1},
    {"type": "Adafactor", "learning_rate": 0.9, "weight_decay": 0.01},
    {"type": "Adamax"},
    {"type": "Adamax", "learning_rate": COSINE, "beta_1": 0.7, "beta_2": 0.8, "epsilon": 1e-3},
    {"type": "Adamax", "weight_decay": 0.1},
    {"type": "Nadam"},
    {"type": "Nadam", "learning_rate": COSINE, "beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-3},
    {"type": "Nadam", "weight_decay": 0.1},
    {"type": "Ftrl"},
    {"type": "Ftrl", "learning_rate": 0.1, "l1_regularization_strength": 0.1, "beta": 0.1},
    {"type": "Ftrl", "learning_rate": COSINE, "l2_regularization_strength": 0.1},
    {"type": "Ftrl", "l2_shrinkage_regularization_strength": 0.1, "learning_rate_power": -0.4,
     "initial_accumulator_value": 0.5},
    {"type": "Lion"},
    {"type": "Lion", "learning_rate": COSINE, "beta_1": 0.7, "beta_2": 0.8, "weight_decay": 0.1},
    {"type": "Lamb"},
    {"type": "Lamb", "learning_rate": COSINE, "beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-3},
    {"type": "Lamb", "weight_decay": 0.1},
    {"type": "ScheduleFreeAdamW"},
    {"type": "ScheduleFreeAdamW", "learning_rate": 0.1, "beta_1": 0.5, "warmup_steps": 5},
    {"type": "ScheduleFreeAdamW", "beta_2": 0.9, "epsilon": 1e-3, "weight_decay": 0.1},
    {"type": "Muon"},
    {"type": "Muon", "learning_rate": COSINE, "nesterov": False, "momentum": 0.5, "ns_steps": 3},
    {"type": "Muon", "rms_rate": None, "weight_decay": None, "adam_weight_decay": 0.1},
    {"type": "Muon", "adam_lr_ratio": 0.5, "adam_beta_1": 0.5, "adam_beta_2": 0.9, "epsilon": 1e-3},
    {"type": "Muon", "muon_a": 2.0, "muon_b": -1.5, "muon_c": 0.5, "adam_weight_decay": None},
    {"type": "Muon", "exclude_layers": ["out"], "exclude_embeddings": False},
]  # fmt: skip
COMMON = [
    {"use_ema": True},
    {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 3},
    {"gradient_accumulation_steps": 4},
    {"gradient_accumulation_steps": 3, "clipnorm": 0.5, "learning_rate": COSINE},
    {"gradient_accumulation_steps": 2, "use_ema": True, "ema_overwrite_frequency": 2},
    {"global_clipnorm": 0.5, "weight_decay": 0.1},
]
NAMES = [
    "dense.kernel",
    "dense.bias",
    "conv.kernel",
    "other.bias",
    "words.embeddings",
    "out.kernel",
]
SHAPES = [(7, 5), (5,), (3, 3, 2, 4), (1,), (6, 4), (3, 8)]


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


def variable(w, name):
    made = keras.Variable(w.numpy().copy(), name=name)
    made._path = name.replace(".", "/")
    return made


@pytest.fixture
def own_memory(monkeypatch):
    """Keras's other backends put a new value in a variable's place. On torch it is written into the
    old one, and ScheduleFreeAdamW then finds the new momentum where it has kept the old.
    """
    own = {"_direct_assign": lambda self, value: setattr(self, "_value", value.clone())}
    monkeypatch.setattr(
        keras.src.backend.torch.core.Variable, "_direct_assign", own["_direct_assign"]
    )


def step_of(word, weights, state, grads, step):
    """What the training step does with an optimizer."""
    found = gathered(word, state, list(range(len(grads))), grads, step)
    if found is not None:
        by = rate(word.learning_rate, step - 1)
        update(word, weights, clip(word, found), state, by, updates(word, step))
    follow(word, weights, state, step)


SHARED = [{"type": name, **more} for name in ("SGD", "Adam", "Adafactor") for more in COMMON]


@pytest.mark.parametrize("case", [*CASES, *NEW, *SHARED], ids=str)
def test_twenty_steps_are_those_of_keras(case, request):
    if case["type"] == "ScheduleFreeAdamW":
        request.getfixturevalue("own_memory")
    torch.manual_seed(0)
    weights = [torch.randn(shape) for shape in SHAPES]
    variables = [variable(w, name) for w, name in zip(weights, NAMES, strict=True)]
    theirs, word = keras_optimizer(case), bind("optimizers", case)
    state = begin(word, weights, NAMES)
    assert tuple(state) == word.kept()
    for step in range(1, 21):
        grads = gradients(step)
        theirs.apply([g.clone() for g in grads], variables)
        step_of(word, weights, state, grads, step)
        for ours, wanted in zip(weights, variables, strict=True):
            torch.testing.assert_close(ours, wanted.value.detach(), rtol=1e-5, atol=1e-5)
    theirs.finalize_variable_values(variables)
    for ours, wanted in zip(state.get("average", weights), variables, strict=True):
        torch.testing.assert_close(ours, wanted.value.detach(), rtol=1e-5, atol=1e-5)


def test_muon_takes_matrices_that_are_no_embeddings():
    weights = [torch.randn(shape) for shape in SHAPES]
    state = begin(bind("optimizers", "muon"), weights, NAMES)
    assert [v.ndim for v in state["velocity"]] == [0, 1, 4, 1, 2, 0]


def test_adafactor_remembers_rows_and_columns_alone():
    state = begin(bind("optimizers", "adafactor"), [torch.randn(300, 200)])
    assert sum(t.numel() for held in state.values() for t in held) == 501


def test_lookahead_is_exact_after_many_steps():
    word, weight = bind("optimizers", "nadam"), torch.ones(1)
    state = begin(word, [weight])
    for step in (2000, 200_000):
        update(word, [weight], [torch.ones(1)], state, 0.1, step)
    assert weight.isfinite().all()


def test_a_rate_of_zero_moves_nothing():
    for name in names("optimizers"):
        weight, word = torch.ones(2, 2), bind("optimizers", name)
        update(word, [weight], [torch.ones(2, 2)], begin(word, [weight]), 0.0, 1)
        torch.testing.assert_close(weight, torch.ones(2, 2))


@pytest.mark.parametrize("name", [n for n in dir(keras.optimizers) if n[0].isupper()])
def test_no_optimizer_of_keras_is_missing(name):
    bases = ("Optimizer", "OptimizerMap", "MultiOptimizer", "LossScaleOptimizer")
    assert name in bases or find("optimizers", name) in UPDATES


@pytest.mark.parametrize("name", names("optimizers"))
def test_arguments_are_those_of_keras(name):
    parameters = inspect.signature(getattr(keras.optimizers, name).__init__).parameters
    theirs = {n for n, p in parameters.items() if p.kind is not p.VAR_KEYWORD}
    assert set(bind("optimizers", name).arguments) == theirs - {"self", "name"}


def test_what_is_no_regular_expression_is_refused():
    with pytest.raises(Rejected):
        bind("optimizers", {"type": "Muon", "exclude_layers": ["("]})


@pytest.mark.parametrize("name", names("optimizers"))
def test_defaults_are_those_of_keras(name):
    word, theirs = bind("optimizers", name), getattr(keras.optimizers, name)().get_config()
    for argument in word.arguments:
        ours = getattr(word, argument)
        assert (ours or None) == (theirs[argument] or None) or ours == pytest.approx(
            theirs[argument]
        ), argument


@pytest.mark.parametrize("name", names("optimizers"))
def test_nothing_to_change_is_no_fault(name):
    word = bind("optimizers", {"type": name, "weight_decay": 0.1, "global_clipnorm": 1.0})
    update(word, [], clip(word, []), begin(word, []), 0.1, 1)


@pytest.mark.parametrize("case", [*CASES[:19], *NEW], ids=str)
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
@pytest.mark.parametrize("case", [*CASES[:19], *(c for c in NEW if c["type"] != "Muon")], ids=str)
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


@pytest.mark.parametrize("name", [name.lower() for name in names("optimizers") if name != "Lamb"])
def test_keras_spellings_find_every_optimizer(name):
    cls = find("optimizers", name)
    assert cls in UPDATES
    assert type(keras.optimizers.get(name)).__name__ == cls.__name__
