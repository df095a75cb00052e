from __future__ import annotations

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
LOGITS = [{**case, "from_logits": True} for case in CROSS]
CASES = [*PLAIN, *CROSS, *LOGITS]
REDUCTIONS = ["sum_over_batch_size", "sum", "mean", "mean_with_sample_weight"]


def batch(case, shape):
    """Targets, and outputs with some at the edge of what they may be."""
    torch.manual_seed(1)
    logits = torch.randn(shape) * 2
    logits[0, ..., 0], logits[0, ..., 1] = 40.0, -40.0
    classes = torch.randint(0, shape[-1], shape[:-1])
    name = case["type"]
    if name.startswith("Sparse"):
        y_true = classes
    elif name.startswith("Categorical"):
        y_true = F.one_hot(classes, shape[-1]).float()
    elif name == "KLDivergence":
        y_true = torch.softmax(torch.randn(shape), -1)
    elif name in ("BinaryCrossentropy", "Hinge"):
        y_true = torch.randint(0, 2, shape)
    else:
        y_true = torch.randn(shape)
    if case.get("from_logits"):
        y_pred = logits
    elif name == "BinaryCrossentropy":
        y_pred = torch.sigmoid(logits)
    elif "entropy" in name or name == "KLDivergence":
        y_pred = torch.softmax(logits, -1)
    else:
        y_pred = torch.randn(shape)
    return y_true, y_pred.requires_grad_()


def keras_loss(case, **more):
    plain = {k: v for k, v in case.items() if k != "type"}
    return getattr(keras.losses, case["type"])(**plain, **more)


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
    "case", [PLAIN[0], PLAIN[-1], CROSS[0], CROSS[-4], CROSS[-1], LOGITS[-1]], ids=str
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


@pytest.mark.parametrize("case", [*CROSS, *LOGITS[-2:]], ids=str)
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


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_halves_are_computed_in_single_precision(dtype):
    y_pred, y_true = torch.rand(4, 3).to(dtype), torch.randint(0, 2, (4, 3))
    ours = loss(bind("losses", "binary_crossentropy"), y_true, y_pred)
    assert ours.dtype == torch.float32
    torch.testing.assert_close(ours, keras.losses.BinaryCrossentropy()(y_true, y_pred))


@pytest.mark.parametrize("shape", [(5,), (3, 5), (None, 5), (1,)], ids=str)
@pytest.mark.parametrize("name", names("losses"))
def test_declared_targets_fit(name, shape):
    word = bind("losses", name)
    target, dtype = word.target(shape, "float32")
    real = [tuple(7 if d is None else d for d in s) for s in (shape, target)]
    y_pred = torch.rand(2, *real[0])
    y_true = torch.zeros(2, *real[1], dtype=getattr(torch, dtype))
    assert per_sample(word, y_true, y_pred).shape == (2, *real[0][:-1])


@pytest.mark.parametrize("name", [*names("losses"), "mse", "MAE", "kl_divergence", "KLD", "bce"])
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
    ({"type": "SparseCategoricalCrossentropy", "axis": 2}, (4,), None, "one value for each"),
    ({"type": "CategoricalCrossentropy", "axis": -2}, (4,), None, "one value for each"),
    ("KLDivergence", (4,), "LogSoftmax", "ends in `log_softmax`"),
]


@pytest.mark.parametrize(("case", "shape", "activation"), FITS, ids=str)
def test_what_may_fit_is_let_be(case, shape, activation):
    assert bind("losses", case).misfit(shape, activation) is None


@pytest.mark.parametrize(("case", "shape", "activation", "why"), MISFITS, ids=str)
def test_what_surely_does_not_fit_says_why(case, shape, activation, why):
    rejected = bind("losses", case).misfit(shape, activation)
    assert why in str(rejected)
    assert rejected.help
