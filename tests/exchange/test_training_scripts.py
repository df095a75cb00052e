"""`export --with-training`: the script's numbers are the engine's, epoch after epoch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import yaml

from modelspec.catalog.words import names
from modelspec.exchange.python.training.proof import differences
from modelspec.source.diagnostics import Rejected
from tests.exchange.scripts import Written, same, with_data

DRAW = np.random.default_rng(7)
MIXED = """
inputs: {words: {shape: [6], dtype: int32}, image: [4, 4, 1]}
layers:
  embedded: {type: Embedding, input_dim: 9, output_dim: 4, from: words}
  looked: {type: MultiHeadAttention, num_heads: 2, key_dim: 3, from: [embedded, embedded]}
  read: {type: LSTM, units: 3}
  gated: {type: GRU, units: 3, reset_after: false, from: embedded}
  seen: {type: Conv2D, filters: 3, kernel_size: 2, activation: tanh, from: image}
  normed: {type: BatchNormalization}
  flat: {type: Flatten}
  both: {type: Concatenate, from: [read, gated, flat]}
  y: {type: Dense, units: 1, kernel_regularizer: {type: L2, l2: 0.01}}
outputs: {y: {loss: mse}}
"""


def mixed(folder, **training) -> str:
    arrays = {"words": DRAW.integers(0, 9, (20, 6)), "image": DRAW.normal(size=(20, 4, 4, 1)),
              "y": DRAW.normal(size=(20, 1))}  # fmt: skip
    spec = yaml.safe_load(MIXED) | {"train": {"epochs": 2, "batch_size": 8, **training}}
    return with_data(yaml.safe_dump(spec, sort_keys=False), folder, **arrays)


VARIANTS = [
    {"type": "SGD", "momentum": 0.9}, {"type": "SGD", "momentum": 0.9, "nesterov": True},
    {"type": "SGD", "weight_decay": 0.1}, {"type": "RMSprop", "momentum": 0.5, "centered": True},
    {"type": "Adam", "amsgrad": True}, {"type": "Adam", "clipnorm": 0.01},
    {"type": "Adam", "clipvalue": 0.01}, {"type": "Adam", "global_clipnorm": 0.01},
    {"type": "Adam", "use_ema": True, "ema_momentum": 0.9, "ema_overwrite_frequency": 2},
    {"type": "Adam", "gradient_accumulation_steps": 2},
    {"type": "Ftrl", "l1_regularization_strength": 0.01, "l2_regularization_strength": 0.1,
     "l2_shrinkage_regularization_strength": 0.1, "beta": 0.1},
    {"type": "ScheduleFreeAdamW", "warmup_steps": 3}, {"type": "Muon", "nesterov": False},
]  # fmt: skip


@pytest.mark.parametrize("optimizer", [*names("optimizers"), *VARIANTS], ids=str)
def test_every_optimizer_moves_weights_as_the_engine_does(optimizer, tmp_path):
    made = Written(mixed(tmp_path, optimizer=optimizer), tmp_path)
    same(made.trained(), made.engine(tmp_path))


SCHEDULES = [
    {"type": "ExponentialDecay", "initial_learning_rate": 0.1, "decay_steps": 2,
     "decay_rate": 0.5, "staircase": True},
    {"type": "PiecewiseConstantDecay", "boundaries": [1, 3], "values": [0.1, 0.05, 0.01]},
    {"type": "PolynomialDecay", "initial_learning_rate": 0.1, "decay_steps": 3, "cycle": True},
    {"type": "InverseTimeDecay", "initial_learning_rate": 0.1, "decay_steps": 2, "decay_rate": 0.5},
    {"type": "CosineDecay", "initial_learning_rate": 0.1, "decay_steps": 4, "warmup_target": 0.2,
     "warmup_steps": 2},
    {"type": "CosineDecayRestarts", "initial_learning_rate": 0.1, "first_decay_steps": 2},
    {"type": "Warmup", "steps": 2, "schedule": 0.1},
    {"type": "Warmup", "steps": 2,
     "schedule": {"type": "CosineDecay", "initial_learning_rate": 0.1, "decay_steps": 4}},
]  # fmt: skip


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda one: one["type"])
def test_every_schedule_sets_the_rate_of_each_step(schedule, tmp_path):
    optimizer = {"type": "SGD", "momentum": 0.5, "learning_rate": schedule}
    made = Written(mixed(tmp_path, optimizer=optimizer), tmp_path)
    same(made.trained(), made.engine(tmp_path))


def test_every_schedule_of_the_catalogue_is_among_them():
    assert {one["type"] for one in SCHEDULES} == set(names("schedules"))


FLOATS = {"MeanSquaredError", "MeanAbsoluteError", "MeanAbsolutePercentageError",
          "MeanSquaredLogarithmicError", "LogCosh", "Huber", "Hinge", "SquaredHinge",
          "CategoricalHinge", "CosineSimilarity"}  # fmt: skip
SHARES = {"CategoricalCrossentropy", "CategoricalFocalCrossentropy", "KLDivergence"}
CLASSES = {"SparseCategoricalCrossentropy", "CategoricalGeneralizedCrossEntropy"}
UNITS = {"BinaryCrossentropy", "BinaryFocalCrossentropy", "Poisson", "Dice", "Tversky"}


def scored(folder, loss, activation, targets, shape=(4,), **output) -> Written:
    arrays = {"x": DRAW.normal(size=(12, 3)), "y": targets}
    spec = {
        "inputs": {"x": [3]},
        "layers": {"y": {"type": "Dense", "units": shape[-1], "activation": activation}},
        "outputs": {"y": {"loss": loss, **output}},
        "data": {"validation": 0.25},
        "train": {"optimizer": "adam", "epochs": 2, "batch_size": 4},
    }
    return Written(with_data(yaml.safe_dump(spec, sort_keys=False), folder, **arrays), folder)


def targets_for(name):
    if name in CLASSES:
        return "softmax", DRAW.integers(0, 4, 12)
    if name in SHARES:
        return "softmax", np.eye(4, dtype=np.float32)[DRAW.integers(0, 4, 12)]
    if name in UNITS:
        return "sigmoid", DRAW.integers(0, 2, (12, 4))
    return None, DRAW.normal(size=(12, 4))


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum"])
@pytest.mark.parametrize("name", sorted(FLOATS | SHARES | CLASSES | UNITS))
def test_every_loss_is_the_engines(name, reduction, tmp_path):
    activation, targets = targets_for(name)
    made = scored(tmp_path, {"type": name, "reduction": reduction}, activation, targets)
    same(made.trained(), made.engine(tmp_path))


def test_losses_over_sequences_and_pairs_are_the_engines(tmp_path):
    spec = """
inputs: {x: [6, 3]}
layers: {y: {type: Dense, units: 4}}
outputs: {y: {loss: ctc}}
train: {optimizer: adam, epochs: 2, batch_size: 4}
"""
    arrays = {"x": DRAW.normal(size=(8, 6, 3)), "y": DRAW.integers(0, 4, (8, 3))}
    made = Written(with_data(spec, tmp_path, **arrays), tmp_path)
    same(made.trained(), made.engine(tmp_path))


def test_circle_loss_is_the_engines(tmp_path):
    made = scored(tmp_path, "circle", None, np.array([0, 1, 0, 1] * 3))
    same(made.trained(), made.engine(tmp_path))


def test_every_loss_of_the_catalogue_is_held():
    assert {*FLOATS, *SHARES, *CLASSES, *UNITS, "CTC", "Circle"} == set(names("losses"))


LOSSES = [
    {"type": "BinaryCrossentropy", "label_smoothing": 0.1},
    {"type": "BinaryCrossentropy", "from_logits": True},
    {"type": "BinaryFocalCrossentropy", "apply_class_balancing": True, "from_logits": True},
]


@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_arguments_of_losses_are_written_into_the_script(loss, tmp_path):
    activation = None if loss.get("from_logits") else "sigmoid"
    made = scored(tmp_path, loss, activation, DRAW.integers(0, 2, (12, 4)))
    same(made.trained(), made.engine(tmp_path))


def test_weights_of_classes_and_samples_and_ignored_classes_count(tmp_path):
    spec = """
inputs: {x: [3]}
layers:
  a: {type: Dense, units: 4, activation: softmax}
  b: {type: Dense, units: 1, from: x}
outputs:
  a:
    loss: {type: SparseCategoricalCrossentropy, ignore_class: 2}
    class_weight: {0: 2.0, 1: 0.5}
    loss_weight: 0.3
    metrics: [accuracy]
  b:
    loss: [mse, {type: MeanAbsoluteError, reduction: mean_with_sample_weight, loss_weight: 0.5}]
data: {validation: 0.25}
train: {optimizer: adam, epochs: 2, batch_size: 4}
"""
    arrays = {"x": DRAW.normal(size=(16, 3)), "a": DRAW.integers(0, 4, 16),
              "b": DRAW.normal(size=16), "sample_weight": DRAW.random(16),
              "b.sample_weight": DRAW.random(16)}  # fmt: skip
    made = Written(with_data(spec, tmp_path, **arrays), tmp_path)
    same(made.trained(), made.engine(tmp_path))
    assert 'losses["a_loss"]' in made.text


METRICS = {
    "classes": ["SparseCategoricalAccuracy", {"type": "SparseTopKCategoricalAccuracy", "k": 2},
                "SparseCategoricalCrossentropy", {"type": "MeanIoU", "num_classes": 4,
                                                  "sparse_y_pred": False}],
    "shares": ["CategoricalAccuracy", {"type": "TopKCategoricalAccuracy", "k": 2}, "F1Score",
               {"type": "FBetaScore", "beta": 2.0, "average": "micro", "threshold": 0.3},
               "CategoricalCrossentropy", "KLDivergence", "CategoricalHinge",
               {"type": "OneHotIoU", "num_classes": 4, "target_class_ids": [0, 2]},
               {"type": "OneHotMeanIoU", "num_classes": 4}, {"type": "Precision", "top_k": 2}],
    "units": ["BinaryAccuracy", "AUC", {"type": "AUC", "curve": "PR"},
              {"type": "AUC", "curve": "PRGAIN", "thresholds": [0.2, 0.5]},
              {"type": "AUC", "multi_label": True, "label_weights": [1, 2, 1, 1]},
              "Precision", {"type": "Recall", "thresholds": [0.3, 0.6]}, "TruePositives",
              "TrueNegatives", "FalsePositives", "FalseNegatives", "BinaryCrossentropy", "Poisson",
              {"type": "SensitivityAtSpecificity", "specificity": 0.5},
              {"type": "SpecificityAtSensitivity", "sensitivity": 0.5},
              {"type": "PrecisionAtRecall", "recall": 0.5},
              {"type": "RecallAtPrecision", "precision": 0.5, "class_id": 1},
              {"type": "BinaryIoU", "target_class_ids": [0, 1]}],
    "floats": ["MeanSquaredError", "MeanAbsoluteError", "RootMeanSquaredError", "Accuracy", "Mean",
               "Sum", "MeanAbsolutePercentageError", "MeanSquaredLogarithmicError", "LogCoshError",
               "CosineSimilarity", "R2Score", "PearsonCorrelation", "ConcordanceCorrelation",
               "Hinge", "SquaredHinge"],
}  # fmt: skip
LOSS_OF = {"classes": "SparseCategoricalCrossentropy", "shares": "CategoricalCrossentropy",
           "units": "BinaryCrossentropy", "floats": "MeanSquaredError"}  # fmt: skip


@pytest.mark.parametrize("kind", METRICS)
def test_every_metric_is_the_engines(kind, tmp_path):
    activation, targets = targets_for(LOSS_OF[kind])
    made = scored(tmp_path, LOSS_OF[kind], activation, targets, metrics=METRICS[kind])
    found, expected = made.trained(), made.engine(tmp_path)
    assert len(expected[0]) == 2 * len(METRICS[kind]) + 3
    same(found, expected, nearly=2e-6)


def test_every_metric_of_the_catalogue_is_held():
    known = {
        one if isinstance(one, str) else one["type"] for kind in METRICS.values() for one in kind
    }
    left = {"IoU"}  # what `OneHotIoU` is with classes as outputs, which no loss goes with
    assert set(names("metrics")) - known == left


def test_penalties_and_constraints_are_the_engines(tmp_path):
    spec = """
inputs: {x: [5]}
layers:
  - type: Dense
    units: 4
    kernel_regularizer: {type: L1L2, l1: 0.1, l2: 0.2}
    kernel_constraint: {type: MaxNorm, max_value: 0.5, axis: 0}
  - type: Dense
    units: 4
    kernel_regularizer: {type: OrthogonalRegularizer, factor: 0.1}
    kernel_constraint: {type: UnitNorm, axis: 1}
    bias_constraint: NonNeg
  - {name: y, type: Dense, units: 1, kernel_constraint: {type: MinMaxNorm, max_value: 0.4}}
outputs: {y: {loss: mse}}
train: {optimizer: {type: SGD, learning_rate: 0.1}, epochs: 3, batch_size: 4}
"""
    arrays = {"x": DRAW.normal(size=(12, 5)), "y": DRAW.normal(size=(12, 1))}
    made = Written(with_data(spec, tmp_path, **arrays), tmp_path)
    same(made.trained(), made.engine(tmp_path))


CALLBACKS = [
    [{"type": "EarlyStopping", "monitor": "val_loss", "patience": 1, "restore_best_weights": True}],
    [{"type": "ReduceLROnPlateau", "monitor": "loss", "patience": 1, "min_delta": 10.0,
      "cooldown": 1, "factor": 0.5}],
    [{"type": "LearningRateScheduler",
      "schedule": {"type": "ExponentialDecay", "initial_learning_rate": 0.1, "decay_steps": 1,
                   "decay_rate": 0.5}}],
    [{"type": "EarlyStopping", "monitor": "nothing"}, {"type": "TerminateOnNaN"},
     {"type": "BackupAndRestore"}],
]  # fmt: skip


@pytest.mark.parametrize("callbacks", CALLBACKS, ids=lambda one: one[0]["type"])
def test_callbacks_act_at_the_same_epochs(callbacks, tmp_path):
    spec = f"""
inputs: {{x: [3]}}
layers: {{y: {{type: Dense, units: 1}}}}
outputs: {{y: {{loss: mse}}}}
data: {{validation: 0.5}}
train:
  optimizer: {{type: SGD, learning_rate: 0.3}}
  epochs: 8
  batch_size: 4
  callbacks: {callbacks}
"""
    arrays = {"x": DRAW.normal(size=(12, 3)), "y": DRAW.normal(size=(12, 1))}
    made = Written(with_data(spec, tmp_path, **arrays), tmp_path)
    same(made.trained(), made.engine(tmp_path))


def test_a_plateau_lowers_what_a_schedule_says(tmp_path):
    training = {
        "optimizer": {"type": "SGD", "learning_rate": SCHEDULES[0]}, "epochs": 5,
        "callbacks": [{"type": "ReduceLROnPlateau", "monitor": "loss", "patience": 1,
                       "min_delta": 10.0}],
    }  # fmt: skip
    made = Written(mixed(tmp_path, **training), tmp_path)
    same(made.trained(), made.engine(tmp_path))


def test_checkpoints_and_logs_are_files_beside_the_script(tmp_path):
    callbacks = [
        {"type": "ModelCheckpoint", "path": "best-{epoch:02d}", "monitor": "loss",
         "save_best_only": True},
        {"type": "CSVLogger", "path": "log.csv"},
    ]  # fmt: skip
    made = Written(mixed(tmp_path, callbacks=callbacks), tmp_path)
    history = made.trained()
    assert (tmp_path / "log.csv").read_text().splitlines()[0] == "epoch,loss"
    assert len((tmp_path / "log.csv").read_text().splitlines()) == len(history) + 1
    assert (tmp_path / "best-01.safetensors").exists()


def test_layers_that_are_not_trained_stay_as_they_are(tmp_path):
    spec = MIXED.replace(
        "{type: BatchNormalization}", "{type: BatchNormalization, trainable: false}"
    )
    spec = spec.replace("output_dim: 4,", "output_dim: 4, trainable: false,")
    arrays = {"words": DRAW.integers(0, 9, (20, 6)), "image": DRAW.normal(size=(20, 4, 4, 1)),
              "y": DRAW.normal(size=(20, 1))}  # fmt: skip
    made = Written(with_data(spec, tmp_path, **arrays), tmp_path)
    assert "model.embedded.weight.requires_grad_(False)" in made.text
    assert "model.normed.eval()" in made.text
    same(made.trained(), made.engine(tmp_path))
    assert [one.fails for one in differences(made.run, made.files)] == [False, False]


GATED = """
inputs: {x: [5, 3]}
layers: {read: {type: GRU, units: 4}, y: {type: Dense, units: 1}}
outputs: {y: {loss: mse}}
"""


def test_a_weight_that_pytorch_keeps_in_two_is_trained_as_one(tmp_path):
    arrays = {"x": DRAW.normal(size=(12, 5, 3)), "y": DRAW.normal(size=(12, 1))}
    spec = with_data(GATED + "train: {epochs: 2, batch_size: 4}", tmp_path, **arrays)
    made = Written(spec, tmp_path)
    same(made.trained(), made.engine(tmp_path))
    with pytest.raises(Rejected) as caught:
        Written(spec.replace("batch_size: 4", "batch_size: 4\n  optimizer: lamb"), tmp_path / "b")
    assert [one.label.text for one in caught.value.diagnostics] == [
        "`read.bias` is none, or several"
    ]


def test_the_order_of_samples_is_the_runs_where_the_arrays_are_numpys(tmp_path):
    made = Written(mixed(tmp_path, shuffle=True, seed=3), tmp_path)
    assert "np.random.Philox(key=[SEED, epoch])" in made.text
    same(made.trained(), made.engine(tmp_path))


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_is_autocast(precision, tmp_path):
    made = Written(mixed(tmp_path, precision=precision, optimizer="sgd"), tmp_path)
    assert f"torch.autocast(DEVICE, torch.{precision})" in made.text
    script = made.script
    script["DEVICE"] = "cpu"
    history = script["train"](script["ready"](script["load"](made.files[1])))
    if precision == "bfloat16":  # float16 begins with steps that overflow, and are skipped
        losses = [one["loss"] for one in history]
        assert losses == pytest.approx([one["loss"] for one in made.engine(tmp_path)], rel=0.02)
    assert all(np.isfinite(one["loss"]) for one in history)


def test_weights_can_start_anew_with_the_same_distributions(tmp_path):
    made = Written(mixed(tmp_path), tmp_path)
    model = made.script["load"](made.files[1])
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(0)
    made.script["start_anew"](model)
    after = model.state_dict()
    drawn = [name for name in before if "weight" in name and "normed" not in name]
    assert len(drawn) == 11
    for name in drawn:
        assert not torch.equal(before[name], after[name]), name
        assert after[name].std().item() == pytest.approx(before[name].std().item(), rel=0.5), name
