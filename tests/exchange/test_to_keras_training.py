"""The compile configuration of a .keras file: Keras trains the loaded model as the engine does."""

from __future__ import annotations

import numpy as np
import pytest
import yaml

import modelspec
from modelspec.catalog.words import names
from modelspec.exchange.keras_file import file
from modelspec.model.show import show
from tests.exchange.keras_models import config, imported, loaded

NET = """
inputs: {{a: [5], b: [4]}}
layers:
  left: {{type: Dense, units: 6, activation: tanh, from: a}}
  right: {{type: Dense, units: 6, activation: tanh, from: b, kernel_regularizer: {{type: L2}}}}
  both: {{type: Concatenate, from: [left, right]}}
  kind: {{type: Dense, units: 3, activation: softmax}}
  size: {{type: Dense, units: 1, from: both}}
outputs:
  kind:
    loss: sparse_categorical_crossentropy
    metrics: [accuracy, {{type: SparseTopKCategoricalAccuracy, k: 2, name: near}}]
  size: {{loss: {{type: Huber, delta: 0.5}}, loss_weight: 0.3, metrics: [mean_absolute_error]}}
train: {{optimizer: {optimizer}, epochs: 4, batch_size: 24, shuffle: false}}
"""


def samples():
    draws = np.random.default_rng(1)
    return {
        "a": draws.normal(size=(24, 5)).astype("float32"),
        "b": draws.normal(size=(24, 4)).astype("float32"),
        "kind": draws.integers(0, 3, 24).astype("int32"),
        "size": draws.normal(size=(24, 1)).astype("float32"),
    }


def both(optimizer, folder):
    """The logs of four steps: those of Keras on the file, and those of the engine."""
    data, spec = samples(), NET.format(optimizer=optimizer)
    np.savez(folder / "rows.npz", **data)
    model = loaded(modelspec.build(spec), folder)
    given = [{k: data[k] for k in ("a", "b")}, {k: data[k] for k in ("kind", "size")}]
    theirs = []
    for _ in range(4):
        model.reset_metrics()
        theirs.append(model.train_on_batch(*given, return_dict=True))
    spec += f"data: {{train: {folder / 'rows.npz'}}}\n"
    for _ in modelspec.train(spec, run=folder / "run"):
        pass
    return theirs, modelspec.load(folder / "run").history


@pytest.mark.parametrize(
    "optimizer",
    [
        "{type: SGD, learning_rate: 0.1, momentum: 0.9, nesterov: true}",
        "{type: Adam, learning_rate: {type: CosineDecay, initial_learning_rate: 0.1,"
        " decay_steps: 6, alpha: 0.1}}",
        "{type: AdamW, weight_decay: 0.1, global_clipnorm: 0.1}",
        "{type: RMSprop, learning_rate: 0.01, clipvalue: 0.01}",
    ],
)
def test_a_step_is_the_same_step(optimizer, tmp_path):
    theirs, ours = both(optimizer, tmp_path)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(other["loss"], mine["loss"], rtol=2e-5)
    for name in ("kind_accuracy", "kind_near", "size_mean_absolute_error"):
        np.testing.assert_allclose(theirs[0][name], ours[0][name], rtol=1e-5)
    assert {"kind_loss", "size_loss"} <= set(theirs[0])


FAMILIES = [
    "SGD", "{type: SGD, momentum: 0.9}", "{type: RMSprop, momentum: 0.5, centered: true}",
    "{type: Adam, amsgrad: true}", "{type: Adam, use_ema: true}",
    "{type: Adam, gradient_accumulation_steps: 2}", "{type: Adam, clipnorm: 1}",
]  # fmt: skip


@pytest.mark.parametrize("optimizer", [*names("optimizers"), *FAMILIES])
def test_keras_has_the_optimizer_with_every_argument(optimizer, tmp_path):
    spec = f"""
inputs: {{x: [4]}}
layers:
  a: {{type: Dense, units: 3}}
  b: {{type: Dense, units: 2, trainable: false}}
outputs: {{b: {{loss: mse}}}}
train: {{optimizer: {optimizer}}}
"""
    module = modelspec.build(spec)
    if "Muon" in optimizer:  # the state of Muon is not written: Keras warns, and begins anew
        file.write(module, str(tmp_path / "model.keras"))
    else:
        model = loaded(module, tmp_path)
        told = config(tmp_path)["compile_config"]["optimizer"]["config"]
        theirs = model.optimizer.get_config()
        for key, value in told.items():
            assert theirs[key] == pytest.approx(value), key
    ours, back = show(module.graph.spec)["train"], show(imported(tmp_path).spec)["train"]
    assert back["optimizer"] == ours["optimizer"]


@pytest.mark.parametrize("loss", [name for name in names("losses") if name != "CTC"])
def test_losses_come_back_with_every_argument(loss, tmp_path):
    spec = {
        "inputs": {"x": [3] if loss == "Circle" else [4, 4, 3]},
        "layers": {"a": {"type": "Dense", "units": 3, "activation": "softmax"}},
        "outputs": {"a": {"loss": {"type": loss, "reduction": "sum"}}},
    }
    module = modelspec.build(yaml.safe_dump(spec))
    model = loaded(module, tmp_path)
    assert type(model.loss).__name__ == loss
    assert model.loss.reduction == "sum"
    back = show(imported(tmp_path).spec)["outputs"]
    assert back == show(module.graph.spec)["outputs"]


def test_what_keras_has_no_place_for_is_said(tmp_path):
    spec = """
inputs: {x: [4]}
layers:
  a: {type: Dense, units: 2, activation: softmax}
outputs: {a: {loss: sparse_categorical_crossentropy, class_weight: {0: 2.0}}}
train: {optimizer: %s}
"""
    graph = modelspec.check(spec % "adam")
    assert file.notes(graph) == [
        "`class_weight` of `a` is none of the model's in Keras: it goes to `fit(class_weight=...)`"
    ]
    warm = "{type: Adam, learning_rate: {type: Warmup, schedule: 0.1, steps: 9}}"
    module = modelspec.build(spec % warm)
    assert file.notes(module.graph)[-1] == (
        "the model is not compiled: Keras has no schedule `Warmup`; CosineDecay has `warmup_steps`"
    )
    assert loaded(module, tmp_path).compiled is False
