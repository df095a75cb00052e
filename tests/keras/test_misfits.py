"""Arguments of losses and metrics that go with no output of that shape: here and in Keras."""

from __future__ import annotations

import keras
import pytest
import torch

from modelspec.catalog.words import bind
from modelspec.engine.metrics import begin, result, update
from modelspec.source.diagnostics import Rejected

HOMES = {"losses": keras.losses, "metrics": keras.metrics}
CASES = [
    ("losses", "BinaryCrossentropy", {"axis": 2}, (4,), "axis"),
    ("losses", "BinaryFocalCrossentropy", {"axis": -3}, (4,), "axis"),
    ("losses", "CosineSimilarity", {"axis": 3}, (3, 4), "axis"),
    ("losses", "Dice", {"axis": [1, -1]}, (4,), "axis"),
    ("losses", "Tversky", {"axis": [2, 2]}, (3, 4), "axis"),
    ("metrics", "CategoricalCrossentropy", {"axis": 2}, (4,), "axis"),
    ("metrics", "SparseCategoricalCrossentropy", {"axis": 2}, (4,), "axis"),
    ("metrics", "CosineSimilarity", {"axis": -3}, (4,), "axis"),
    ("metrics", "TopKCategoricalAccuracy", {}, (4,), "k"),
    ("metrics", "SparseTopKCategoricalAccuracy", {"k": 3}, (5, 2), "k"),
]


@pytest.mark.parametrize(("group", "name", "arguments", "output", "argument"), CASES, ids=str)
def test_what_goes_with_no_such_output_is_refused_by_its_name(
    group, name, arguments, output, argument
):
    word, targets = bind(group, {"type": name, **arguments}), torch.ones(2, *output)
    if name.startswith("Sparse"):
        targets = targets[..., 0]
    given = () if group == "losses" else (tuple(targets.shape[1:]),)
    refused = word.misfit(output, *given or (None,))
    assert refused.argument == argument
    assert f"`{argument}` is" in refused.message
    theirs = getattr(HOMES[group], name)(**arguments)
    with pytest.raises((RuntimeError, IndexError, ValueError)):
        theirs(targets, torch.rand(2, *output))


STARTS = [
    ("initializers", {"type": "VarianceScaling", "input_axes": [0], "output_axes": [2]}, "axes"),
    ("initializers", {"type": "GlorotNormal", "input_axes": [-3], "output_axes": [1]}, "axes"),
    ("constraints", {"type": "MaxNorm", "axis": [0, 0]}, "axis"),
    ("constraints", {"type": "UnitNorm", "axis": [1, -1]}, "axis"),
]


@pytest.mark.parametrize(("group", "case", "said"), STARTS, ids=str)
def test_axes_that_a_weight_has_not_or_has_once_are_refused(group, case, said):
    assert said in bind(group, case).misfit((3, 4)).message
    plain = {key: value for key, value in case.items() if key != "type"}
    theirs = getattr(getattr(keras, group), case["type"])(**plain)
    given = (3, 4) if group == "initializers" else torch.ones(3, 4)
    with pytest.raises((IndexError, RuntimeError)):
        theirs(given)


def test_one_frequency_alone_is_refused_where_keras_gives_no_numbers():
    word = bind("initializers", "STFT")
    assert "two of those at least" in word.misfit((2, 1, 1)).message
    assert keras.initializers.STFT()((2, 1, 1), dtype="float32").isnan().all()


def test_a_polynomial_that_grows_without_end_is_refused():
    with pytest.raises(Rejected, match="power"):
        bind("schedules", {"type": "PolynomialDecay", "initial_learning_rate": 0.1,
                           "decay_steps": 4, "power": -1.0})  # fmt: skip
    theirs = keras.optimizers.schedules.PolynomialDecay(0.1, 4, power=-1.0)
    assert not torch.isfinite(torch.as_tensor(theirs(4)))


@pytest.mark.parametrize("name", ["Precision", "Recall", "TruePositives", "FalseNegatives"])
def test_a_list_of_no_thresholds_is_refused(name):
    with pytest.raises(Rejected, match="at least 1") as caught:
        bind("metrics", {"type": name, "thresholds": []})
    assert "thresholds" in str(caught.value)
    with pytest.raises(RuntimeError):
        getattr(keras.metrics, name)(thresholds=[])(torch.ones(2, 3), torch.ones(2, 3))


def test_weights_may_stand_in_a_column_where_a_class_is_ignored():
    arguments = {"ignore_class": 1, "from_logits": True}
    word = bind("metrics", {"type": "SparseCategoricalCrossentropy", **arguments})
    classes, y, weight = torch.tensor([0, 1, 2]), torch.randn(3, 4), torch.tensor([[1.0], [2], [3]])
    theirs = keras.metrics.SparseCategoricalCrossentropy(**arguments)
    theirs.update_state(classes, y, weight)
    mine = result(word, update(word, begin(word, (4,)), classes, y, weight))
    assert mine == pytest.approx(float(theirs.result()), rel=1e-5)
