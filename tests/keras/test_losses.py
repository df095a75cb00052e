from __future__ import annotations

import inspect

import keras
import pytest
import torch
import torch.nn.functional as F

from modelspec.catalog.words import bind, find, names
from modelspec.engine.losses import LOSSES, loss, per_sample, reduce

SHAPES = [(6, 5), (4, 3, 5)]
PLAIN = [
    {"type": "MeanSquaredError"},
    {"type": "MeanAbsoluteError"},
    {"type": "Huber"},
    {"type": "Huber", "delta": 0.3},
    {"type": "Hinge"},
    {"type": "SquaredHinge"},
    {"type": "CategoricalHinge"},
    {"type": "CosineSimilarity"},
    {"type": "CosineSimilarity", "axis": 1},
    {"type": "KLDivergence"},
    {"type": "MeanAbsolutePercentageError"},
    {"type": "MeanSquaredLogarithmicError"},
    {"type": "LogCosh"},
    {"type": "Poisson"},
]
OVERLAPS = [
    {"type": "Dice"},
    {"type": "Dice", "axis": [1]},
    {"type": "Dice", "axis": [0, -1]},
    {"type": "Tversky"},
    {"type": "Tversky", "alpha": 0.3, "beta": 0.9, "axis": [1]},
]
CROSS = [
    {"type": "BinaryCrossentropy"},
    {"type": "BinaryCrossentropy", "label_smoothing": 0.2},
    {"type": "BinaryCrossentropy", "axis": 1},
    {"type": "CategoricalCrossentropy"},
    {"type": "CategoricalCrossentropy", "label_smoothing": 0.1},
    {"type": "SparseCategoricalCrossentropy"},
    {"type": "SparseCategoricalCrossentropy", "ignore_class": 2},
]
FOCAL = [
    {"type": "BinaryFocalCrossentropy"},
    {"type": "BinaryFocalCrossentropy", "apply_class_balancing": True, "alpha": 0.7, "gamma": 1.5},
    {"type": "BinaryFocalCrossentropy", "label_smoothing": 0.2, "axis": 1},
    {"type": "CategoricalFocalCrossentropy"},
    {"type": "CategoricalFocalCrossentropy", "alpha": 0.6, "gamma": 0.5, "label_smoothing": 0.1},
]
LOGITS = [{**case, "from_logits": True} for case in [*CROSS, *FOCAL]]
GENERALIZED = [
    {"type": "CategoricalGeneralizedCrossEntropy"},
    {"type": "CategoricalGeneralizedCrossEntropy", "q": 0.9},
]
CASES = [*PLAIN, *OVERLAPS, *CROSS, *FOCAL, *GENERALIZED, *LOGITS]
REDUCTIONS = ["sum_over_batch_size", "sum", "mean", "mean_with_sample_weight"]


def batch(case, shape):
    """Targets, and outputs with some at the edge of what they may be."""
    torch.manual_seed(1)
    logits = torch.randn(shape) * 2
    logits[0, ..., 0], logits[0, ..., 1] = 40.0, -40.0
    classes = torch.randint(0, shape[-1], shape[:-1])
    name = case["type"]
    if name.startswith("Sparse") or "Generalized" in name:
        y_true = classes
    elif name.startswith("Categorical"):
        y_true = F.one_hot(classes, shape[-1]).float()
    elif name == "KLDivergence":
        y_true = torch.softmax(torch.randn(shape), -1)
    elif name in ("BinaryCrossentropy", "BinaryFocalCrossentropy", "Hinge", "Dice", "Tversky"):
        y_true = torch.randint(0, 2, shape)
    else:
        y_true = torch.randn(shape)
    if case.get("from_logits"):
        y_pred = logits
    elif name in ("BinaryCrossentropy", "BinaryFocalCrossentropy", "Dice", "Tversky"):
        y_pred = torch.sigmoid(logits)
    elif name == "Poisson":
        y_true, y_pred = torch.poisson(torch.rand(shape) * 5), torch.rand(shape) * 5
    elif "entropy" in name.lower() or name == "KLDivergence":
        y_pred = torch.softmax(logits, -1)
    else:
        y_pred = torch.randn(shape)
    return y_true, y_pred.requires_grad_()


def keras_loss(case, **more):
    plain = {k: v for k, v in case.items() if k != "type"}
    return getattr(keras.losses, case["type"])(**plain, **more)


WHOLE = ("CTC", "Circle", "Dice", "Tversky")  # not one value for each vector along the last axis


def agree(ours, theirs, y_pred):
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    found, wanted = (torch.autograd.grad(y.sum(), y_pred)[0] for y in (ours, theirs))
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_values_and_gradients_are_those_of_keras(case, shape):
    y_true, y_pred = batch(case, shape)
    word = bind("losses", case)
    agree(loss(word, y_true, y_pred), keras_loss(case)(y_true, y_pred), y_pred)
    theirs = keras_loss(case, reduction=None)(y_true, y_pred)
    agree(per_sample(word, y_true, y_pred), theirs, y_pred)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "case", [PLAIN[0], PLAIN[-1], CROSS[0], CROSS[3], CROSS[-1], LOGITS[6]], ids=str
)
def test_reductions_weights_and_masks_are_those_of_keras(case, reduction, masked, weighted):
    y_true, y_pred = batch(case, (4, 3, 5))
    weight = torch.rand(4, 3) * 3 if weighted else None
    mask = torch.tensor([[1, 1, 0], [1, 0, 0], [0, 0, 0], [1, 1, 1]], dtype=torch.bool)
    mask = mask if masked else None
    function = keras_loss(case, reduction=reduction)
    if masked:
        keras.src.backend.set_keras_mask(y_pred, mask)
    theirs = function(y_true, y_pred, None if weight is None else weight.clone())  # it writes there
    word = bind("losses", case | {"reduction": reduction})
    agree(loss(word, y_true, y_pred, weight, mask), theirs, y_pred)


def test_a_batch_that_is_masked_altogether_costs_nothing():
    word = bind("losses", "mse")
    y = torch.randn(2, 3, 1)
    assert loss(word, y, y + 1, None, torch.zeros(2, 3, dtype=torch.bool)) == 0


def test_weights_of_samples_weigh_all_their_steps():
    word = bind("losses", "mse")
    y_true, y_pred, weight = torch.randn(4, 3, 5), torch.randn(4, 3, 5), torch.rand(4)
    theirs = keras_loss({"type": "MeanSquaredError"})(y_true, y_pred, weight[:, None].expand(4, 3))
    torch.testing.assert_close(loss(word, y_true, y_pred, weight), theirs)


def test_weights_may_carry_a_last_axis_of_one():
    values = torch.tensor([1.0, 2.0])
    weight = torch.tensor([[1.0], [3.0]])
    assert reduce(bind("losses", "mse"), values, weight) == 3.5


@pytest.mark.parametrize(
    ("true", "pred"), [((4,), (4, 1)), ((4, 1), (4,)), ((4, 3), (4, 3, 1)), ((4, 3, 1), (4, 3))]
)
@pytest.mark.parametrize("name", ["MeanSquaredError", "BinaryCrossentropy", "Huber"])
def test_a_last_axis_of_one_comes_and_goes_as_in_keras(name, true, pred):
    y_true, y_pred = torch.randint(0, 2, true), torch.rand(pred, requires_grad=True)
    case = {"type": name}
    word = bind("losses", case)
    agree(loss(word, y_true, y_pred), keras_loss(case)(y_true, y_pred), y_pred)
    theirs = keras_loss(case, reduction=None)(y_true, y_pred)
    agree(per_sample(word, y_true, y_pred), theirs, y_pred)


@pytest.mark.parametrize("case", [*CROSS, *LOGITS[5:7]], ids=str)
def test_sparse_targets_may_carry_a_last_axis_and_any_integer_type(case):
    if not case["type"].startswith("Sparse"):
        pytest.skip("not sparse")
    y_true, y_pred = batch(case, (4, 3, 5))
    word = bind("losses", case)
    assert loss(word, y_true[..., None].int(), y_pred) == loss(word, y_true, y_pred)


@pytest.mark.parametrize("name", ["CategoricalCrossentropy", "SparseCategoricalCrossentropy"])
@pytest.mark.parametrize("from_logits", [False, True])
def test_classes_may_be_in_another_axis(name, from_logits):
    case = {"type": name, "axis": 1, "from_logits": from_logits}
    y_pred = torch.softmax(torch.randn(4, 5, 3), 1).requires_grad_()
    y_true = torch.randint(0, 5, (4, 3))
    if name.startswith("Cat"):
        y_true = F.one_hot(y_true, 5).movedim(-1, 1).float()
    word = bind("losses", case)
    assert word.misfit((5, 3), None) is None
    assert word.target((5, 3), "float32")[0] == tuple(y_true.shape[1:])
    agree(loss(word, y_true, y_pred), keras_loss(case)(y_true, y_pred), y_pred)
    theirs = keras_loss(case, reduction=None)(y_true, y_pred)
    agree(per_sample(word, y_true, y_pred), theirs, y_pred)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("case", CROSS, ids=str)
def test_known_logits_give_what_keras_gives_for_their_probabilities(case, shape, weighted):
    y_true, _ = batch(case, shape)
    logits = (torch.randn(shape) * 2).requires_grad_()
    word = bind("losses", case)
    weight = torch.rand(shape[:-1]) if weighted and case.get("axis", -1) == -1 else None
    undone = {"Sigmoid": torch.sigmoid, "Softmax": lambda x: torch.softmax(x, -1)}[word.undoes]
    y_pred = undone(logits)
    ours = loss(word, y_true, y_pred, weight, logits=logits)
    agree(ours, keras_loss(case)(y_true, y_pred, weight), logits)


@pytest.mark.parametrize("case", CROSS, ids=str)
def test_known_logits_are_clipped_where_keras_clips(case):
    y_true, _ = batch(case, (6, 5))
    logits = torch.full((6, 5), -30.0)
    logits[:, 0] = 30.0
    logits.requires_grad_()
    word = bind("losses", case)
    undone = {"Sigmoid": torch.sigmoid, "Softmax": lambda x: torch.softmax(x, -1)}[word.undoes]
    y_pred = undone(logits)
    ours = loss(word, y_true, y_pred, logits=logits)
    agree(ours, keras_loss(case)(y_true, y_pred), logits)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_double_precision_is_kept(case):
    y_true, y_pred = batch(case, (4, 3, 5))
    y_pred = y_pred.detach().double().requires_grad_()
    ours = loss(bind("losses", case), y_true, y_pred)
    theirs = keras_loss(case, dtype="float64")(y_true, y_pred)
    assert ours.dtype == torch.float64
    # Clipped as in single precision: `1 - 1e-7` is another number there.
    torch.testing.assert_close(ours, theirs.double(), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_halves_are_computed_in_single_precision(case, dtype):
    y_true, y_pred = batch(case, (4, 3, 5))
    y_pred = y_pred.detach().to(dtype)
    y_true = y_true.to(dtype) if y_true.is_floating_point() else y_true
    ours = loss(bind("losses", case), y_true, y_pred)
    assert ours.dtype == torch.float32
    # As Keras has it with its float32; in half precision `1 - 1e-7` is 1, and a clip none.
    theirs = keras_loss(case, dtype="float32")(y_true, y_pred)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", ["CTC", "Circle"])
def test_losses_of_whole_outputs_are_keras_s_in_any_precision(name, dtype):
    y_true, y_pred = sequences()
    if name == "Circle":
        y_true, y_pred = torch.tensor([0, 1, 0]), F.normalize(y_pred[:, 0], dim=-1)
    y_pred = y_pred.detach().to(dtype)
    ours = loss(bind("losses", name), y_true, y_pred)
    wide = "float64" if dtype == torch.float64 else "float32"
    assert ours.dtype == getattr(torch, wide)
    theirs = getattr(keras.losses, name)(dtype=wide)(y_true, y_pred)
    torch.testing.assert_close(ours.double(), theirs.double(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(5,), (3, 5), (None, 5), (1,)], ids=str)
@pytest.mark.parametrize("name", [n for n in names("losses") if n not in WHOLE])
def test_declared_targets_fit(name, shape):
    word = bind("losses", name)
    target, dtype = word.target(shape, "float32")
    real = [tuple(7 if d is None else d for d in s) for s in (shape, target)]
    y_pred = torch.rand(2, *real[0])
    y_true = torch.zeros(2, *real[1], dtype=getattr(torch, dtype))
    assert per_sample(word, y_true, y_pred).shape == (2, *real[0][:-1])


SPELT = [*names("losses"), "mse", "MAE", "mape", "MSLE", "kl_divergence", "KLD", "bce", "log_cosh"]
SPELT.remove("CategoricalGeneralizedCrossEntropy")  # Keras 3.15 does not find it by name


@pytest.mark.parametrize("name", SPELT)
def test_keras_spellings_find_the_same_loss(name):
    cls = find("losses", name)
    found = keras.losses.get(name)
    theirs = getattr(found, "__name__", type(found).__name__)
    assert cls in LOSSES
    assert find("losses", theirs) is cls


OUTPUTS = [(), (1,), (5,), (3, 5), (3, 1)]


@pytest.mark.parametrize("shape", OUTPUTS[1:], ids=str)
@pytest.mark.parametrize("name", ["BinaryCrossentropy", "SparseCategoricalCrossentropy", "mse"])
def test_accuracy_means_what_keras_takes_it_for(name, shape):
    from keras.src.trainers.compile_utils import get_metric

    word = bind("losses", name)
    y_true = torch.zeros(2, *word.target(shape, "float32")[0])
    wanted = type(get_metric("accuracy", y_true, torch.zeros(2, *shape))).__name__
    assert word.default_accuracy(shape) == wanted


FITS = [
    ("BinaryCrossentropy", (1,), "Sigmoid"),
    ("BinaryCrossentropy", (5,), "Softmax"),
    ("BinaryCrossentropy", (1,), None),
    ({"type": "BinaryCrossentropy", "from_logits": True}, (1,), "Linear"),
    ("CategoricalCrossentropy", (5,), "Softmax"),
    ("CategoricalCrossentropy", (5,), "Exponential"),
    ("CategoricalCrossentropy", (None,), "Softmax"),
    ("SparseCategoricalCrossentropy", (3, 5), "Softmax"),
    ({"type": "SparseCategoricalCrossentropy", "from_logits": True}, (3, 5), "Linear"),
    ("MeanSquaredError", (1,), "Linear"),
    ("KLDivergence", (4,), "Softmax"),
    ("Hinge", (1,), "Tanh"),
    ("Poisson", (1,), "Exponential"),
    ("BinaryFocalCrossentropy", (4, 4), "SparseSigmoid"),
    ("CategoricalFocalCrossentropy", (4,), "Sparsemax"),
    ("CategoricalGeneralizedCrossEntropy", (4,), "Softmax"),
    ({"type": "Dice", "axis": [1, -1]}, (4, 4, 1), "Sigmoid"),
    ("CTC", (20, 5), "Linear"),
    ("Circle", (8,), "Linear"),
]
MISFITS = [
    ("MeanSquaredError", (1,), "Softmax", "softmax over one unit"),
    ("BinaryCrossentropy", (1,), "Softmax", "softmax over one unit"),
    ("BinaryCrossentropy", (1,), "Linear", "has no activation"),
    ("BinaryCrossentropy", (1,), "Relu", "ends in `relu`"),
    ("BinaryCrossentropy", (1,), "Tanh", "ends in `tanh`"),
    ({"type": "BinaryCrossentropy", "from_logits": True}, (1,), "Sigmoid", "from_logits"),
    ("CategoricalCrossentropy", (1,), "Sigmoid", "over one class"),
    ("CategoricalCrossentropy", (), None, "one value for each class"),
    ("CategoricalCrossentropy", (4,), "Linear", "has no activation"),
    ("CategoricalCrossentropy", (4,), "LogSoftmax", "ends in `log_softmax`"),
    ("SparseCategoricalCrossentropy", (), "Softmax", "one value for each class"),
    ("SparseCategoricalCrossentropy", (1,), None, "over one class"),
    (
        {"type": "SparseCategoricalCrossentropy", "axis": 2},
        (4,),
        None,
        "`axis` is 2, and the output is (batch, 4)",
    ),
    ({"type": "CategoricalCrossentropy", "axis": -2}, (4,), None, "one value for each"),
    ("KLDivergence", (4,), "LogSoftmax", "ends in `log_softmax`"),
    ("Poisson", (1,), "Tanh", "ends in `tanh`"),
    ("BinaryFocalCrossentropy", (1,), "Linear", "has no activation"),
    ("CategoricalFocalCrossentropy", (1,), "Softmax", "softmax over one unit"),
    ("CategoricalGeneralizedCrossEntropy", (4,), "Linear", "has no activation"),
    ("CategoricalGeneralizedCrossEntropy", (1,), "Sigmoid", "over one class"),
    ("Dice", (4, 4, 1), "Linear", "has no activation"),
    ({"type": "Tversky", "axis": 3}, (4, 4), "Sigmoid", "(batch, 4, 4)"),
    ("CTC", (5,), "Linear", "(time, classes)"),
    ("CTC", (20, 5), "Softmax", "takes logits"),
    ("Circle", (4, 8), None, "one vector for each sample"),
]


@pytest.mark.parametrize(("case", "shape", "activation"), FITS, ids=str)
def test_what_may_fit_is_let_be(case, shape, activation):
    assert bind("losses", case).misfit(shape, activation) is None


@pytest.mark.parametrize(("case", "shape", "activation", "why"), MISFITS, ids=str)
def test_what_surely_does_not_fit_says_why(case, shape, activation, why):
    rejected = bind("losses", case).misfit(shape, activation)
    assert why in str(rejected)
    assert rejected.help


def sequences():
    """Targets of several lengths, one with a repetition, and logits."""
    torch.manual_seed(0)
    y_true = torch.tensor([[1, 2, 2, 0], [3, 0, 0, 0], [4, 3, 2, 1]])
    return y_true, torch.randn(3, 9, 5, requires_grad=True)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
def test_ctc_is_that_of_keras(reduction, weighted):
    case, (y_true, y_pred) = {"type": "CTC", "reduction": reduction}, sequences()
    weight = torch.rand(3) if weighted else None
    theirs = keras.losses.CTC(reduction=reduction)(y_true, y_pred, weight)
    agree(loss(bind("losses", case), y_true, y_pred, weight), theirs, y_pred)


def test_a_masked_time_step_adds_nothing_to_ctc():
    y_true, y_pred = sequences()
    mask = torch.ones(3, 9, dtype=torch.bool)
    mask[:, 6:] = False
    word = bind("losses", "ctc")
    hidden = loss(word, y_true, y_pred, None, mask)
    torch.testing.assert_close(hidden, loss(word, y_true, y_pred[:, :6]))
    assert not torch.autograd.grad(hidden, y_pred)[0][:, 6:].any()


CIRCLES = [{}, {"gamma": 20.0, "margin": 0.25}, {"remove_diagonal": False}]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("case", CIRCLES, ids=str)
def test_circle_is_that_of_keras_also_for_who_is_alone_in_a_batch(case, weighted, reduction):
    torch.manual_seed(0)
    y_true = torch.tensor([0, 1, 0, 2, 1, 1, 3])
    y_pred = F.normalize(torch.randn(7, 6), dim=-1).requires_grad_()
    case = {"type": "Circle", "reduction": reduction, **case}
    weight = torch.rand(7) if weighted else None
    theirs = keras_loss(case)(y_true, y_pred, None if weight is None else weight.clone())
    agree(loss(bind("losses", case), y_true, y_pred, weight), theirs, y_pred)
    assert bind("losses", case).target((6,), "float32") == ((), "int64")


@pytest.mark.parametrize("case", OVERLAPS, ids=str)
def test_overlaps_are_weighed_as_in_keras(case):
    y_true, y_pred = batch(case, (6, 5))
    weight = torch.rand(6 if case.get("axis") != [0, -1] else 1)
    theirs = keras_loss(case)(y_true, y_pred, weight.clone())
    agree(loss(bind("losses", case), y_true, y_pred, weight), theirs, y_pred)


@pytest.mark.parametrize("name", [n for n in dir(keras.losses) if n[0] != "_"])
def test_no_loss_of_keras_is_missing(name):
    if name not in ("Loss", "get", "serialize", "deserialize"):
        assert find("losses", name) in LOSSES


@pytest.mark.parametrize("name", names("losses"))
def test_arguments_and_defaults_are_those_of_keras(name):
    theirs = getattr(keras.losses, name)().get_config()
    word = bind("losses", name)
    for argument in word.arguments:
        if argument in theirs:
            assert getattr(word, argument) == theirs[argument], argument
    parameters = inspect.signature(getattr(keras.losses, name).__init__).parameters
    assert set(word.arguments) == set(parameters) - {"self", "name", "dtype"}
