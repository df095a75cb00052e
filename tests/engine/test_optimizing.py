"""What an optimizer does besides its rule, over whole runs beside Keras's `fit`: moving averages,
accumulated gradients, a scaled loss, rates by epoch; and that interrupted runs go on with all that.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from modelspec.engine.loop import Evaluated, Interrupted, Stepped
from modelspec.engine.run import Run, load
from modelspec.engine.training import Trainer
from tests.engine.training import SpecFile, ended, graph_of, npz, refusal, trained

SPEC = """
inputs: {{x: [4]}}
layers:
  a: {{type: Dense, units: 6, activation: tanh}}
  y: {{type: Dense, units: 1}}
outputs: {{y: {{loss: mse}}}}
data: {{train: rows.npz, validation: 0.25}}
train:
  optimizer: {{type: {optimizer}}}
  batch_size: 5
  epochs: 3
  shuffle: false
  callbacks: [{callbacks}]
"""
NAMES = ("a.kernel", "a.bias", "y.kernel", "y.bias")
EMA = "SGD, learning_rate: 0.1, use_ema: true, ema_momentum: 0.8"


@pytest.fixture
def rows(tmp_path: Path) -> tuple[Any, Any]:
    draws = np.random.default_rng(0)
    x = draws.normal(size=(30, 4)).astype("float32")
    y = (x[:, :1] - x[:, 1:2] ** 2).astype("float32")
    npz(tmp_path, x=x, y=y)
    return x, y


def model(weights: list[Any]) -> Any:
    made = keras.Sequential([
        keras.layers.Input((4,)), keras.layers.Dense(6, activation="tanh"), keras.layers.Dense(1)
    ])  # fmt: skip
    made.set_weights(weights)
    return made


def fitted(rows: tuple[Any, Any], start: Path, optimizer: Any, callbacks: list[Any]) -> Any:
    """Keras's model and history, after the same three epochs from fresh weights."""
    draws = np.random.default_rng(1)
    shapes = ((4, 6), (6,), (6, 1), (1,))
    weights = [draws.normal(size=shape).astype("float32") * 0.5 for shape in shapes]
    save_file(dict(zip(NAMES, weights, strict=True)), str(start))
    made = model(weights)
    made.compile(optimizer, "mse")
    cut = 22  # of 30 rows the last quarter is for validation
    history = made.fit(
        rows[0][:cut], rows[1][:cut], batch_size=5, epochs=3, shuffle=False, verbose=0,
        validation_data=(rows[0][cut:], rows[1][cut:]), callbacks=callbacks,
    )  # fmt: skip
    return made, history.history


def agree(run: Run, theirs: Any, history: dict[str, list[float]]) -> None:
    assert [sorted(set(one) - {"epoch"}) for one in run.history] == [sorted(history)] * 3
    for key, values in history.items():
        assert [one[key] for one in run.history] == pytest.approx(values, rel=1e-4), key
    held = run.module.weights()
    for name, wanted in zip(NAMES, theirs.get_weights(), strict=True):
        np.testing.assert_allclose(held[name].detach().numpy(), wanted, rtol=1e-4, atol=1e-5)


CASES: list[tuple[str, str, Any, Any]] = [
    (EMA, "", lambda: keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.8), list),
    (
        f"{EMA}, ema_overwrite_frequency: 3", "",
        lambda: keras.optimizers.SGD(
            0.1, use_ema=True, ema_momentum=0.8, ema_overwrite_frequency=3
        ), list,
    ),
    (
        "Adam, learning_rate: 0.01, gradient_accumulation_steps: 3", "",
        lambda: keras.optimizers.Adam(0.01, gradient_accumulation_steps=3), list,
    ),
    (
        "Adam, learning_rate: 0.01, gradient_accumulation_steps: 2, use_ema: true, clipnorm: 0.5",
        "",
        lambda: keras.optimizers.Adam(
            0.01, gradient_accumulation_steps=2, use_ema=True, clipnorm=0.5
        ), list,
    ),
    (
        "SGD, learning_rate: 0.1, loss_scale_factor: 128", "",
        lambda: keras.optimizers.SGD(0.1, loss_scale_factor=128.0), list,
    ),
    (
        EMA, "SwapEMAWeights", lambda: keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.8),
        lambda: [keras.callbacks.SwapEMAWeights()],
    ),
    (
        EMA, "{type: SwapEMAWeights, swap_on_epoch: true}",
        lambda: keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.8),
        lambda: [keras.callbacks.SwapEMAWeights(swap_on_epoch=True)],
    ),
    (
        "SGD, learning_rate: 0.5",
        "{type: LearningRateScheduler, schedule: {type: ExponentialDecay, "
        "initial_learning_rate: 0.1, decay_steps: 1, decay_rate: 0.5}}, BackupAndRestore",
        lambda: keras.optimizers.SGD(0.5),
        lambda: [keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.1 * 0.5**epoch)],
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("optimizer", "callbacks", "theirs", "watching"),
    CASES,
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_runs_end_as_in_keras(
    optimizer: str, callbacks: str, theirs: Any, watching: Any,
    rows: tuple[Any, Any], spec: SpecFile, tmp_path: Path,
) -> None:  # fmt: skip
    start = tmp_path / "start.safetensors"
    made, history = fitted(rows, start, theirs(), watching())
    path = spec(SPEC.format(optimizer=optimizer, callbacks=callbacks))
    run = trained(path, tmp_path / "run", weights=str(start))
    agree(run, made, history)


@pytest.mark.parametrize("optimizer", [
    "Adam, gradient_accumulation_steps: 3, use_ema: true, ema_overwrite_frequency: 2",
    "Muon, gradient_accumulation_steps: 2", "Adafactor", "ScheduleFreeAdamW, use_ema: true",
    "Nadam, loss_scale_factor: 8",
])  # fmt: skip
@pytest.mark.parametrize("stop", [1, 7, 10])
def test_interrupted_runs_end_bit_for_bit_the_same(
    optimizer: str, stop: int, rows: Any, spec: SpecFile, tmp_path: Path
) -> None:
    path = spec(SPEC.format(optimizer=optimizer, callbacks="{type: ModelCheckpoint, path: kept}"))
    whole = trained(path, tmp_path / "whole")
    trainer = Trainer(graph_of(path), str(tmp_path / "run"), device="cpu")
    with suppress(Interrupted):
        for event in trainer.run():
            if isinstance(event, Stepped) and event.step == stop:
                trainer.stop(15)
    assert trainer.loop.at.steps == stop
    ended(Trainer.resumed(load(str(tmp_path / "run"), device="cpu")))
    again = load(str(tmp_path / "run"), device="cpu")
    assert again.history == whole.history
    for name, value in whole.module.weights().items():
        assert torch.equal(value, again.module.weights()[name]), name


def test_a_checkpoint_holds_the_averages_where_they_are_swapped_each_epoch(
    rows: Any, spec: SpecFile, tmp_path: Path
) -> None:
    callbacks = "{type: SwapEMAWeights, swap_on_epoch: true}, {type: ModelCheckpoint, path: kept}"
    path = spec(SPEC.format(optimizer=EMA, callbacks=callbacks))
    trainer = Trainer(graph_of(path), str(tmp_path / "run"), device="cpu")
    for event in trainer.run():
        if isinstance(event, Evaluated):
            last = {name: value.clone() for name, value in trainer.loop.at.averaged().items()}
            raw = trainer.loop.at.weights["a.kernel"].clone()
    kept = load(str(tmp_path / "run"), device="cpu").module.weights()
    for name, value in kept.items():
        assert torch.equal(value, last[name]), name
    assert not torch.equal(raw, last["a.kernel"])


@pytest.mark.parametrize(("optimizer", "callbacks", "said"), [
    ("SGD", "SwapEMAWeights", "use_ema: true"),
    (
        "SGD, learning_rate: {type: CosineDecay, initial_learning_rate: 0.1, decay_steps: 9}",
        "{type: LearningRateScheduler, schedule: {type: CosineDecay, initial_learning_rate: 0.1, "
        "decay_steps: 9}}",
        "leave out one",
    ),
])  # fmt: skip
def test_what_keras_refuses_at_run_time_is_refused_in_the_spec(
    optimizer: str, callbacks: str, said: str, spec: SpecFile
) -> None:
    path = spec(SPEC.format(optimizer=optimizer, callbacks=callbacks))
    assert said in refusal(lambda: graph_of(path))
