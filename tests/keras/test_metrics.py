from __future__ import annotations

import inspect

import keras
import numpy as np
import pytest
import sklearn.metrics
import torch
import torch.nn.functional as F
import torchmetrics.classification as reference
import torchmetrics.functional

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

#: What the metrics that need arguments are given where any will do.
NEEDED = {
    "SensitivityAtSpecificity": {"specificity": 0.6},
    "SpecificityAtSensitivity": {"sensitivity": 0.6},
    "PrecisionAtRecall": {"recall": 0.6},
    "RecallAtPrecision": {"precision": 0.6},
    "IoU": {"num_classes": 4, "target_class_ids": [1]},
    "MeanIoU": {"num_classes": 4},
    "OneHotIoU": {"num_classes": 8, "target_class_ids": [0, 2]},
    "OneHotMeanIoU": {"num_classes": 8},
}


def metric(name):
    """A metric with as few arguments as it takes."""
    return bind("metrics", {"type": name, **NEEDED.get(name, {})})


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
LOSSES = [
    {"type": "BinaryCrossentropy"},
    {"type": "BinaryCrossentropy", "from_logits": True, "label_smoothing": 0.1},
    {"type": "CategoricalCrossentropy"},
    {"type": "CategoricalCrossentropy", "from_logits": True, "label_smoothing": 0.2},
    {"type": "SparseCategoricalCrossentropy"},
    {"type": "SparseCategoricalCrossentropy", "from_logits": True, "ignore_class": 2},
    {"type": "KLDivergence"},
    {"type": "Poisson"},
    {"type": "Hinge"},
    {"type": "SquaredHinge"},
    {"type": "CategoricalHinge"},
    {"type": "MeanAbsolutePercentageError"},
    {"type": "MeanSquaredLogarithmicError"},
    {"type": "LogCoshError"},
    {"type": "CosineSimilarity"},
    {"type": "PearsonCorrelation"},
    {"type": "ConcordanceCorrelation"},
]
CASES += LOSSES
CASES += [
    {"type": name, **({} if more is None else {"thresholds": more})}
    for name in ("TruePositives", "TrueNegatives", "FalsePositives", "FalseNegatives")
    for more in (None, [0.2, 0.7], EVEN)
]
CASES += [
    {"type": name, **NEEDED[name], **more}
    for name in list(NEEDED)[:4]
    for more in ({}, {"num_thresholds": 1}, {"num_thresholds": 2}, {"class_id": 2})
]
CASES += [
    {"type": "SpecificityAtSensitivity", "sensitivity": 0.0},
    {"type": "RecallAtPrecision", "precision": 1.0, "num_thresholds": 50},
]
F1 = [
    {"type": "FBetaScore"},
    {"type": "FBetaScore", "beta": 2.0, "average": "macro"},
    {"type": "FBetaScore", "beta": 0.5, "average": "weighted", "threshold": 0.3},
    {"type": "FBetaScore", "beta": 3.0, "average": "micro"},
    {"type": "F1Score"},
    {"type": "F1Score", "average": "micro"},
    {"type": "F1Score", "average": "macro", "threshold": 0.4},
    {"type": "F1Score", "average": "weighted"},
    {"type": "F1Score", "threshold": 0.5},
]
SHAPES = [(4,), (3, 4)]


NUMBERS = ("PearsonCorrelation", "ConcordanceCorrelation", "R2Score")


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
        elif "Error" in case["type"] or case["type"] in ("Poisson", "CosineSimilarity", *NUMBERS):
            y_true = torch.randn(size)
        elif case["type"] == "KLDivergence":
            y_true, y_pred = torch.softmax(y_pred, -1), torch.softmax(torch.randn(size), -1)
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
    # Between even thresholds Keras subtracts sums, so what is left of them is not quite 0.
    close = 1e-6 * max(1.0, *theirs) if isinstance(theirs, list) else 1e-6
    assert ours == pytest.approx(theirs, rel=1e-5, abs=close)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_outputs_of_other_dtypes_are_measured_as_in_keras(case, dtype):
    word, theirs = bind("metrics", case), keras_metric(case)
    state = begin(word, (4,))
    for y_true, y_pred in batches(case, (4,)):
        outputs = y_pred.to(dtype)
        # Keras averages halves in halves; here, as losses, they are measured in float32.
        theirs.update_state(y_true, outputs.float() if dtype == torch.bfloat16 else outputs)
        state = update(word, state, y_true, outputs)
    wanted = theirs.result().tolist()
    close = 1e-6 * max(1.0, *wanted) if isinstance(wanted, list) else 1e-6
    assert result(word, state) == pytest.approx(wanted, rel=1e-5, abs=close)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("case", F1, ids=str)
def test_f1_over_batches_is_that_of_keras(case, weighted):
    ours, theirs = both(case, (4,), () if weighted else None)
    assert ours == pytest.approx(theirs, rel=1e-5, abs=1e-6)


MEANS = [case for case in CASES if find("metrics", case["type"]) in VALUES]


@pytest.mark.parametrize("case", MEANS, ids=str)
def test_weights_of_samples_weigh_means_over_steps_as_in_keras(case):
    if case.get("ignore_class"):
        pytest.skip("Keras takes weights of the targets' shape alone")
    ours, theirs = both(case, (3, 4), ())
    assert ours == pytest.approx(theirs, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(
    "case", [CASES[0], *CASES[6:10], CASES[22], CASES[27], LOSSES[13], CASES[48]], ids=str
)
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
    word = metric(name)
    assert result(word, begin(word, (1,))) in (0.0, [0.0])


@pytest.mark.parametrize("name", names("metrics"))
def test_a_batch_that_is_masked_altogether_changes_nothing(name):
    word = metric(name)
    y_pred = torch.rand(6, 8)
    y_true = torch.randint(0, 8, (6,)) if word.targets == "classes" else torch.eye(8)[:6]
    state = update(word, begin(word, (8,)), y_true, y_pred)
    again = update(word, state, y_true, y_pred.flip(-1), torch.zeros(6))
    assert result(word, again) == pytest.approx(result(word, state))


@pytest.mark.parametrize("name", names("metrics"))
def test_updates_leave_the_old_state_as_it_was(name):
    word = metric(name)
    state = begin(word, (4,))
    y_pred = torch.rand(6, 4)
    y_true = torch.randint(0, 4, (6,)) if word.targets == "classes" else torch.eye(4)[[0] * 6]
    update(word, state, y_true, y_pred)
    assert all((tensor == 0).all() for tensor in state.values())


@pytest.mark.parametrize("name", names("metrics"))
def test_names_are_those_of_keras(name):
    theirs = getattr(keras.metrics, name)(**NEEDED.get(name, {}))
    word = metric(name)
    assert word.name == theirs.name.removesuffix("_1") or theirs.name.startswith(word.name + "_")
    assert word.better == {"up": "max", "down": "min"}.get(
        getattr(theirs, "_direction", None), word.better
    )
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
    ("R2Score", (3, 4), (3, 4)),
    ("R2Score", (None,), (None,)),
    ("FBetaScore", (3, 4), (3, 4)),
    ("PearsonCorrelation", (1,), (1,)),
    ({"type": "ConcordanceCorrelation", "axis": 3}, (4, 5), (4, 5)),
    ("SparseCategoricalCrossentropy", (4,), (4,)),
    ("CategoricalCrossentropy", (4,), ()),
    ({"type": "RecallAtPrecision", "precision": 0.5, "class_id": 4}, (4,), (4,)),
    ({"type": "MeanIoU", "num_classes": 4}, (9, 9, 4), (9, 9)),
    ({"type": "OneHotMeanIoU", "num_classes": 4}, (9, 9, 4), (9, 9)),
    ({"type": "MeanIoU", "num_classes": 4, "axis": 3, "sparse_y_pred": False}, (9, 4), (9,)),
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
    ("Mean", (4,), ()),
    ("R2Score", (4,), (4,)),
    ("ConcordanceCorrelation", (4,), (4,)),
    ({"type": "MeanIoU", "num_classes": 4, "sparse_y_pred": False}, (9, 9, 4), (9, 9)),
    ({"type": "MeanIoU", "num_classes": 4, "sparse_y_pred": False}, (9, 9, 4), (9, 9, 1)),
    ({"type": "OneHotMeanIoU", "num_classes": 4}, (9, 9, 4), (9, 9, 4)),
    ("BinaryIoU", (9, 9, 1), (9, 9, 1)),
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


R2 = [
    {},
    {"class_aggregation": None},
    {"class_aggregation": "variance_weighted_average"},
    {"num_regressors": 3},
    {"class_aggregation": None, "num_regressors": 2},
    {"num_regressors": 1000},
]


@pytest.mark.filterwarnings("ignore:More independent predictors")
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("case", R2, ids=str)
def test_r2_over_batches_is_that_of_keras(case, weighted):
    ours, theirs = both({"type": "R2Score", **case}, (4,), () if weighted else None)
    assert ours == pytest.approx(theirs, rel=1e-5, abs=1e-6)


def test_r2_and_correlations_are_those_of_scikit_learn_and_torchmetrics():
    rng = np.random.default_rng(0)
    y_true = rng.normal(size=(200, 3)) + 100
    y_pred = y_true + rng.normal(size=(200, 3))
    batch = torch.tensor(y_true), torch.tensor(y_pred)
    for how, theirs in ((None, "raw_values"), ("variance_weighted_average", "variance_weighted")):
        word = bind("metrics", {"type": "R2Score", "class_aggregation": how})
        ours = result(word, update(word, begin(word, (3,)), *batch))
        wanted = sklearn.metrics.r2_score(y_true, y_pred, multioutput=theirs)
        assert ours == pytest.approx(wanted if how else wanted.tolist())
    theirs = (
        torchmetrics.functional.pearson_corrcoef,
        torchmetrics.functional.concordance_corrcoef,
    )
    y_true = torch.randn(20, 400)
    y_pred = y_true + torch.randn(20, 400)
    for name, function in zip(
        ("PearsonCorrelation", "ConcordanceCorrelation"), theirs, strict=True
    ):
        word = bind("metrics", name)
        ours = result(word, update(word, begin(word, (400,)), y_true, y_pred))
        wanted = function(y_pred.T, y_true.T).mean().item()
        assert ours == pytest.approx(wanted, abs=2e-3)  # theirs divides by n - 1


IOU = [
    {"type": "IoU", "num_classes": 4, "target_class_ids": [0, 3]},
    {"type": "IoU", "num_classes": 5, "target_class_ids": [1, 4]},
    {"type": "IoU", "num_classes": 4, "target_class_ids": [1, 2], "ignore_class": 1},
    {"type": "MeanIoU", "num_classes": 4, "sparse_y_pred": False},
    {"type": "MeanIoU", "num_classes": 3, "sparse_y_pred": False, "ignore_class": 0},
    {"type": "MeanIoU", "num_classes": 4},
    {"type": "OneHotIoU", "num_classes": 4, "target_class_ids": [2]},
    {"type": "OneHotIoU", "num_classes": 4, "target_class_ids": [0, 1], "ignore_class": 3},
    {"type": "OneHotMeanIoU", "num_classes": 4},
    {"type": "OneHotMeanIoU", "num_classes": 4, "sparse_y_pred": True},
    {"type": "BinaryIoU"},
    {"type": "BinaryIoU", "target_class_ids": [1], "threshold": 0.3},
]


def regions(case, size):
    """True and predicted regions, in the form that a case takes."""
    classes, scores = torch.randint(0, 4, size), torch.rand(*size, 4)
    if case["type"] == "BinaryIoU":
        return (classes > 1).float(), scores[..., 0]
    word = bind("metrics", case)
    true = classes if word.sparse_y_true else F.one_hot(classes, 4).float()
    return true, scores.argmax(-1) if word.sparse_y_pred else scores


@pytest.mark.filterwarnings("ignore:You are passing weight")
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("case", IOU, ids=str)
def test_overlaps_over_batches_are_those_of_keras(case, weighted):
    torch.manual_seed(0)
    word, theirs = bind("metrics", case), keras_metric(case | {"dtype": "float32"})
    state = begin(word, (6, 7))
    for count in (5, 5, 2):
        y_true, y_pred = regions(case, (count, 6, 7))
        weight = torch.rand(count, 6, 7) * 3 if weighted else None
        theirs.update_state(y_true, y_pred, weight)
        state = update(word, state, y_true, y_pred, weight)
    assert result(word, state) == pytest.approx(float(theirs.result()), rel=1e-5, abs=1e-6)


def test_overlaps_are_those_of_scikit_learn():
    torch.manual_seed(1)
    y_true, y_pred = torch.randint(0, 4, (500,)), torch.randint(0, 4, (500,))
    word = bind("metrics", {"type": "MeanIoU", "num_classes": 4})
    ours = result(word, update(word, begin(word, ()), y_true, y_pred))
    assert ours == pytest.approx(sklearn.metrics.jaccard_score(y_true, y_pred, average="macro"))


def test_best_rates_are_near_those_of_torchmetrics():
    torch.manual_seed(0)
    y_pred = torch.rand(2000)
    y_true = (torch.rand(2000) < y_pred).long()
    for name, theirs in (
        ("RecallAtPrecision", reference.BinaryRecallAtFixedPrecision(0.8)),
        ("SensitivityAtSpecificity", reference.BinarySensitivityAtSpecificity(0.8)),
        ("SpecificityAtSensitivity", reference.BinarySpecificityAtSensitivity(0.8)),
        ("PrecisionAtRecall", reference.BinaryPrecisionAtFixedRecall(0.8)),
    ):
        needed = dict.fromkeys(NEEDED[name], 0.8)
        word = bind("metrics", {"type": name, "num_thresholds": 2000, **needed})
        ours = result(word, update(word, begin(word, (1,)), y_true[:, None], y_pred[:, None]))
        assert ours == pytest.approx(theirs(y_pred, y_true)[0].item(), abs=0.01)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", ["Mean", "Sum"])
def test_means_and_sums_are_those_that_keras_takes_of_the_outputs(name, weighted):
    torch.manual_seed(0)
    word, theirs = bind("metrics", name), getattr(keras.metrics, name)()
    state = begin(word, (3, 4))
    for count in (5, 2):
        values = torch.randn(count, 3, 4)
        weight = torch.rand(count, 3) if weighted else None
        theirs.update_state(values, weight)
        state = update(word, state, torch.zeros(count), values, weight)
    assert result(word, state) == pytest.approx(float(theirs.result()), rel=1e-5)


@pytest.mark.parametrize("name", [n for n in dir(keras.metrics) if n[0].isupper()])
def test_no_metric_of_keras_is_missing(name):
    assert name in ("Metric", "MeanMetricWrapper") or find("metrics", name) is not None


@pytest.mark.parametrize("name", names("metrics"))
def test_arguments_and_defaults_are_those_of_keras(name):
    parameters = inspect.signature(getattr(keras.metrics, name).__init__).parameters
    theirs = {n: p.default for n, p in parameters.items() if n not in ("self", "name", "dtype")}
    word = metric(name)
    assert set(word.arguments) == set(theirs)
    for argument, default in theirs.items():
        if default is not inspect.Parameter.empty:
            made = getattr(word, argument)
            assert (tuple(made) if isinstance(default, tuple) else made) == default, argument


def test_classes_that_there_are_not_are_refused():
    with pytest.raises(Rejected):
        bind("metrics", {"type": "IoU", "num_classes": 3, "target_class_ids": [3]})


@pytest.mark.parametrize(
    "spelling", ["acc", "mse", "MAE", "f1_score", "auc", "RMSE", "mape", "bce"]
)
def test_short_spellings_are_found(spelling):
    assert find("metrics", spelling) is not None
