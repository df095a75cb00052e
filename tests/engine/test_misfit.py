"""Sizes that a spec leaves open, where the data's do not fit: the checker says where."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import modelspec
from modelspec.source.diagnostics import Rejected

OPEN = """
inputs: {a: [null, 2], b: [null, 2]}
layers:
  sum: {type: Add, from: [a, b]}
  narrow: {type: Conv1D, filters: 2, kernel_size: 3}
  score: {type: GlobalAveragePooling1D}
outputs: {score: {loss: mse}}
data: rows.npz
train: {epochs: 1}
"""


@pytest.mark.parametrize(
    ("lengths", "said"),
    [
        ((3, 5), "(3, 2) and (5, 2) differ on axis 1"),
        ((2, 2), "a window of 3 does not fit into 2"),
    ],
)
def test_sizes_that_do_not_fit_are_refused_where_they_meet(lengths, said):
    module = modelspec.build(OPEN)
    a, b = (torch.ones(4, length, 2) for length in lengths)
    with pytest.raises(Rejected) as caught:
        module({"a": a, "b": b})
    (fault,) = caught.value.diagnostics
    assert said in fault.message
    assert fault.notes == (f"with the sizes of the data: `a` ({a.shape[1]}, 2), "
                           f"`b` ({b.shape[1]}, 2)",)  # fmt: skip


def test_a_failure_of_another_cause_stays_as_it_is():
    module = modelspec.build(OPEN)
    module._modules["narrow"]._parameters["kernel"] = torch.nn.Parameter(torch.ones(3, 1, 2))
    with pytest.raises(RuntimeError):
        module({"a": torch.ones(4, 3, 2), "b": torch.ones(4, 3, 2)})


def test_training_on_sizes_that_do_not_fit_says_so(tmp_path, run_cli):
    (tmp_path / "open.yaml").write_text(OPEN, encoding="utf-8")
    rows = {"a": (64, 4, 2), "b": (64, 5, 2), "score": (64, 2)}
    np.savez(tmp_path / "rows.npz", **{name: np.ones(of, "f") for name, of in rows.items()})
    result = run_cli("train", "open.yaml")
    assert result.code == 1
    assert "(4, 2) and (5, 2) differ on axis 1: 4 and 5" in result.err
