"""`train`, `evaluate`, `predict`, `build`: from a spec to answers, through the shell."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.conftest import cli_environment

SPEC = """\
name: points
inputs: {x: [2]}
layers:
  hidden: {type: Dense, units: 8, activation: tanh}
  kind: {type: Dense, units: 1, activation: sigmoid}
outputs:
  kind: {loss: binary_crossentropy, metrics: [accuracy]}
data:
  train: rows.csv
  validation: 0.25
  fields:
    x: {columns: [a, b], encode: {type: Standardize}}
    kind: {column: kind, encode: {type: Labels}}
train: {optimizer: {type: Adam, learning_rate: 0.05}, epochs: 3, batch_size: 16}
"""


@pytest.fixture
def points(spec, tmp_path):
    """A spec and its rows: is the first number the larger one?"""
    draw = np.random.default_rng(0)
    pairs = draw.normal(size=(200, 2))
    lines = [f"{a:.3f},{b:.3f},{'more' if a > b else 'less'}" for a, b in pairs]
    (tmp_path / "rows.csv").write_text("\n".join(["a,b,kind", *lines]) + "\n")
    return spec(SPEC)


@pytest.fixture
def run(modelspec, points):
    done = modelspec("train", "spec.yaml", "--format", "json")
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_training_tells_epochs_on_stderr_and_the_result_on_stdout(modelspec, points, tmp_path):
    done = modelspec("train", "spec.yaml")
    assert done.code == 0
    assert [line.split("  ")[0] for line in done.err.splitlines()] == [
        "epoch 1/3", "epoch 2/3", "epoch 3/3",
    ]  # fmt: skip
    first, *values = done.out.splitlines()
    assert first == "runs/points: 3 epochs"
    assert [value.split()[0] for value in values] == [
        "loss", "accuracy", "val_loss", "val_accuracy",
    ]  # fmt: skip
    assert (tmp_path / "runs" / "points" / "weights.safetensors").exists()


def test_the_result_for_scripts(run):
    assert run["run"] == "runs/points"
    assert run["epochs"] == 3
    assert run["values"]["accuracy"] > 0.8


def test_evaluate_measures_what_was_held_out_or_other_data(modelspec, run):
    held = json.loads(modelspec("evaluate", "runs/points", "--format", "json").out)
    assert held["loss"] == pytest.approx(run["values"]["val_loss"], rel=1e-5)
    other = modelspec("evaluate", "runs/points", "--data", "rows.csv")
    assert other.out.split()[0] == "loss"


def test_predict_answers_rows_from_stdin_in_the_terms_of_the_data(modelspec, run):
    done = modelspec("predict", "runs/points", "-", stdin='{"a": 3, "b": -3}\n{"a": -3, "b": 3}\n')
    assert done.code == 0, done.err
    assert [json.loads(line) for line in done.out.splitlines()] == [
        {"kind": "more"}, {"kind": "less"},
    ]  # fmt: skip
    raw = modelspec("predict", "runs/points", "-", "--raw", stdin='{"a": 3, "b": -3}\n')
    assert json.loads(raw.out)["kind"][0] > 0.5


def test_predict_hands_out_any_tensor_and_writes_files(modelspec, run, tmp_path):
    done = modelspec("predict", "runs/points", "--data", "rows.csv", "--at", "hidden",
                     "-o", "hidden.npz")  # fmt: skip
    assert (done.code, done.out) == (0, "")
    assert np.load(tmp_path / "hidden.npz")["hidden"].shape == (200, 8)
    wrong = modelspec("predict", "runs/points", "rows.csv", "--at", "hiden")
    assert wrong.code == 1
    assert "did you mean `hidden`?" in wrong.err


def test_rows_on_stdin_can_be_read_again_at_a_path():
    reading = (
        "from modelspec.cli.options import data_source\n"
        "path, = data_source('{type: CSV, path: -}').path\n"
        "print(open(path).read() + open(path).read())"
    )
    done = subprocess.run(
        [sys.executable, "-c", reading], input=b"a,b\n1,2\n", env=cli_environment(),
        capture_output=True, check=True,
    )  # fmt: skip
    assert done.stdout == b"a,b\n1,2\n" * 2 + b"\n"


@pytest.mark.nightly
def test_a_dash_is_stdin_and_stdout_for_every_command_on_runs(run, tmp_path):
    def piped(*arguments, given=b""):
        return subprocess.run(
            [sys.executable, "-m", "modelspec", *arguments],
            cwd=tmp_path, env=cli_environment(), input=given, capture_output=True, check=True,
        ).stdout  # fmt: skip

    rows = (tmp_path / "rows.csv").read_bytes()
    source = "{type: CSV, path: -}"
    whole = piped("evaluate", "runs/points", "--data", "rows.csv")
    assert piped("evaluate", "runs/points", "--data", source, given=rows) == whole
    assert piped("predict", "runs/points", "--data", source, given=rows).count(b"\n") == 200
    weights = piped("export", "runs/points", "--to", "safetensors", "-o", "-")
    piped("export", "runs/points", "--to", "safetensors", "-o", "w.safetensors")
    assert weights == (tmp_path / "w.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["evaluate", "runs/points", "--data", "rows.tsv"], "--data:1:1"),
        (["predict", "runs/points", "{type: CVS}"], "--data:1:8"),
        (["predict", "runs/points", ""], "there is no file ``"),
        (["evaluate", "runs/points", "--device", "cud"], "`cud` is none"),
        (["evaluate", "rows.csv"], "this is a file, and a run is the folder"),
    ],
)
def test_what_a_command_is_given_is_named_where_it_is_wrong(modelspec, run, arguments, said):
    done = modelspec(*arguments)
    assert done.code in (1, 4)
    assert said in done.err


def test_build_makes_a_run_without_training(modelspec, points):
    done = modelspec("build", "spec.yaml", "--run", "fresh")
    assert done.out == "fresh: 33 parameters, untrained\n"
    assert modelspec("summary", "fresh").code == 0


def test_weights_of_a_run_are_a_start(modelspec, run):
    done = modelspec("train", "spec.yaml", "--weights", "runs/points", "--run", "runs/more",
                     "--set", "train.epochs=1", "--format", "json")  # fmt: skip
    assert json.loads(done.out)["values"]["loss"] < run["values"]["loss"] * 1.1


def test_a_run_that_is_trained_anew_starts_from_fresh_weights_and_that_is_said(modelspec, run):
    fresh = modelspec("train", "runs/points", "--run", "runs/again", "--format", "json")
    assert fresh.err.splitlines()[0] == (
        "note: runs/points holds weights, and this starts from fresh ones; "
        "`--weights runs/points` starts from those"
    )
    assert json.loads(fresh.out)["values"] == run["values"]


def test_a_spec_that_cannot_be_trained_says_why(modelspec):
    done = modelspec("train", "-", stdin="inputs: {x: [2]}\nlayers: [{type: Dense, units: 1}]\n")
    assert done.code == 1
    assert "not-trainable" in done.err


def test_a_loss_that_is_no_number_ends_with_3(modelspec, points):
    done = modelspec("train", "spec.yaml", "--set", "train.optimizer={type: SGD}",
                     "--set", "train.optimizer.learning_rate=1e30",
                     "--set", "outputs.kind.loss=mse", "--set", "layers.kind.activation=linear",
                     "--set", "layers.hidden.activation=linear")  # fmt: skip
    assert done.code == 3
    assert "diverged" in done.err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_keeps_a_checkpoint_to_resume(modelspec, points, tmp_path, number, code):
    child = subprocess.Popen(
        [sys.executable, "-m", "modelspec", "train", "spec.yaml", "--set", "train.epochs=4000"],
        cwd=tmp_path, env=cli_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert child.stderr.readline().startswith("epoch ")
    time.sleep(0.2)
    child.send_signal(number)
    out, err = child.communicate(timeout=60)
    assert (child.returncode, out) == (code, "")
    assert err.splitlines()[-1] == "stopped; modelspec train --resume runs/points goes on"
    assert list((tmp_path / "runs" / "points").glob("checkpoint-*"))
    spec = tmp_path / "runs" / "points" / "spec.yaml"
    done = len((tmp_path / "runs" / "points" / "history.jsonl").read_text().splitlines())
    spec.write_text(spec.read_text().replace("epochs: 4000", f"epochs: {done + 2}"))
    resumed = modelspec("train", "--resume", "runs/points", "--format", "json")
    assert resumed.code == 0, resumed.err
    assert json.loads(resumed.out)["epochs"] == done + 2


def test_resume_takes_nothing_that_would_change_the_run(modelspec, run):
    done = modelspec("train", "--resume", "runs/points", "--set", "train.epochs=9")
    assert done.code == 2
