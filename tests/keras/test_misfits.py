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
