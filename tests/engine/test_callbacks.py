"""Callbacks at work, and runs that diverge."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from modelspec.engine import run
from modelspec.engine.loop import Diverged, Evaluated, Saved, Stepped
from modelspec.engine.training import Trainer
from modelspec.engine.weights import read
from tests.engine.training import SpecFile, ended, graph_of, npz, refusal

SPEC = """
inputs: {x: [2]}
layers: {y: {type: Dense, units: 1}}
outputs: {y: {loss: mse}}
data: {train: rows.npz, validation: 0.25}
train:
  optimizer: {type: SGD, learning_rate: 0.05}
  epochs: 4
  batch_size: 4
  callbacks: [CALLBACKS]
"""
Begin = Callable[..., Trainer]


@pytest.fixture
def begin(spec: SpecFile, tmp_path: Path) -> Begin:
    draws = np.random.default_rng(0)
    x = draws.normal(size=(32, 2)).astype("float32")
    npz(tmp_path, x=x, y=x[:, :1] * 2 + 1)

    def make(callbacks: str, *settings: str) -> Trainer:
        graph = graph_of(spec(SPEC.replace("CALLBACKS", callbacks)), *settings)
        return Trainer(graph, str(tmp_path / "run"), device="cpu")

    return make


# -- divergence ----------------------------------------------------------------------------


def events_until_diverged(trainer: Trainer) -> tuple[list[object], Diverged]:
    events: list[object] = []
    with pytest.raises(Diverged) as caught:
        events.extend(trainer.run())
    return events, caught.value


def test_a_loss_that_is_infinite_ends_the_run_with_its_epoch_and_step(begin: Begin) -> None:
    trainer = begin("", "train.optimizer.learning_rate=1e6")
    _, diverged = events_until_diverged(trainer)
    assert (diverged.epoch, diverged.step) == (0, 6) or diverged.epoch > 0
    assert "in epoch" in str(diverged)
    assert "step" in str(diverged)


def test_terminate_on_nan_looks_at_every_step(begin: Begin, tmp_path: Path) -> None:
    trainer = begin(
        "{type: TerminateOnNaN, raise_error: true}", "train.optimizer.learning_rate=1e12"
    )
    _, diverged = events_until_diverged(trainer)
    assert diverged.step < 6
    assert not np.isfinite(diverged.value)


def test_terminate_on_nan_ends_the_run_in_peace_unless_told_to_fail(
    begin: Begin, tmp_path: Path
) -> None:
    last = ended(begin("TerminateOnNaN", "train.optimizer.learning_rate=1e12"))
    assert "the loss is" in last.reason
    assert "epoch 1, step" in last.reason


def test_what_diverges_does_not_replace_the_last_good_checkpoint(
    begin: Begin, tmp_path: Path
) -> None:
    trainer = begin("", "train.checkpoint_every=2", "train.epochs=9")
    seen = []

    def run_and_spoil() -> None:
        for event in trainer.run():
            seen.append(event)
            if isinstance(event, Stepped) and event.step == 9:
                trainer.loop.at.weights["y.kernel"].fill_(float("inf"))

    with pytest.raises(Diverged):
        run_and_spoil()
    saved = [event for event in seen if isinstance(event, Saved)]
    assert saved[-1].step == 8
    assert all(v.isfinite().all() for v in read(str(tmp_path / "run")).values())
    assert Trainer.resumed(run.load(str(tmp_path / "run"), device="cpu")).loop.at.steps == 8


def test_a_loop_over_what_diverged_can_be_left_quietly(begin: Begin) -> None:
    trainer = begin("")
    for event in trainer.run():
        trainer.loop.at.weights["y.kernel"].fill_(float("nan"))
        if isinstance(event, Stepped) and event.step == 3:
            break


# -- files ---------------------------------------------------------------------------------


def test_the_csv_logger_writes_the_history(begin: Begin, tmp_path: Path) -> None:
    trainer = begin('{type: CSVLogger, path: logs/all.tsv, separator: "\\t"}')
    history = ended(trainer).history
    with (tmp_path / "run" / "logs" / "all.tsv").open(newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    assert [{n: float(v) for n, v in row.items()} for row in rows] == history


def test_model_checkpoints_are_weights_to_start_from(begin: Begin, tmp_path: Path) -> None:
    ended(begin('{type: ModelCheckpoint, path: "kept/{epoch:02d}-{val_loss:.3f}"}'))
    history = run.load(str(tmp_path / "run"), device="cpu").history
    names = [f"{one['epoch'] + 1:02d}-{one['val_loss']:.3f}" for one in history]
    kept = tmp_path / "run" / "kept"
    assert sorted(p.name for p in kept.iterdir()) == names
    last = read(str(kept / names[-1]))
    assert all(last[n].equal(v) for n, v in read(str(tmp_path / "run")).items())
    assert (kept / names[0] / "optimizer.safetensors").exists()
    assert not read(str(kept / names[0]))["y.kernel"].equal(last["y.kernel"])


def test_only_the_best_epoch_is_kept_where_asked(begin: Begin, tmp_path: Path) -> None:
    trainer = begin(
        "{type: ModelCheckpoint, path: best, save_best_only: true, save_weights_only: true}"
    )
    values, kept = [], []
    for event in trainer.run():
        if isinstance(event, Evaluated):
            values.append(event.logs["val_loss"])
            kept.append(read(str(tmp_path / "run" / "best"))["y.bias"])
            if event.epoch == 1:
                trainer.loop.at.fixed = 1.5  # from here on it gets worse
    assert values[3] > values[1]
    assert kept[3].equal(kept[values.index(min(values))])
    assert sorted(p.name for p in (tmp_path / "run" / "best").iterdir()) == ["weights.safetensors"]


def test_checkpoints_every_so_many_steps(begin: Begin, tmp_path: Path) -> None:
    begin_at = '{type: ModelCheckpoint, path: "s{epoch}", save_freq: 4}'
    ended(begin(begin_at, "train.epochs=2"))
    assert sorted(p.name for p in (tmp_path / "run").glob("s[0-9]*")) == ["s1", "s2"]


@pytest.mark.parametrize(
    ("callback", "says"),
    [
        ("{type: CSVLogger, path: /tmp/log.csv}", "lies in its folder"),
        ("{type: CSVLogger, path: ../log.csv}", "lies in its folder"),
        ("{type: CSVLogger, path: a/../../log.csv}", "lies in its folder"),
        ("{type: CSVLogger, path: ~/log.csv}", "lies in its folder"),
        ('{type: CSVLogger, path: ""}', "lies in its folder"),
        ("{type: CSVLogger, path: spec.yaml}", "`spec.yaml` of its own"),
        ("{type: CSVLogger, path: ./history.jsonl}", "`history.jsonl` of its own"),
        ("{type: ModelCheckpoint, path: checkpoint-000000001}", "of its own"),
        ("{type: ModelCheckpoint, path: .}", "lies in its folder"),
        ('{type: ModelCheckpoint, path: "{epoch:99999999d}"}', "how a number is written"),
        ('{type: ModelCheckpoint, path: "{val_loss:d}"}', "how a number is written"),
        ('{type: ModelCheckpoint, path: "{epoch:>9}"}', "how a number is written"),
    ],
)
def test_callbacks_write_inside_the_run_alone(begin: Begin, callback: str, says: str) -> None:
    assert says in refusal(lambda: begin(callback))


def test_braces_that_name_no_quantity_stay(begin: Begin, tmp_path: Path) -> None:
    ended(begin('{type: ModelCheckpoint, path: "k{nothing}-{x.__class__}"}', "train.epochs=1"))
    assert (tmp_path / "run" / "k{nothing}-{x.__class__}").is_dir()


# -- rates and best weights ----------------------------------------------------------------


def test_the_rate_of_the_plateau_is_in_the_history(begin: Begin) -> None:
    trainer = begin("{type: ReduceLROnPlateau, patience: 1, min_delta: 100, factor: 0.5}")
    rates = [one["learning_rate"] for one in ended(trainer).history]
    assert rates == pytest.approx([0.05, 0.05, 0.025, 0.0125])


def test_best_weights_come_back_at_the_end_and_the_checkpoint_keeps_the_last(
    begin: Begin, tmp_path: Path
) -> None:
    trainer = begin(
        "{type: EarlyStopping, patience: 2, restore_best_weights: true}", "train.epochs=9"
    )
    biases = {}
    for event in trainer.run():
        if isinstance(event, Evaluated):
            biases[event.epoch] = trainer.loop.at.weights["y.bias"].clone()
            trainer.loop.at.fixed = 1.5 if event.epoch >= 1 else None
    values = [one["val_loss"] for one in trainer.loop.history]
    best = values.index(min(values))
    assert len(values) < 9
    assert read(str(tmp_path / "run"))["y.bias"].equal(biases[best])
    (checkpoint,) = (tmp_path / "run").glob("checkpoint-*")
    assert read(str(checkpoint))["y.bias"].equal(biases[len(values) - 1])
    assert json.loads((checkpoint / "state.json").read_text())["reason"].startswith("val_loss")
