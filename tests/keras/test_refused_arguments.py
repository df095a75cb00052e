"""What Keras refuses in losses, metrics, optimizers and the like is refused here, by name."""

from __future__ import annotations

import keras
import pytest

from modelspec.catalog.words import bind
from modelspec.source.diagnostics import Rejected

HOMES = {
    "losses": keras.losses,
    "metrics": keras.metrics,
    "optimizers": keras.optimizers,
    "schedules": keras.optimizers.schedules,
    "initializers": keras.initializers,
    "regularizers": keras.regularizers,
}
CASES = [
    ("losses", "CategoricalGeneralizedCrossEntropy", {"q": 1.0}, "q"),
    ("losses", "CategoricalGeneralizedCrossEntropy", {"q": 0.0}, "q"),
    ("losses", "Dice", {"reduction": "most"}, "reduction"),
    ("metrics", "FBetaScore", {"beta": 0.0}, "beta"),
    ("metrics", "FBetaScore", {"average": "most"}, "average"),
    ("metrics", "FBetaScore", {"threshold": 1.5}, "threshold"),
    ("metrics", "F1Score", {"threshold": 0.0}, "threshold"),
    ("metrics", "R2Score", {"class_aggregation": "most"}, "class_aggregation"),
    ("metrics", "R2Score", {"num_regressors": -1}, "num_regressors"),
    ("metrics", "TruePositives", {"thresholds": [1.5]}, "thresholds"),
    ("metrics", "SensitivityAtSpecificity", {"specificity": 1.5}, "specificity"),
    ("metrics", "SpecificityAtSensitivity", {"sensitivity": -0.5}, "sensitivity"),
    ("metrics", "PrecisionAtRecall", {"recall": 2.0}, "recall"),
    ("metrics", "RecallAtPrecision", {"precision": 0.5, "num_thresholds": 0}, "num_thresholds"),
    ("metrics", "IoU", {"num_classes": 2, "target_class_ids": [2]}, "2 classes"),
    ("metrics", "BinaryIoU", {"target_class_ids": [2]}, "2 classes"),
    ("metrics", "BinaryIoU", {"target_class_ids": []}, "target_class_ids"),
    ("metrics", "OneHotIoU", {"num_classes": 2, "target_class_ids": []}, "target_class_ids"),
    ("metrics", "AUC", {"num_thresholds": 1}, "num_thresholds"),
    ("metrics", "AUC", {"curve": "ROCK"}, "curve"),
    ("optimizers", "Adam", {"gradient_accumulation_steps": 1}, "gradient_accumulation_steps"),
    ("optimizers", "SGD", {"use_ema": True, "ema_momentum": 1.5}, "ema_momentum"),
    ("optimizers", "SGD", {"use_ema": True, "ema_overwrite_frequency": -1}, "ema_overwrite"),
    ("optimizers", "SGD", {"momentum": 1.5}, "momentum"),
    ("optimizers", "SGD", {"clipnorm": 1.0, "clipvalue": 1.0}, "clipnorm"),
    ("optimizers", "Ftrl", {"learning_rate_power": 0.5}, "learning_rate_power"),
    ("optimizers", "Ftrl", {"initial_accumulator_value": -1.0}, "initial_accumulator_value"),
    ("optimizers", "Ftrl", {"l1_regularization_strength": -1.0}, "l1_regularization_strength"),
    ("optimizers", "Ftrl", {"l2_regularization_strength": -1.0}, "l2_regularization_strength"),
    ("optimizers", "Lion", {"beta_1": 0.0}, "beta_1"),
    ("optimizers", "Lion", {"beta_1": 1.5}, "beta_1"),
    (
        "schedules", "PiecewiseConstantDecay", {"boundaries": [1, 2], "values": [0.1, 0.2]},
        "2 boundaries and 2 values",
    ),
    ("initializers", "STFT", {"side": "left"}, "side"),
    ("initializers", "STFT", {"window": "round"}, "window"),
    ("initializers", "STFT", {"scaling": "most"}, "scaling"),
    ("initializers", "VarianceScaling", {"scale": 0.0}, "scale"),
    ("initializers", "VarianceScaling", {"mode": "fan"}, "mode"),
    ("initializers", "VarianceScaling", {"distribution": "even"}, "distribution"),
    ("regularizers", "OrthogonalRegularizer", {"mode": "both"}, "mode"),
]  # fmt: skip


@pytest.mark.parametrize(("group", "name", "arguments", "said"), CASES, ids=str)
def test_what_keras_refuses_is_refused_by_the_argument_s_name(group, name, arguments, said):
    with pytest.raises(ValueError):
        getattr(HOMES[group], name)(**arguments)
    with pytest.raises(Rejected) as caught:
        bind(group, {"type": name, **arguments})
    assert said in str(caught.value)
