"""On a CUDA device: the same training as on the CPU, and a resumed run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from modelspec.engine import run
from modelspec.engine.loop import Stepped
from modelspec.engine.training import Trainer
from tests.engine.training import SpecFile, ended, graph_of, npz

pytestmark = pytest.mark.gpu

SPEC = """
inputs: {x: [6], k: {shape: [5], dtype: int32}}
layers:
  e: {type: Embedding, input_dim: 9, output_dim: 4, mask_zero: true, from: k}
  l: {type: LSTM, units: 5}
  b: {type: BatchNormalization, from: x}
  m: {type: Concatenate, from: [l, b]}
  h: {type: Dense, units: 12, activation: relu, kernel_regularizer: {type: L2, l2: 0.01}}
  y: {type: Dense, units: 3, activation: softmax}
outputs: {y: {loss: sparse_categorical_crossentropy, metrics: [accuracy]}}
data: {train: rows.npz, validation: 0.25}
train:
  optimizer: {type: Adam, learning_rate: 0.01}
  epochs: 3
  batch_size: 8
  checkpoint_every: 5
  clip_norm: 1.0
  callbacks: [{type: EarlyStopping, patience: 2, restore_best_weights: true}]
"""


@pytest.fixture
def path(spec: SpecFile, tmp_path: Path) -> Path:
    draws = np.random.default_rng(0)
    x = draws.normal(size=(80, 6)).astype("float32")
    k = draws.integers(0, 9, (80, 5)).astype("int32")
    npz(tmp_path, x=x, k=k, y=((x[:, 0] > 0).astype("int32") + (k[:, 0] > 4)).astype("int32"))
    return spec(SPEC)


def test_training_on_cuda_is_training_on_the_cpu(path: Path, tmp_path: Path) -> None:
    graph = graph_of(path)
    ended(Trainer(graph, str(tmp_path / "cpu"), device="cpu"))
    ended(Trainer(graph, str(tmp_path / "cuda"), device="cuda"))
    cpu = run.load(str(tmp_path / "cpu"), device="cpu")
    cuda = run.load(str(tmp_path / "cuda"), device="cuda")
    for ours, theirs in zip(cuda.history, cpu.history, strict=True):
        assert ours == {name: pytest.approx(value, rel=1e-4) for name, value in theirs.items()}
    rows = np.load(tmp_path / "rows.npz")
    inputs = {name: rows[name] for name in ("x", "k")}
    np.testing.assert_allclose(
        cuda.predict(inputs)["y"], cpu.predict(inputs)["y"], rtol=1e-4, atol=1e-5
    )
    found = cuda.evaluate()
    assert found == {n: pytest.approx(v, rel=1e-4) for n, v in cpu.evaluate().items()}


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_a_run_resumed_on_cuda_ends_as_if_left_alone(
    path: Path, tmp_path: Path, precision: str
) -> None:
    graph = graph_of(path, f"train.precision={precision}")
    alone = ended(Trainer(graph, str(tmp_path / "alone"), device="cuda"))
    for event in Trainer(graph, str(tmp_path / "left"), device="cuda").run():
        if isinstance(event, Stepped) and event.step == 12:
            break
    last = ended(Trainer.resumed(run.load(str(tmp_path / "left"), device="cuda")))
    for ours, theirs in zip(last.history, alone.history, strict=True):
        assert ours == {name: pytest.approx(value, rel=1e-4) for name, value in theirs.items()}


def test_a_run_begun_on_cuda_goes_on_on_the_cpu(path: Path, tmp_path: Path) -> None:
    graph = graph_of(path)
    alone = ended(Trainer(graph, str(tmp_path / "alone"), device="cpu"))
    for event in Trainer(graph, str(tmp_path / "left"), device="cuda").run():
        if isinstance(event, Stepped) and event.step == 12:
            break
    last = ended(Trainer.resumed(run.load(str(tmp_path / "left"), device="cpu")))
    for ours, theirs in zip(last.history, alone.history, strict=True):
        assert ours == {name: pytest.approx(value, rel=1e-4) for name, value in theirs.items()}
