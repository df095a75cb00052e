"""Half precision and double: what is computed in which, and that it learns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from modelspec.catalog.training import Training
from modelspec.engine import run, scaling
from modelspec.engine.loop import Stepped
from modelspec.engine.module import Module
from modelspec.engine.runner import Runner
from modelspec.engine.step import Step, Trainable
from modelspec.engine.training import Trainer
from tests.engine.training import SpecFile, ended, graph_of, npz, trained

SPEC = """
inputs: {image: {shape: [8, 8, 1], dtype: uint8}}
layers:
  small: {type: Rescaling, scale: 0.0625}
  conv: {type: Conv2D, filters: 8, kernel_size: 3, activation: relu}
  norm: {type: BatchNormalization, momentum: 0.8}
  flat: {type: Flatten}
  y: {type: Dense, units: 3, activation: softmax}
outputs: {y: {loss: sparse_categorical_crossentropy, metrics: [accuracy]}}
data: {train: rows.npz, validation: 0.2}
train: {optimizer: {type: Adam, learning_rate: 0.01}, epochs: 8, batch_size: 16, seed: 1}
"""
HALF = {"bfloat16": torch.bfloat16, "float16": torch.float16}


@pytest.fixture
def path(spec: SpecFile, tmp_path: Path) -> Path:
    """Images of bars: upright, lying, none."""
    draws = np.random.default_rng(0)
    image = draws.integers(0, 3, (200, 8, 8, 1))
    y = draws.integers(0, 3, 200)
    for i, kind in enumerate(y):
        at = draws.integers(1, 7)
        if kind == 0:
            image[i, at] += 12
        elif kind == 1:
            image[i, :, at] += 12
    npz(tmp_path, image=image.astype("uint8"), y=y.astype("int32"))
    return spec(SPEC)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_a_model_learns_in_half_precision(path: Path, tmp_path: Path, precision: str) -> None:
    held = trained(path, tmp_path / "run", f"train.precision={precision}")
    assert held.history[-1]["val_accuracy"] > 0.9
    assert held.history[-1]["loss"] < held.history[0]["loss"]
    assert {v.dtype for v in held.module.weights().values()} == {torch.float32}
    images = np.load(tmp_path / "rows.npz")["image"]
    made = held.predict({"image": images}, at=("y", "conv", "small"))
    assert {v.dtype for v in made.values()} == {np.dtype("float32")}
    found = held.evaluate()
    assert found == {n: pytest.approx(held.history[-1][f"val_{n}"], rel=1e-5) for n in found}


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_layers_compute_in_half_and_losses_in_float32(
    path: Path, tmp_path: Path, precision: str
) -> None:
    trainer = Trainer(
        graph_of(path, f"train.precision={precision}"), str(tmp_path / "run"), device="cpu"
    )
    loop = trainer.loop
    samples = loop.samples.batch(np.arange(16))
    outcome = loop.step.forward(loop.at.weights, samples, 0)
    tensors = loop.graph.program.tensors
    for tensor in tensors:
        value = outcome.values[tensor.id]
        if tensor.name != "image":
            assert value.dtype == HALF[precision], tensor.name
    taken = loop.step(loop.at, samples)
    assert taken.values.total.dtype == torch.float32
    assert all(value.dtype == torch.float32 for value in loop.at.weights.values())


def test_half_precision_resumes_bit_for_bit(path: Path, tmp_path: Path) -> None:
    settings = ("train.precision=float16", "train.epochs=2", "train.checkpoint_every=3")
    trained(path, tmp_path / "alone", *settings)
    for event in Trainer(graph_of(path, *settings), str(tmp_path / "left"), device="cpu").run():
        if isinstance(event, Stepped) and event.step == 13:
            break
    resumed = Trainer.resumed(run.load(str(tmp_path / "left"), device="cpu"))
    assert resumed.loop.at.scaling is not None
    assert resumed.loop.at.scaling.good == 13 - resumed.loop.at.skipped
    ended(resumed)
    name = "weights.safetensors"
    assert (tmp_path / "left" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()


def stepping(path: Path) -> tuple[Step, Trainable, dict[str, torch.Tensor]]:
    graph = graph_of(path, "train.precision=float16")
    weights = {n: v.detach().clone() for n, v in Module(graph).weights().items()}
    at = Trainable(graph, weights, graph.spec.training)
    rows = np.load(path.parent / "rows.npz")
    batch = {n: torch.from_numpy(rows[n][:16]) for n in ("image", "y")}
    return Step(graph, graph.spec.training), at, batch


def test_the_scale_halves_where_gradients_overflow_and_the_step_is_left_out(path: Path) -> None:
    step, at, batch = stepping(path)
    assert at.scaling is not None
    assert at.scaling.scale == 2.0**15
    at.scaling.scale = 2.0**40
    before = {n: v.clone() for n, v in at.weights.items()}
    state = [v.clone() for held in at.state.values() for v in held]
    step(at, batch)
    assert (at.steps, at.skipped, at.scaling.scale, at.scaling.good) == (1, 1, 2.0**39, 0)
    for name, value in before.items():
        if "moving" not in name:
            assert at.weights[name].equal(value), name
    after = [v for held in at.state.values() for v in held]
    assert all(a.equal(b) for a, b in zip(after, state, strict=True))
    at.scaling.scale = 2.0**10
    step(at, batch)
    assert (at.steps, at.skipped, at.scaling.good) == (2, 1, 1)


def test_the_scale_doubles_after_2000_good_steps(path: Path) -> None:
    step, at, batch = stepping(path)
    assert scaling.PATIENCE == 2000
    assert at.scaling is not None
    at.scaling.scale, at.scaling.good = 4.0, 1999
    step(at, batch)
    assert (at.scaling.scale, at.scaling.good) == (8.0, 0)


def test_the_scale_moves_as_keras_s(path: Path) -> None:
    import keras

    variable = keras.Variable(np.ones(3, "float32"))
    theirs = keras.optimizers.LossScaleOptimizer(
        keras.optimizers.SGD(0.1), initial_scale=2.0**15, dynamic_growth_steps=3
    )
    theirs.build([variable])
    ours = scaling.LossScale()
    weight = torch.ones(3)
    kept, scaling.PATIENCE = scaling.PATIENCE, 3
    try:
        for good in [True, True, True, True, False, True, True, False, True, True, True, True]:
            gradient = torch.full((3,), 64.0 if good else torch.inf)
            theirs.apply([gradient.clone()], [variable])
            found = ours.unscaled([gradient.clone()])
            if found is not None:
                weight -= 0.1 * found[0]
            assert ours.scale == float(theirs.dynamic_scale.numpy())
            np.testing.assert_allclose(weight, variable.numpy(), rtol=1e-6)
    finally:
        scaling.PATIENCE = kept


def test_gradients_of_float16_are_those_of_float32_but_for_rounding(path: Path) -> None:
    graph = graph_of(path, "train.optimizer={type: SGD, learning_rate: 0.1}")
    moved: dict[str, Any] = {}
    rows = np.load(path.parent / "rows.npz")
    batch = {n: torch.from_numpy(rows[n][:64]) for n in ("image", "y")}
    for precision in ("float32", "float16", "bfloat16"):
        training = Training.of({**vars(graph.spec.training), "precision": precision})
        weights = {n: v.detach().clone() for n, v in Module(graph).weights().items()}
        at = Trainable(graph, weights, training)
        Step(graph, training)(at, batch)
        moved[precision] = at.weights
    begun = Module(graph).weights()
    for precision, tolerance in (("float16", 0.02), ("bfloat16", 0.15)):
        for name in ("conv.kernel", "y.kernel", "norm.gamma"):
            exact = moved["float32"][name] - begun[name]
            apart = (moved[precision][name] - begun[name] - exact).norm() / exact.norm()
            assert apart < tolerance, (precision, name)


DOUBLE = """
inputs: {x: {shape: [3], dtype: float64}, k: {shape: [3], dtype: int32}}
layers:
  s: {type: Rescaling, scale: 0.3, dtype: float64, from: k}
  a: {type: Dense, units: 4, dtype: float64, from: x}
  b: {type: Concatenate, from: [a, s], dtype: float64}
  c: {type: Dense, units: 2}
  y: {type: Dense, units: 1, dtype: float64}
outputs: {y: {loss: mse}}
data: {train: {type: Synthetic, samples: 20}}
train: {optimizer: %s, epochs: 1, batch_size: 8, clip_norm: 1.0}
"""


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop", "sgd", "adagrad", "adamw"])
def test_float64_layers_compute_in_float64_among_others(
    spec: SpecFile, tmp_path: Path, optimizer: str
) -> None:
    held = trained(spec(DOUBLE % optimizer), tmp_path / "run")
    dtypes = {n: v.dtype for n, v in held.module.weights().items()}
    assert dtypes["a.kernel"] == dtypes["y.bias"] == torch.float64
    assert dtypes["c.kernel"] == torch.float32
    made = held.predict({"x": np.ones((2, 3)), "k": np.ones((2, 3))}, at=("a", "s", "c", "y"))
    assert {n: v.dtype for n, v in made.items()} == {
        "a": np.float64, "s": np.float64, "c": np.float32, "y": np.float64,
    }  # fmt: skip
    assert np.abs(made["s"] - 0.3).max() == 0.0


def test_the_shapes_dtypes_are_those_that_run(path: Path) -> None:
    graph = graph_of(path)
    outcome = Runner.of(graph)(
        Module(graph).weights(), {"image": torch.zeros(2, 8, 8, 1, dtype=torch.uint8)}
    )
    for tensor in graph.program.tensors:
        assert str(outcome.values[tensor.id].dtype) == f"torch.{tensor.dtype}", tensor.name
