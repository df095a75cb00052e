"""`history.jsonl` beside Keras's `History`, from the same weights over the same samples: every key,
every value, over two epochs with a smaller last batch.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest
from keras import layers as kl
from safetensors.numpy import save_file

from tests.engine.training import Arrays, npz, trained

N, VALIDATION, BATCH = 22, 7, 5


class Case(NamedTuple):
    """A spec without its `data`, the same in Keras, and what `compile` and `fit` are told."""

    spec: str
    model: Callable[[], Any]
    compiled: dict[str, Any]
    arrays: Callable[[np.random.Generator], Arrays]
    fit: dict[str, Any] = {}


def flat(draws: np.random.Generator) -> Arrays:
    x = draws.normal(size=(N + VALIDATION, 4)).astype("float32")
    y = draws.normal(size=(N + VALIDATION, 1)).astype("float32")
    return {"x": x, "y": y}


def classes(draws: np.random.Generator) -> Arrays:
    return flat(draws) | {"y": draws.integers(0, 3, N + VALIDATION).astype("int32")}


def weighted(draws: np.random.Generator) -> Arrays:
    weight = draws.uniform(0, 2, N + VALIDATION).astype("float32")
    return flat(draws) | {"sample_weight": weight}


def two(draws: np.random.Generator) -> Arrays:
    made = flat(draws)
    z = draws.integers(0, 2, (N + VALIDATION, 1)).astype("float32")
    return made | {"z": z}


def words(draws: np.random.Generator) -> Arrays:
    x = draws.integers(0, 6, (N + VALIDATION, 5)).astype("int32")
    x[:, 0] = 1  # a sample that is masked whole has no mean
    y = draws.integers(0, 2, (N + VALIDATION, 1)).astype("float32")
    return {"x": x, "y": y}


def tagged(draws: np.random.Generator) -> Arrays:
    return words(draws) | {"y": draws.integers(0, 3, (N + VALIDATION, 5)).astype("int32")}


def padded(draws: np.random.Generator) -> Arrays:
    x = draws.normal(size=(N + VALIDATION, 5, 3)).astype("float32")
    lengths = draws.integers(1, 6, N + VALIDATION)
    x[np.arange(5)[None, :] >= lengths[:, None]] = 0.0
    return {"x": x, "y": draws.normal(size=(N + VALIDATION, 5, 2)).astype("float32")}


def squares_and_distances(y: Any, predicted: Any) -> Any:
    return keras.losses.mean_squared_error(y, predicted) + 0.5 * keras.losses.mean_absolute_error(
        y, predicted
    )


def dense(**hidden: Any) -> Callable[[], Any]:
    def model() -> Any:
        return keras.Sequential(
            [
                keras.Input((4,), name="x"),
                kl.Dense(6, activation="tanh", name="a", **hidden),
                kl.Dense(1, name="y"),
            ]
        )

    return model


def softmax() -> Any:
    return keras.Sequential(
        [keras.Input((4,), name="x"), kl.Dense(3, activation="softmax", name="y")]
    )


def both() -> Any:
    x = keras.Input((4,), name="x")
    a = kl.Dense(6, activation="tanh", name="a")(x)
    y = kl.Dense(1, name="y")(a)
    z = kl.Dense(1, activation="sigmoid", name="z")(a)
    return keras.Model(x, {"y": y, "z": z})


def frozen() -> Any:
    model = keras.Sequential(
        [
            keras.Input((4,), name="x"),
            kl.Dense(6, activation="tanh", name="a", trainable=False),
            kl.BatchNormalization(name="b"),
            kl.Dense(1, name="y"),
        ]
    )
    model.layers[1].trainable = False
    return model


def normed() -> Any:
    return keras.Sequential(
        [
            keras.Input((4,), name="x"),
            kl.Dense(6, activation="tanh", name="a"),
            kl.BatchNormalization(name="b", momentum=0.7),
            kl.Dense(1, name="y"),
        ]
    )


def reading() -> Any:
    return keras.Sequential(
        [
            keras.Input((5,), dtype="int32", name="x"),
            kl.Embedding(6, 4, mask_zero=True, name="a"),
            kl.LSTM(5, name="b"),
            kl.Dense(1, activation="sigmoid", name="y"),
        ]
    )


def tagging() -> Any:
    return keras.Sequential(
        [
            keras.Input((5,), dtype="int32", name="x"),
            kl.Embedding(6, 4, mask_zero=True, name="a"),
            kl.GRU(5, return_sequences=True, name="b"),
            kl.TimeDistributed(kl.Dense(3, activation="softmax"), name="y"),
        ]
    )


def masking() -> Any:
    return keras.Sequential(
        [
            keras.Input((5, 3), name="x"),
            kl.Masking(name="a"),
            kl.LSTM(4, return_sequences=True, name="b"),
            kl.Dense(2, name="y"),
        ]
    )


DENSE = """
inputs: {x: [4]}
layers:
  a: {type: Dense, units: 6, activation: tanh%s}
  y: {type: Dense, units: 1}
outputs: {y: {loss: mse%s}}
train: {optimizer: %s, %s}
"""
MSE = {"loss": "mse"}
RATE = "{type: SGD, learning_rate: 0.1%s}"


def plain(
    inside: str = "", output: str = "", optimizer: str = "sgd", train: str = "seed: 0"
) -> str:
    return DENSE % (inside, output, optimizer, train)


def sgd(**more: Any) -> Any:
    return keras.optimizers.SGD(learning_rate=0.1, **more)


KerasCallback = keras.callbacks

CASES: dict[str, Case] = {
    "one output": Case(plain(
        output=", metrics: [mae, root_mean_squared_error]"), dense(), {
        **MSE, "metrics": ["mae", "root_mean_squared_error"],
    }, flat),
    "accuracy": Case(
        "inputs: {x: [4]}\nlayers: {y: {type: Dense, units: 3, activation: softmax}}\n"
        "outputs: {y: {loss: sparse_categorical_crossentropy, metrics: [accuracy]}}\n"
        "train: {optimizer: sgd}\n",
        softmax, {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}, classes,
    ),
    "class weights": Case(
        "inputs: {x: [4]}\nlayers: {y: {type: Dense, units: 3, activation: softmax}}\n"
        "outputs: {y: {loss: sparse_categorical_crossentropy, metrics: [accuracy],\n"
        "  class_weight: {0: 1.0, 1: 3.0, 2: 0.5}}}\n"
        "train: {optimizer: sgd}\n",
        softmax, {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}, classes,
        fit={"class_weight": {0: 1.0, 1: 3.0, 2: 0.5}},
    ),
    "sample weights": Case(plain(output=", metrics: [mae]"), dense(), {
        **MSE, "metrics": ["mae"],
    }, weighted),
    "two outputs": Case("""
inputs: {x: [4]}
layers:
  a: {type: Dense, units: 6, activation: tanh}
  y: {type: Dense, units: 1, from: a}
  z: {type: Dense, units: 1, activation: sigmoid, from: a}
outputs:
  y: {loss: mse, loss_weight: 0.5, metrics: [mae]}
  z: {loss: binary_crossentropy, loss_weight: 2.0, metrics: [accuracy]}
train: {optimizer: sgd}
""", both, {"loss": {"y": "mse", "z": "binary_crossentropy"}, "loss_weights": {"y": 0.5, "z": 2.0},
            "metrics": {"y": ["mae"], "z": ["accuracy"]}}, two),
    "an output without a loss": Case("""
inputs: {x: [4]}
layers:
  a: {type: Dense, units: 6, activation: tanh}
  y: {type: Dense, units: 1, from: a}
  z: {type: Dense, units: 1, activation: sigmoid, from: a}
outputs:
  y: {loss: mse, metrics: [mse]}
  z: {metrics: [accuracy]}
train: {optimizer: sgd}
""", both, {"loss": {"y": "mse", "z": None},
            "metrics": {"y": ["mse"], "z": ["accuracy"]}}, two),
    "several losses": Case(plain(output=", metrics: [mae]").replace(
        "loss: mse", "loss: [mse, {type: mae, loss_weight: 0.5}]"), dense(),
        {"loss": squares_and_distances, "metrics": ["mae"]}, flat),
    "regularizers": Case(plain(
        ", kernel_regularizer: {type: L2, l2: 0.1}, bias_regularizer: {type: L1, l1: 0.2}, "
        "activity_regularizer: {type: L2, l2: 0.05}"), dense(
        kernel_regularizer=keras.regularizers.L2(0.1), bias_regularizer=keras.regularizers.L1(0.2),
        activity_regularizer=keras.regularizers.L2(0.05)), MSE, flat),
    "constraints": Case(plain(
        ", kernel_constraint: {type: MaxNorm, max_value: 0.5}, bias_constraint: non_neg",
        optimizer=RATE % ""), dense(
        kernel_constraint=keras.constraints.MaxNorm(0.5), bias_constraint="non_neg"),
        {**MSE, "optimizer": sgd}, flat),
    "clip_norm": Case(plain(optimizer=RATE % "", train="clip_norm: 0.1"), dense(),
        {**MSE, "optimizer": lambda: sgd(global_clipnorm=0.1)}, flat),
    "clipnorm": Case(plain(optimizer=RATE % ", clipnorm: 0.1"), dense(),
        {**MSE, "optimizer": lambda: sgd(clipnorm=0.1)}, flat),
    "clipvalue": Case(plain(optimizer=RATE % ", clipvalue: 0.05"), dense(),
        {**MSE, "optimizer": lambda: sgd(clipvalue=0.05)}, flat),
    "global_clipnorm": Case(plain(optimizer=RATE % ", global_clipnorm: 0.1"), dense(),
        {**MSE, "optimizer": lambda: sgd(global_clipnorm=0.1)}, flat),
    "a schedule": Case(plain(optimizer="{type: SGD, learning_rate: "
        "{type: ExponentialDecay, initial_learning_rate: 0.2, decay_steps: 3, decay_rate: 0.5}}"),
        dense(), {**MSE, "optimizer": lambda: keras.optimizers.SGD(
            keras.optimizers.schedules.ExponentialDecay(0.2, 3, 0.5))}, flat),
    "a rate that falls": Case(plain(optimizer=RATE % "", train="epochs: 6, callbacks: "
        "[{type: ReduceLROnPlateau, patience: 1, factor: 0.3, min_delta: 0.02, cooldown: 1}]"),
        dense(), {**MSE, "optimizer": sgd}, flat,
        fit={"epochs": 6, "callbacks": lambda: [KerasCallback.ReduceLROnPlateau(
            patience=1, factor=0.3, min_delta=0.02, cooldown=1)]}),
    "stopped early": Case(plain(optimizer=RATE % "", train="epochs: 20, callbacks: "
        "[{type: EarlyStopping, patience: 2, min_delta: 0.005, restore_best_weights: true}]"),
        dense(), {**MSE, "optimizer": sgd}, flat,
        fit={"epochs": 20, "callbacks": lambda: [KerasCallback.EarlyStopping(
            patience=2, min_delta=0.005, restore_best_weights=True)]}),
    "stopped by a baseline": Case(plain(train="epochs: 9, callbacks: "
        "[{type: EarlyStopping, patience: 2, baseline: 0.01, start_from_epoch: 1, "
        "restore_best_weights: true}]"), dense(), {**MSE, "optimizer": "sgd"}, flat,
        fit={"epochs": 9, "callbacks": lambda: [KerasCallback.EarlyStopping(
            patience=2, baseline=0.01, start_from_epoch=1, restore_best_weights=True)]}),
    "frozen layers": Case("""
inputs: {x: [4]}
layers:
  a: {type: Dense, units: 6, activation: tanh, trainable: false}
  b: {type: BatchNormalization, trainable: false}
  y: {type: Dense, units: 1}
outputs: {y: {loss: mse}}
train: {optimizer: adam}
""", frozen, {**MSE, "optimizer": "adam"}, flat),
    "batch normalization": Case("""
inputs: {x: [4]}
layers:
  a: {type: Dense, units: 6, activation: tanh}
  b: {type: BatchNormalization, momentum: 0.7}
  y: {type: Dense, units: 1}
outputs: {y: {loss: mse}}
train: {optimizer: rmsprop}
""", normed, {**MSE, "optimizer": "rmsprop"}, flat),
    "masks into an LSTM": Case("""
inputs: {x: {shape: [5], dtype: int32}}
layers:
  a: {type: Embedding, input_dim: 6, output_dim: 4, mask_zero: true}
  b: {type: LSTM, units: 5}
  y: {type: Dense, units: 1, activation: sigmoid}
outputs: {y: {loss: binary_crossentropy, metrics: [accuracy]}}
train: {optimizer: adam}
""", reading, {"loss": "binary_crossentropy", "metrics": ["accuracy"], "optimizer": "adam"}, words),
    "masks into losses and metrics": Case("""
inputs: {x: {shape: [5], dtype: int32}}
layers:
  a: {type: Embedding, input_dim: 6, output_dim: 4, mask_zero: true}
  b: {type: GRU, units: 5, return_sequences: true}
  y: {type: TimeDistributed, layer: {type: Dense, units: 3, activation: softmax}}
outputs: {y: {loss: sparse_categorical_crossentropy, metrics: [accuracy]}}
train: {optimizer: adam}
""", tagging, {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"],
               "optimizer": "adam"}, tagged),
    "Masking": Case("""
inputs: {x: [5, 3]}
layers:
  a: {type: Masking}
  b: {type: LSTM, units: 4, return_sequences: true}
  y: {type: Dense, units: 2}
outputs: {y: {loss: mse, metrics: [mae]}}
train: {optimizer: adam}
""", masking, {**MSE, "metrics": ["mae"], "optimizer": "adam"}, padded),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Gradients do not exist for variables")
@pytest.mark.parametrize("name", list(CASES))
def test_every_value_of_the_history_is_keras_s(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    keras.utils.set_random_seed(5)
    arrays = case.arrays(np.random.default_rng(17))
    model = case.model()
    spread(model)
    save_file(named(model), str(tmp_path / "begun.safetensors"))
    theirs = keras_history(case, model, arrays)

    npz(tmp_path, "train.npz", **{n: a[:N] for n, a in arrays.items()})
    held_out = {n: a[N:] for n, a in arrays.items() if n != "sample_weight"}
    npz(tmp_path, "validation.npz", **held_out)
    data = "data: {train: train.npz, validation: validation.npz}\n"
    train = f"train: {{shuffle: false, batch_size: {BATCH}, "
    if "epochs:" not in case.spec:
        train += "epochs: 2, "
    path = tmp_path / "spec.yaml"
    path.write_text(case.spec.replace("train: {", train) + data)
    run = trained(path, tmp_path / "run", weights=str(tmp_path / "begun.safetensors"))

    ours: dict[str, list[float]] = {}
    for epoch in run.history:
        for key, value in epoch.items():
            ours.setdefault(key, []).append(value)
    assert ours.pop("epoch") == list(range(len(theirs["loss"])))
    assert set(ours) == set(theirs)
    for key, values in theirs.items():
        np.testing.assert_allclose(ours[key], values, rtol=1e-5, atol=1e-7, err_msg=key)
    for key, value in named(model).items():
        mine = run.module.weights()[key].detach().numpy()
        np.testing.assert_allclose(mine, value, rtol=1e-4, atol=1e-5, err_msg=key)


def keras_history(case: Case, model: Any, arrays: Arrays) -> dict[str, list[float]]:
    compiled = dict(case.compiled)
    if callable(compiled.get("optimizer")):
        compiled["optimizer"] = compiled["optimizer"]()
    model.compile(**{"optimizer": "sgd", **compiled})
    targets: Any = {n: a for n, a in arrays.items() if n not in ("x", "sample_weight")}
    if len(targets) == 1:
        (targets,) = targets.values()
        fits, checks = targets[:N], targets[N:]
    else:
        fits = {n: a[:N] for n, a in targets.items()}
        checks = {n: a[N:] for n, a in targets.items()}
    more = {"epochs": 2, **case.fit}
    if "callbacks" in more:
        more["callbacks"] = more["callbacks"]()
    if "sample_weight" in arrays:
        more["sample_weight"] = arrays["sample_weight"][:N]
    kept = model.fit(
        arrays["x"][:N], fits, batch_size=BATCH, shuffle=False, verbose=0,
        validation_data=(arrays["x"][N:], checks), **more,
    )  # fmt: skip
    found: dict[str, list[float]] = kept.history
    return found


def named(model: Any) -> Arrays:
    """Keras's weights under the names that a spec gives them."""
    found: Arrays = {}
    for layer in model.layers:
        inner = layer.layer if isinstance(layer, kl.TimeDistributed) else layer
        path = f"{layer.name}.layer" if inner is not layer else layer.name
        for weight in inner.weights:
            if "seed_generator" not in weight.path:
                found[f"{path}.{weight.name}"] = weight.numpy().copy()
    return found


def spread(model: Any) -> None:
    """Biases off zero, and statistics off their start."""
    draws = np.random.default_rng(3)
    for variable in model.weights:
        if len(variable.shape) == 1 and "int" not in str(variable.dtype):
            drawn = draws.uniform(0.1, 0.3, variable.shape).astype("float32")
            variable.assign(variable.numpy() + drawn)
