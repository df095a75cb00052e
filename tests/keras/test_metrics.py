from __future__ import annotations

import keras
import numpy as np
import pytest
import sklearn.metrics
import torch
import torch.nn.functional as F
import torchmetrics.classification as reference

from modelspec.catalog.words import bind, find, names
from modelspec.engine.metrics import (
    COUNTS,
    VALUES,
    add_to_mean,
    begin,
    begin_mean,
    mean,
    result,
    update,
)
from modelspec.source.diagnostics import Rejected

EVEN = [0.0, 0.25, 0.5, 0.75, 1.0]
CASES = [
    {"type": "BinaryAccuracy"},
    {"type": "BinaryAccuracy", "threshold": 0.3},
    {"type": "CategoricalAccuracy"},
    {"type": "SparseCategoricalAccuracy"},
    {"type": "TopKCategoricalAccuracy", "k": 2},
    {"type": "SparseTopKCategoricalAccuracy", "k": 3},
    {"type": "MeanSquaredError"},
    {"type": "MeanAbsoluteError"},
    {"type": "RootMeanSquaredError"},
    {"type": "AUC"},
    {"type": "AUC", "num_thresholds": 20, "summation_method": "minoring"},
    {"type": "AUC", "curve": "PR"},
    {"type": "AUC", "curve": "PR", "summation_method": "majoring"},
    {"type": "AUC", "curve": "PRGAIN", "num_thresholds": 50},
    {"type": "AUC", "thresholds": [0.9, 0.1, 0.45]},
    {"type": "AUC", "thresholds": EVEN[1:-1]},
    {"type": "AUC", "label_weights": [1.0, 2.0, 0.5, 3.0]},
    {"type": "AUC", "multi_label": True},
    {"type": "AUC", "multi_label": True, "num_labels": 4, "curve": "PR"},
    {"type": "AUC", "multi_label": True, "label_weights": [1.0, 2.0, 0.5, 3.0], "curve": "pr"},
    {"type": "AUC", "multi_label": True, "curve": "PR", "summation_method": "minoring"},
    {"type": "AUC", "from_logits": True},
    {"type": "Precision"},
    {"type": "Precision", "thresholds": [0.2, 0.7]},
    {"type": "Precision", "thresholds": EVEN},
    {"type": "Precision", "top_k": 2},
    {"type": "Precision", "class_id": 1, "thresholds": 0.4},
    {"type": "Recall"},
    {"type": "Recall", "thresholds": [0.2, 0.7]},
    {"type": "Recall", "top_k": 1, "class_id": 2},
    {"type": "Recall", "top_k": 3, "thresholds": [0.1, 0.6]},
]
F1 = [
    {"type": "F1Score"},
    {"type": "F1Score", "average": "micro"},
    {"type": "F1Score", "average": "macro", "threshold": 0.4},
    {"type": "F1Score", "average": "weighted"},
    {"type": "F1Score", "threshold": 0.5},
]
SHAPES = [(4,), (3, 4)]


def batches(case, shape, count=3):
    """Targets and outputs; the last batch is smaller."""
    torch.manual_seed(0)
    for number in range(count):
        size = (32 if number < count - 1 else 7, *shape)
        y_pred = torch.rand(size)
        classes = torch.randint(0, shape[-1], size[:-1])
        if case["type"].startswith("Sparse"):
            y_true = classes
        elif "Categorical" in case["type"]:
            y_true = F.one_hot(classes, shape[-1]).float()
        elif "Error" in case["type"]:
            y_true = torch.randn(size)
        else:
            y_true = (torch.rand(size) < 0.2 + 0.6 * y_pred).float()
        if case.get("from_logits"):
            y_pred = torch.logit(y_pred)
        yield y_true, y_pred


def keras_metric(case):
    plain = {k: v for k, v in case.items() if k != "type"}
    return getattr(keras.metrics, case["type"])(**plain)


def both(case, shape, weight_shape=None):
    """Our result and that of Keras after several batches."""
    word, theirs = bind("metrics", case), keras_metric(case)
    state = begin(word, shape)
    declared = {n: tuple(t.shape) for n, t in state.items()}
    for y_true, y_pred in batches(case, shape):
        weight = None
        if weight_shape is not None:
            weight = (torch.rand(len(y_true), *weight_shape) * 3 - 0.5).clamp(min=0)
        theirs.update_state(y_true, y_pred, None if weight is None else weight.clone())
        state = update(word, state, y_true, y_pred, weight)
        assert {n: tuple(t.shape) for n, t in state.items()} == declared
    wanted = theirs.result()
    return result(word, state), wanted.tolist() if hasattr(wanted, "tolist") else float(wanted)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_results_over_batches_are_those_of_keras(case, shape, weighted):
    if len(shape) > 1 and (case.get("multi_label") or "label_weights" in case):
        pytest.skip("labels are for outputs with one axis")
    ours, theirs = both(case, shape, shape[:-1] if weighted else None)
    assert ours == pytest.approx(theirs, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("case", F1, ids=str)
def test_f1_over_batches_is_that_of_keras(case, weighted):
    ours, theirs = both(case, (4,), () if weighted else None)
    assert ours == pytest.approx(theirs, rel=1e-5, abs=1e-6)


MEANS = [case for case in CASES if find("metrics", case["type"]) in VALUES]


@pytest.mark.parametrize("case", MEANS, ids=str)
def test_weights_of_samples_weigh_means_over_steps_as_in_keras(case):
    ours, theirs = both(case, (3, 4), ())
    assert ours == pytest.approx(theirs, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("case", [CASES[0], *CASES[6:10], CASES[22], CASES[27]], ids=str)
@pytest.mark.parametrize(("true", "pred"), [((9,), (9, 1)), ((9, 1), (9, 1)), ((9, 1), (9,))])
@pytest.mark.parametrize("weighted", [False, True])
def test_one_unit_is_measured_as_in_keras(case, true, pred, weighted):
    torch.manual_seed(2)
    y_true, y_pred = torch.randint(0, 2, true).float(), torch.rand(pred)
    weight = torch.rand(9) if weighted else None
    theirs = keras_metric(case)
    theirs.update_state(y_true, y_pred, weight)
    word = bind("metrics", case)
    ours = result(word, update(word, begin(word, pred[1:]), y_true, y_pred, weight))
    assert ours == pytest.approx(float(theirs.result()), rel=1e-5, abs=1e-6)


def test_plain_accuracy_counts_equal_values():
    word, theirs = bind("metrics", {"type": "Accuracy"}), keras.metrics.Accuracy()
    y_true, y_pred = torch.randint(0, 3, (20, 2)), torch.randint(0, 3, (20, 2)).float()
    theirs.update_state(y_true, y_pred)
    ours = result(word, update(word, begin(word, (2,)), y_true, y_pred))
    assert ours == pytest.approx(float(theirs.result()))


def test_sorted_class_numbers_can_be_measured():
    case = {"type": "SparseTopKCategoricalAccuracy", "k": 2, "from_sorted_ids": True}
    word, theirs = bind("metrics", case), keras_metric(case)
    y_true, y_pred = torch.randint(0, 4, (30,)), torch.rand(30, 4).argsort(-1).float()
    theirs.update_state(y_true, y_pred)
    ours = result(word, update(word, begin(word, (4,)), y_true, y_pred))
    assert ours == pytest.approx(float(theirs.result()))


def test_ties_count_as_in_keras():
    y_pred = torch.tensor([[0.5, 0.5, 0.5, 0.1], [0.2, 0.9, 0.9, 0.9], [0.0, 0.0, 0.0, 0.0]])
    for k in (1, 2, 3):
        case = {"type": "SparseTopKCategoricalAccuracy", "k": k}
        for classes in ([2, 0, 3], [0, 3, 1], [3, 2, 0]):
            word, theirs = bind("metrics", case), keras_metric(case)
            theirs.update_state(torch.tensor(classes), y_pred)
            ours = update(word, begin(word, (4,)), torch.tensor(classes), y_pred)
            assert result(word, ours) == pytest.approx(float(theirs.result())), (k, classes)


@pytest.mark.parametrize("name", names("metrics"))
def test_before_the_first_batch_a_metric_is_zero(name):
    word = bind("metrics", name)
    assert result(word, begin(word, (1,))) in (0.0, [0.0])


@pytest.mark.parametrize("name", names("metrics"))
def test_a_batch_that_is_masked_altogether_changes_nothing(name):
    word = bind("metrics", name)
    y_pred = torch.rand(6, 8)
    y_true = torch.randint(0, 8, (6,)) if word.targets == "classes" else torch.eye(8)[:6]
    state = update(word, begin(word, (8,)), y_true, y_pred)
    again = update(word, state, y_true, y_pred.flip(-1), torch.zeros(6))
    assert result(word, again) == pytest.approx(result(word, state))


@pytest.mark.parametrize("name", names("metrics"))
def test_updates_leave_the_old_state_as_it_was(name):
    word = bind("metrics", name)
    state = begin(word, (4,))
    y_pred = torch.rand(6, 4)
    y_true = torch.randint(0, 4, (6,)) if word.targets == "classes" else torch.eye(4)[[0] * 6]
    update(word, state, y_true, y_pred)
    assert all((tensor == 0).all() for tensor in state.values())


@pytest.mark.parametrize("name", names("metrics"))
def test_names_are_those_of_keras(name):
    theirs = getattr(keras.metrics, name)()
    word = bind("metrics", name)
    assert word.name == theirs.name.removesuffix("_1") or theirs.name.startswith(word.name + "_")
    assert word.better == {"up": "max", "down": "min"}.get(theirs._direction, word.better)
    assert type(word) in VALUES or type(word) in COUNTS


@pytest.mark.parametrize("weighted", [False, True])
def test_areas_are_near_those_of_scikit_learn(weighted):
    rng = np.random.default_rng(0)
    scores = rng.random(4000)
    truth = (rng.random(4000) < scores**2).astype(int)
    weights = rng.random(4000) if weighted else None
    for curve, wanted in (
        ("ROC", sklearn.metrics.roc_auc_score(truth, scores, sample_weight=weights)),
        ("PR", sklearn.metrics.average_precision_score(truth, scores, sample_weight=weights)),
    ):
        word = bind("metrics", {"type": "AUC", "curve": curve, "num_thresholds": 2000})
        batch = [torch.tensor(a[:, None], dtype=torch.float32) for a in (truth, scores)]
        weight = None if weights is None else torch.tensor(weights)
        ours = result(word, update(word, begin(word, (1,)), *batch, weight))
        assert ours == pytest.approx(wanted, abs=1e-3)


def test_rates_are_those_of_torchmetrics():
    torch.manual_seed(3)
    y_pred, y_true = torch.rand(500, 4), torch.randint(0, 2, (500, 4))
    classes = torch.randint(0, 4, (500,))
    pairs = [
        ("Precision", reference.MultilabelPrecision(4, average="micro"), y_true, y_true),
        ("Recall", reference.MultilabelRecall(4, average="micro"), y_true, y_true),
        (
            {"type": "F1Score", "average": "macro", "threshold": 0.5},
            reference.MultilabelF1Score(4, average="macro"),
            y_true,
            y_true,
        ),
        (
            {"type": "F1Score", "average": "weighted"},
            reference.MulticlassF1Score(4, average="weighted"),
            F.one_hot(classes, 4),
            classes,
        ),
        (
            {"type": "SparseTopKCategoricalAccuracy", "k": 2},
            reference.MulticlassAccuracy(4, average="micro", top_k=2),
            classes,
            classes,
        ),
    ]
    for case, theirs, ours_true, theirs_true in pairs:
        word = bind("metrics", case)
        ours = result(word, update(word, begin(word, (4,)), ours_true, y_pred))
        assert ours == pytest.approx(theirs(y_pred, theirs_true).item(), abs=1e-5), case


def test_counts_stay_exact_over_many_samples():
    word = bind("metrics", {"type": "AUC"})
    state = begin(word, (1,))
    state["counts"][0, 0, 0] = 2.0**24
    y_pred = torch.zeros(1000, 1)
    state = update(word, state, torch.zeros(1000, 1), y_pred)
    assert state["counts"][0, 0, 0] == 2.0**24 + 1000


def test_a_running_mean_weighs_batches_by_their_size():
    state = add_to_mean(begin_mean(), torch.tensor(2.0), 30)
    assert mean(add_to_mean(state, torch.tensor(6.0), 10)) == 3.0
    assert mean(begin_mean()) == 0.0


MISFITS = [
    ("F1Score", (3, 4), (3, 4)),
    ("F1Score", (), ()),
    ("SparseCategoricalAccuracy", (4,), (4,)),
    ("CategoricalAccuracy", (4,), ()),
    ("Precision", (4,), ()),
    ({"type": "Precision", "top_k": 5}, (4,), (4,)),
    ({"type": "Recall", "class_id": 4}, (4,), (4,)),
    ({"type": "AUC", "multi_label": True}, (3, 4), (3, 4)),
    ({"type": "AUC", "multi_label": True, "num_labels": 3}, (4,), (4,)),
    ({"type": "AUC", "label_weights": [1.0]}, (4,), (4,)),
]
FITS = [
    ("F1Score", (4,), (4,)),
    ("SparseCategoricalAccuracy", (4,), ()),
    ("SparseCategoricalAccuracy", (3, 4), (3,)),
    ("SparseCategoricalAccuracy", (3, 4), (3, 1)),
    ("CategoricalAccuracy", (4,), (4,)),
    ("BinaryAccuracy", (1,), (1,)),
    ("BinaryAccuracy", (1,), ()),
    ("Precision", (None,), (None,)),
    ({"type": "AUC", "multi_label": True, "num_labels": 4}, (4,), (4,)),
]


@pytest.mark.parametrize(("case", "output", "target"), MISFITS, ids=str)
def test_what_cannot_be_measured_says_why(case, output, target):
    assert str(bind("metrics", case).misfit(output, target))
    assert bind("metrics", case).misfit(output, target) is not None


@pytest.mark.parametrize(("case", "output", "target"), FITS, ids=str)
def test_what_can_be_measured_is_let_be(case, output, target):
    assert bind("metrics", case).misfit(output, target) is None


def test_a_number_of_labels_without_labels_is_refused():
    with pytest.raises(Rejected):
        bind("metrics", {"type": "AUC", "num_labels": 3})


@pytest.mark.parametrize("spelling", ["acc", "mse", "MAE", "f1_score", "auc", "RMSE"])
def test_short_spellings_are_found(spelling):
    assert find("metrics", spelling) is not None
