"""What the data shows of a spec: labels without a unit, batches without samples."""

from __future__ import annotations

import numpy as np
import pytest

from modelspec.compiler import compile
from modelspec.engine import findings, wanted
from modelspec.engine.data import prepare, read_through, samples
from modelspec.engine.training import Trainer
from modelspec.source.diagnostics import Rejected
from modelspec.source.text import Source

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(40, 4)).astype(np.float32)
DRAWN = {
    "three": np.arange(40) % 3,
    "with_255": np.where(np.arange(40) % 5 == 0, 255, np.arange(40) % 3),
    "signs": np.arange(40) % 2 * 2 - 1,
    "bits": np.arange(40) % 2,
    "pixels": np.arange(40) * 6,
    "falling": -np.arange(40),
    "several": np.eye(3)[np.arange(40) % 3] + np.eye(3)[0],
    "one_hot": np.eye(3)[np.arange(40) % 3],
    "both": 1 - np.eye(3)[np.arange(40) % 3],
    "words": np.arange(40) * 20,
}


def found(folder, output, loss, labels, more=""):
    """The warnings of training's start on those labels."""
    np.savez(folder / "rows.npz", x=X, labels=DRAWN[labels])
    text = f"""\
inputs: {{x: [4]}}
layers: {{y: {{type: Dense, {output}}}}}
outputs: {{y: {{loss: {loss}{more}}}}}
data: {{train: rows.npz, fields: {{y: labels}}}}
"""
    graph = compile(Source(str(folder / "spec.yaml"), text))
    assert graph.warnings == []
    trainer = Trainer(graph, str(folder / "run"), device="cpu")
    return [(one.code, one.label.text) for one in trainer.warnings]


SOFTMAX, SIGMOID = "units: 3, activation: softmax", "units: 1, activation: sigmoid"
GOOD = [
    (SOFTMAX, "sparse_categorical_crossentropy", "three"),
    (SOFTMAX, "{type: SparseCategoricalCrossentropy, ignore_class: 255}", "with_255"),
    ("units: 1000, activation: softmax", "sparse_categorical_crossentropy", "words"),
    (SIGMOID, "binary_crossentropy", "bits"),
    ("units: 1", "hinge", "signs"),
    ("units: 1", "hinge", "bits"),
    ("units: 1", "mse", "pixels"),
    ("units: 1, activation: relu", "mse", "pixels"),
    (SOFTMAX, "categorical_crossentropy", "one_hot"),
    ("units: 1, activation: softplus", "poisson", "pixels"),
]


@pytest.mark.parametrize(("output", "loss", "labels"), GOOD)
def test_targets_that_fit_are_not_warned_of(tmp_path, output, loss, labels):
    assert found(tmp_path, output, loss, labels) == []


@pytest.mark.parametrize(
    ("output", "loss", "labels", "fact"),
    [
        ("units: 10, activation: softmax", "sparse_categorical_crossentropy", "three",
         "10 units, and no sample is of a class above 2"),
        (SIGMOID, "binary_crossentropy", "signs", "the data has -1 to 1"),
        (SIGMOID, "binary_crossentropy", "pixels", "the data has 0 to 234"),
        (SIGMOID, "mse", "pixels", "the data has 0 to 234"),
        ("units: 1, activation: tanh", "mae", "falling", "the data has -39 to 0"),
        ("units: 1, activation: relu", "huber", "falling", "the data has -39 to 0"),
        ("units: 1", "squared_hinge", "pixels", "the data has 0 to 234"),
        ("units: 1, activation: exponential", "poisson", "falling", "the data has -39 to 0"),
        (SOFTMAX, "categorical_crossentropy", "several", "the data has 0 to 2"),
        (SOFTMAX, "categorical_crossentropy", "both", "in the data some do not sum to 1"),
    ],
)  # fmt: skip
def test_targets_without_a_place_are_one_warning(tmp_path, output, loss, labels, fact):
    assert found(tmp_path, output, loss, labels) == [("label-range", fact)]


def test_it_is_silenced_on_the_output(tmp_path):
    assert found(tmp_path, SIGMOID, "mse", "pixels", ", allow: label-range") == []


def test_what_streams_is_looked_at_where_it_is_read_anyway(tmp_path, monkeypatch):
    monkeypatch.setattr(samples, "KEPT", 0)
    monkeypatch.setattr(samples, "PROBE", 8)
    rows = [f"{i},{-1 if i == 30 else 1}\n" for i in range(40)]
    (tmp_path / "rows.csv").write_text("x,y\n" + "".join(rows))
    text = f"""\
inputs: {{x: [1]}}
layers: {{y: {{type: Dense, {SIGMOID}}}}}
outputs: {{y: {{loss: binary_crossentropy}}}}
data: rows.csv
"""
    graph = compile(Source(str(tmp_path / "spec.yaml"), text))
    prepared = prepare(graph.spec.data, wanted.everything(graph))
    assert prepared.train.streams
    assert findings.found(graph, prepared.train) == []  # the first samples alone were read
    read_through(prepared)
    assert [one.code for one in findings.found(graph, prepared.train)] == ["label-range"]


def test_a_flat_column_of_targets_is_a_column_of_width_one_and_does_not_broadcast(tmp_path):
    """Against Keras's loss on targets of shape (n, 1); (n,) against (n, 1) would be (n, n)."""
    import keras

    np.savez(tmp_path / "flat.npz", x=X, y=X[:, 0])
    np.savez(tmp_path / "wide.npz", x=X, y=X[:, :1])
    text = "inputs: {x: [4]}\nlayers: {y: {type: Dense, units: 1}}\noutputs: {y: {loss: mse}}\n"
    seen = []
    for name in ("flat", "wide"):
        still = "train: {optimizer: {type: sgd, learning_rate: 0}}"
        source = Source(str(tmp_path / "spec.yaml"), f"{text}data: {name}.npz\n{still}\n")
        trainer = Trainer(compile(source), str(tmp_path / name), device="cpu")
        weights = {k: v.clone().numpy() for k, v in trainer.loop.at.weights.items()}
        *_, last = trainer.run()
        seen.append(last.history[0]["loss"])
    y = X @ weights["y.kernel"] + weights["y.bias"]
    assert seen == pytest.approx([float(keras.losses.MeanSquaredError()(X[:, :1], y))] * 2)


@pytest.mark.parametrize("shape", [(40, 7), (40, 4, 1), (40, 1, 4)])
def test_targets_of_another_shape_are_an_error_and_never_stretched(tmp_path, shape):
    np.savez(tmp_path / "rows.npz", x=X, y=np.zeros(shape))
    text = "inputs: {x: [4]}\nlayers: {y: {type: Dense, units: 4}}\noutputs: {y: {loss: mse}}\n"
    graph = compile(Source(str(tmp_path / "spec.yaml"), f"{text}data: rows.npz\n"))
    with pytest.raises(Rejected) as caught:
        Trainer(graph, str(tmp_path / "run"), device="cpu")
    assert [one.code for one in caught.value.diagnostics] == ["wrong-samples"]
