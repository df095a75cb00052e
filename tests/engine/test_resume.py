"""A run that was interrupted, anywhere, ends as if it had been left alone."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from modelspec.engine import run
from modelspec.engine.loop import Evaluated, Interrupted, Saved, Stepped
from modelspec.engine.training import Trainer
from modelspec.source.diagnostics import Unreadable
from tests.conftest import cli_environment
from tests.engine.training import SpecFile, ended, graph_of, npz, trained

SPEC = """
inputs: {x: [6]}
layers:
  a: {type: Dense, units: 12, activation: relu}
  b: {type: BatchNormalization}
  c: {type: Dropout, rate: 0.3}
  y: {type: Dense, units: 3, activation: softmax}
outputs:
  y: {loss: sparse_categorical_crossentropy, metrics: [accuracy]}
data: {train: rows.npz, validation: 0.25}
train:
  optimizer: {type: Adam, learning_rate: 0.05}
  batch_size: 8
  epochs: 7
  seed: 3
  checkpoint_every: 4
  callbacks:
    - {type: EarlyStopping, monitor: val_loss, patience: 3, restore_best_weights: true}
    - {type: ReduceLROnPlateau, monitor: val_loss, patience: 1, factor: 0.5}
    - {type: CSVLogger, path: log.csv}
"""
#: 60 rows to train on, 8 a step: 8 steps an epoch, the last of 4.
STEPS = 8


@pytest.fixture
def path(spec: SpecFile, tmp_path: Path) -> Path:
    draws = np.random.default_rng(0)
    x = draws.normal(size=(80, 6)).astype("float32")
    y = (x[:, 0] > 0).astype("int32") + (x[:, 1] * x[:, 2] > 0)
    npz(tmp_path, x=x, y=y.astype("int32"))
    return spec(SPEC)


def killed(path: Path, *points: str) -> list[list[str]]:
    """What became of the runs killed at those points: name, lives, sameness, files left over."""
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None  # a disk syncs slowly
    with TemporaryDirectory(dir=memory) as folder:
        done = subprocess.run(
            [sys.executable, str(Path(__file__).with_name("killing.py")), path, folder, *points],
            capture_output=True,
            encoding="utf-8",
            env=cli_environment() | {"OMP_NUM_THREADS": "1"},
            check=False,
            timeout=100,
        )
    assert done.returncode == 0, done.stderr
    return [line.split() for line in done.stdout.splitlines()]


def test_killed_at_any_step_the_weights_end_bit_for_bit_the_same(path: Path) -> None:
    draws = random.Random(5)
    steps = [1, 3, *draws.sample(range(4, 5 * STEPS), 10)]  # 1 and 3: before the first checkpoint
    for point, lives, same, left in killed(path, *(f"step:{n}" for n in steps)):
        assert (lives, same, left) == ("2", "same", "0"), point


def test_killed_while_it_writes_the_weights_end_bit_for_bit_the_same(path: Path) -> None:
    # The folder's beginning, the first checkpoints, and those of one step twice: an epoch's end.
    path.write_text(SPEC.replace("epochs: 7", "epochs: 2"))
    points = [*range(1, 24, 4), *range(24, 64, 3)]
    for point, lives, same, left in killed(path, *(f"disk:{n}" for n in points)):
        assert (lives, same, left) == ("2", "same", "0"), point


def test_a_loop_left_early_keeps_a_checkpoint_and_goes_on(path: Path, tmp_path: Path) -> None:
    alone = trained(path, tmp_path / "alone")
    for limit in (1, 8, 10):
        folder = str(tmp_path / f"left{limit}")
        for event in Trainer(graph_of(path), folder, device="cpu").run():
            if isinstance(event, Stepped) and event.step == limit:
                break
        del event
        held = run.load(folder, device="cpu")
        trainer = Trainer.resumed(held)
        assert trainer.loop.at.steps == limit
        ended(trainer)
        assert held.history == alone.history
        assert weights(tmp_path / f"left{limit}") == weights(tmp_path / "alone")


def test_left_at_an_epochs_end_the_history_is_whole(path: Path, tmp_path: Path) -> None:
    alone = trained(path, tmp_path / "alone")
    folder = str(tmp_path / "left")
    trainer = Trainer(graph_of(path), folder, device="cpu")
    for event in trainer.run():
        if isinstance(event, Evaluated) and event.epoch == len(alone.history) - 1:
            break
    ended(Trainer.resumed(run.load(folder, device="cpu")))
    assert run.load(folder).history == alone.history
    assert weights(tmp_path / "left") == weights(tmp_path / "alone")


def test_a_signal_ends_the_loop_between_two_steps_with_a_checkpoint(
    path: Path, tmp_path: Path
) -> None:
    folder = str(tmp_path / "stopped")
    trainer = Trainer(graph_of(path), folder, device="cpu")

    def run_until_stopped() -> None:
        for event in trainer.run():
            if isinstance(event, Stepped) and event.step == 6:
                trainer.stop(signal.SIGTERM)

    with pytest.raises(Interrupted) as caught:
        run_until_stopped()
    assert caught.value.signal == signal.SIGTERM
    assert Trainer.resumed(run.load(folder, device="cpu")).loop.at.steps == 6


def test_resuming_a_finished_run_says_so_and_changes_nothing(path: Path, tmp_path: Path) -> None:
    held = trained(path, tmp_path / "run", "train.callbacks=[]", "train.epochs=2")
    before = {p: p.read_bytes() for p in (tmp_path / "run").rglob("*") if p.is_file()}
    (last,) = list(Trainer.resumed(held).run())
    assert "already" in last.reason
    assert {p: p.read_bytes() for p in (tmp_path / "run").rglob("*") if p.is_file()} == before


def test_more_epochs_than_the_run_had_go_on_from_its_end(path: Path, tmp_path: Path) -> None:
    few = ("train.callbacks=[]", "train.checkpoint_every=null")
    alone = trained(path, tmp_path / "alone", *few, "train.epochs=5")
    trained(path, tmp_path / "more", *few, "train.epochs=2")
    more = run.load(str(tmp_path / "more"), device="cpu", settings=["train.epochs=5"])
    ended(Trainer.resumed(more))
    assert more.history == alone.history
    assert weights(tmp_path / "more") == weights(tmp_path / "alone")
    assert run.load(str(tmp_path / "more")).graph.spec.training.epochs == 5


def test_started_from_given_weights_and_killed_at_once_it_resumes_from_those(
    path: Path, tmp_path: Path
) -> None:
    first = trained(path, tmp_path / "first", "train.epochs=1")
    second = Trainer(graph_of(path), str(tmp_path / "second"), device="cpu", weights=first.folder)
    begun = {name: value.clone() for name, value in second.loop.at.weights.items()}
    resumed = Trainer.resumed(run.load(str(tmp_path / "second"), device="cpu"))
    for name, value in resumed.loop.at.weights.items():
        assert value.equal(begun[name]), name


def test_every_checkpoint_that_is_announced_is_on_the_disk(path: Path, tmp_path: Path) -> None:
    trainer = Trainer(graph_of(path), str(tmp_path / "run"), device="cpu")
    for event in trainer.run():
        if isinstance(event, Saved):
            assert json.loads(Path(event.path, "state.json").read_text())["steps"] == event.step
            assert (tmp_path / "run" / "weights.safetensors").exists()


# -- damage --------------------------------------------------------------------------------


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-10])


def scribble(file: Path) -> None:
    file.write_text("{nothing")


def hollow(file: Path) -> None:
    file.write_text("{}")


def lists(file: Path) -> None:
    file.write_text("[1]")


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("weights.safetensors", cut),
        ("weights.safetensors", scribble),
        ("optimizer.safetensors", cut),
        ("optimizer.safetensors", Path.unlink),
        ("extra.safetensors", scribble),
        ("extra.safetensors", Path.unlink),
        ("state.json", cut),
        ("state.json", hollow),
        ("state.json", lists),
        ("state.json", Path.unlink),
    ],
)
def test_a_damaged_checkpoint_is_said_to_be_one(
    path: Path, tmp_path: Path, name: str, damage: object
) -> None:
    held = trained(path, tmp_path / "run", "train.epochs=1")
    (checkpoint,) = (tmp_path / "run").glob("checkpoint-*")
    damage(checkpoint / name)  # type: ignore[operator]
    with pytest.raises(Unreadable, match=f"{checkpoint.name}/{name}"):
        Trainer.resumed(held)


@pytest.mark.parametrize("state", [
    {"epoch": "one"}, {"callbacks": []}, {"callbacks": [1, 2, 3]}, {"history": 3}, {"steps": None},
    {"position": -1}, {"seen": "x"}, {"fixed_rate": "fast"},
])  # fmt: skip
def test_a_checkpoint_whose_state_makes_no_sense_is_damaged(
    path: Path, tmp_path: Path, state: dict[str, object]
) -> None:
    held = trained(path, tmp_path / "run", "train.epochs=1")
    (file,) = (tmp_path / "run").glob("checkpoint-*/state.json")
    file.write_text(json.dumps(json.loads(file.read_text()) | state))
    with pytest.raises(Unreadable, match="state"):
        Trainer.resumed(held)


def test_a_checkpoint_of_another_model_is_not_taken(path: Path, tmp_path: Path) -> None:
    trained(path, tmp_path / "run", "train.epochs=1")
    for setting, what in (
        ("layers.a.units=13", "`a.kernel` is"),
        ("train.optimizer=rmsprop", "it holds `momentum/"),
        ("layers.y.use_bias=false", "it holds `y.bias`"),
        ("outputs.y.metrics=[]", "it holds `metric.accuracy"),
        ("train.callbacks=[]", "`callbacks`"),
    ):
        changed = run.load(str(tmp_path / "run"), device="cpu", settings=[setting])
        with pytest.raises(Unreadable, match=what):
            Trainer.resumed(changed)


def test_a_folder_that_is_no_run_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="no such run folder"):
        run.load(str(tmp_path / "nowhere"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(Unreadable, match=r"there is no spec.yaml"):
        run.load(str(tmp_path / "empty"))


@pytest.mark.parametrize("damage", [cut, scribble, Path.unlink])
def test_damaged_weights_are_said_to_be(path: Path, tmp_path: Path, damage: object) -> None:
    held = trained(path, tmp_path / "run", "train.epochs=1")
    damage(tmp_path / "run" / "weights.safetensors")  # type: ignore[operator]
    with pytest.raises(Unreadable, match=r"weights.safetensors"):
        held.predict({"x": np.zeros((2, 6))})


def test_a_damaged_history_is_said_to_be(path: Path, tmp_path: Path) -> None:
    held = trained(path, tmp_path / "run", "train.epochs=1")
    cut(tmp_path / "run" / "history.jsonl")
    with pytest.raises(Unreadable, match=r"history.jsonl"):
        held.history  # noqa: B018


def weights(folder: Path) -> bytes:
    return (folder / "weights.safetensors").read_bytes()
