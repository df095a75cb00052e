"""What stateful layers mean for runs: where states begin, who disturbs them, what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import modelspec
from modelspec.engine import run
from modelspec.engine.loop import Stepped
from modelspec.engine.training import Trainer
from tests.engine.test_resume import killed
from tests.engine.training import SpecFile, ended, graph_of, npz, refusal, trained

SPEC = """
inputs: {x: [5, 3]}
layers:
  read: {type: LSTM, units: 4, stateful: true, recurrent_dropout: 0.2}
  y: {type: Dense, units: 1}
outputs: {y: {loss: mse}}
data: {train: rows.npz}
train:
  optimizer: {type: Adam, learning_rate: 0.05}
  batch_size: 4
  epochs: 3
  shuffle: false
  checkpoint_every: 2
  callbacks: [{type: CSVLogger, path: log.csv}]
"""
#: 12 rows, 4 a step.
STEPS = 3


@pytest.fixture
def path(spec: SpecFile, tmp_path: Path) -> Path:
    rows(tmp_path, 12)
    return spec(SPEC)


def rows(folder: Path, count: int, name: str = "rows.npz") -> Path:
    draws = np.random.default_rng(0)
    x, y = draws.normal(size=(count, 5, 3)), draws.normal(size=(count, 1))
    return npz(folder, name, x=x.astype("float32"), y=y.astype("float32"))


def states(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in trainer.loop.at.carried.items()}


# -- training ------------------------------------------------------------------------------


def test_killed_at_any_step_the_run_ends_bit_for_bit_the_same(path: Path) -> None:
    for point, lives, same, left in killed(path, *(f"step:{n}" for n in (1, 2, 4, 5, 8))):
        assert (lives, same, left) == ("2", "same", "0"), point


def test_a_checkpoint_holds_the_states_and_the_weights_file_does_not(
    path: Path, tmp_path: Path
) -> None:
    trainer = Trainer(graph_of(path), str(tmp_path / "run"), device="cpu")
    for event in trainer.run():
        if isinstance(event, Stepped) and event.step == 5:
            break
    del event
    again = Trainer.resumed(run.load(str(tmp_path / "run"), device="cpu"))
    assert set(states(again)) == {"read.state.hidden", "read.state.cell"}
    for name, value in states(again).items():
        assert value.shape == (4, 4)
        assert value.equal(trainer.loop.at.carried[name])
        assert value.any()
    kept = load_file(tmp_path / "run" / "weights.safetensors")
    assert not [name for name in kept if "state" in name]


def test_validation_leaves_the_states_of_training_alone(path: Path, tmp_path: Path) -> None:
    held = rows(tmp_path, 8, "held.npz")
    alone = trained(path, tmp_path / "alone")
    beside = trained(path, tmp_path / "beside", f"data.validation={held}")
    assert [e["loss"] for e in alone.history] == [e["loss"] for e in beside.history]
    assert "val_loss" in beside.history[0]


def test_epochs_go_on_from_one_another_unless_states_are_reset(path: Path, tmp_path: Path) -> None:
    still = (
        "train.optimizer={type: SGD, learning_rate: 1.0e-30}",
        "layers.read.recurrent_dropout=0",
    )
    on = [e["loss"] for e in trained(path, tmp_path / "on", *still).history]
    reset = "train.callbacks=[ResetStates]"
    anew = [e["loss"] for e in trained(path, tmp_path / "anew", *still, reset).history]
    assert on[0] == anew[0] == anew[1] == anew[2]  # the weights stay, and so does the beginning
    assert on[0] != on[1]


def test_reset_each_epoch_a_run_resumes_all_the_same(path: Path) -> None:
    text = path.read_text().replace("callbacks: [", "callbacks: [ResetStates, ")
    path.write_text(text)
    for point, lives, same, left in killed(path, "step:2", "step:5"):
        assert (lives, same, left) == ("2", "same", "0"), point


def test_steps_whose_gradients_are_gathered_go_on_from_one_another_too(
    path: Path, tmp_path: Path
) -> None:
    once, gathered = (
        f"train.optimizer={{type: SGD, learning_rate: 1.0e-30, gradient_accumulation_steps: {n}}}"
        for n in ("null", 3)
    )
    alone = trained(path, tmp_path / "alone", once)
    assert alone.history == trained(path, tmp_path / "together", gathered).history


def test_a_frozen_stateful_layer_goes_on_and_drops_as_keras_s_does(path: Path) -> None:
    module = modelspec.build(path, set=["layers.read.trainable=false"])
    module.train()
    x = torch.ones(4, 5, 3)
    first, second = (module({"x": x})["y"] for _ in range(2))
    assert not torch.equal(first, second)
    assert module.tensors()["read.state.hidden"].any()


# -- what is measured and predicted --------------------------------------------------------


def test_each_prediction_and_evaluation_begins_anew(path: Path, tmp_path: Path) -> None:
    held = trained(path, tmp_path / "run")
    x = np.load(tmp_path / "rows.npz")["x"]
    once = held.predict({"x": x})["y"]
    np.testing.assert_array_equal(held.predict({"x": x})["y"], once)
    assert held.evaluate(str(tmp_path / "rows.npz")) == held.evaluate(str(tmp_path / "rows.npz"))
    # The second batch goes on from the first one.
    assert not np.allclose(held.predict({"x": x[4:8]})["y"], once[4:8])


def test_one_stream_may_be_predicted_for_where_four_were_trained_on(
    path: Path, tmp_path: Path
) -> None:
    held = trained(path, tmp_path / "run")
    x = np.load(tmp_path / "rows.npz")["x"]
    four = held.predict({"x": x})["y"]
    one = held.predict({"x": x[[1, 5, 9]]}, batch_size=1)["y"]  # the second row of each batch
    np.testing.assert_allclose(one, four[[1, 5, 9]], rtol=1e-5, atol=1e-6)


# -- what is refused -----------------------------------------------------------------------


def test_a_batch_that_is_not_whole_is_refused_before_training_begins(
    path: Path, tmp_path: Path
) -> None:
    rows(tmp_path, 10)
    said = refusal(lambda: Trainer(graph_of(path), str(tmp_path / "run"), device="cpu"))
    assert "`train` has 10: 2 whole batches, and 2 left over" in said
    assert not (tmp_path / "run").exists()
    ended(Trainer(graph_of(path, "train.steps_per_epoch=2"), str(tmp_path / "run"), device="cpu"))
    rows(tmp_path, 12)
    few = rows(tmp_path, 6, "held.npz")
    some = graph_of(path, f"data.validation={few}")
    said = refusal(lambda: Trainer(some, str(tmp_path / "run"), device="cpu"))
    assert "`validation` has 6: 1 whole batches, and 2 left over" in said
    held = trained(path, tmp_path / "other")
    x = np.zeros((6, 5, 3), "float32")
    for ask in (lambda: held.predict({"x": x}), lambda: held.evaluate(str(few))):
        assert "has 6: 1 whole batches, and 2 left over" in refusal(ask)


@pytest.mark.parametrize(("settings", "message"), [
    (["train.shuffle=true"], "what a stateful layer is trained on keeps its order"),
    (["inputs.x={shape: [5, 3], batch_size: 3}"], "as many samples in a batch"),
    (["inputs.x={shape: [5, 3], batch_size: 0}"], "`batch_size` is an integer of at least 1"),
])  # fmt: skip
def test_specs_that_do_not_go_together_are_refused(
    path: Path, settings: list[str], message: str
) -> None:
    said = refusal(lambda: graph_of(path, *settings))
    assert message in said
    assert "wrong-batches" in said or "wrong-value" in said


def test_a_batch_size_belongs_to_the_inputs_of_the_whole_model(spec: SpecFile) -> None:
    text = """
inputs: {x: [3]}
shared: {part: {inputs: {x: {shape: [3], batch_size: 4}}, layers: [{type: Dense, units: 1}]}}
layers: {y: {use: part}}
outputs: y
"""
    assert "takes the batches of the model around it" in refusal(lambda: graph_of(spec(text)))


def test_the_batch_size_of_an_input_is_that_of_training(spec: SpecFile) -> None:
    text = "inputs: {x: {shape: [3], batch_size: 4}}\nlayers: {y: {type: Dense, units: 1}}\n"
    graph = graph_of(spec(text + "outputs: {y: {loss: mse}}\n"))
    assert graph.batch_size == 4
