"""What a run leaves behind, and that it needs nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from modelspec.engine import run
from modelspec.engine.training import Trainer
from modelspec.model.show import show
from tests.engine.training import SpecFile, ended, graph_of, npz, refusal, trained

TWO = """
params: {width: 5}
inputs: {x: [4], word: {shape: [3], dtype: int32}}
shared:
  reader:
    inputs: {w: {shape: [3], dtype: int32}}
    layers:
      - {type: Embedding, input_dim: 9, output_dim: 4}
      - {type: LSTM, units: "${width}"}
layers:
  read: {use: reader, from: word}
  both: {type: Concatenate, from: [read, x]}
  hidden: {type: Dense, units: "${width}", activation: relu, repeat: 2}
  likes: {type: Dense, units: 1, from: hidden}
  kind: {type: Dense, units: 3, activation: softmax, from: hidden}
outputs:
  likes: {loss: mse, metrics: [mse]}
  kind: {loss: sparse_categorical_crossentropy, loss_weight: 0.5, metrics: [accuracy]}
data:
  train: data/rows.csv
  validation: 0.25
  fields:
    x: {columns: [a, b, c, d], encode: {type: Standardize}}
    word: {columns: [w1, w2, w3]}
    likes: {column: score}
    kind: {column: class, encode: {type: Labels}}
train: {optimizer: adam, epochs: 2, batch_size: 8, seed: 4}
"""


@pytest.fixture
def path(spec: SpecFile, tmp_path: Path) -> Path:
    draws = np.random.default_rng(1)
    lines = ["a,b,c,d,w1,w2,w3,score,class"]
    for _ in range(40):
        numbers = [f"{v:.3f}" for v in draws.normal(7, 3, 4)]
        words = [str(v) for v in draws.integers(0, 9, 3)]
        row = [*numbers, *words, f"{draws.normal():.3f}", ["cat", "dog", "cow"][draws.integers(3)]]
        lines.append(",".join(row))
    (tmp_path / "specs" / "data").mkdir(parents=True)
    (tmp_path / "specs" / "data" / "rows.csv").write_text("\n".join(lines) + "\n")
    return spec(TWO, "specs/two.yaml")


def test_the_spec_in_the_folder_is_the_same_model(path: Path, tmp_path: Path) -> None:
    first = graph_of(path)
    held = trained(path, tmp_path / "runs" / "two")
    again = held.graph
    assert again.name == first.name
    assert {n: w.shape for n, w in again.weights().items()} == {
        n: w.shape for n, w in first.weights().items()
    }
    steps = [(s.name, type(s.layer), s.inputs, s.outputs) for s in first.program.steps]
    assert [(s.name, type(s.layer), s.inputs, s.outputs) for s in again.program.steps] == steps
    assert again.program.outputs == first.program.outputs
    folder = held.folder
    assert show(again.spec, folder) == show(first.spec, folder)
    assert held.graph.spec.training.seed == 4


def test_weights_have_the_names_of_the_layers(path: Path, tmp_path: Path) -> None:
    held = trained(path, tmp_path / "run")
    with safe_open(str(tmp_path / "run" / "weights.safetensors"), "pt") as file:
        names = set(file.keys())
    assert names == set(held.graph.weights())
    assert {"reader.embedding.embeddings", "hidden_2.kernel", "kind.bias"} <= names
    assert set(held.module.state_dict()) == names


def test_the_history_has_keras_s_names_for_several_outputs(path: Path, tmp_path: Path) -> None:
    held = trained(path, tmp_path / "run")
    names = {"loss", "likes_loss", "kind_loss", "likes_mse", "kind_accuracy"}
    lines = (tmp_path / "run" / "history.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == held.history
    assert [one["epoch"] for one in held.history] == [0, 1]
    for one in held.history:
        assert set(one) == {"epoch"} | names | {f"val_{name}" for name in names}


def test_the_facts_say_what_the_run_depends_on(path: Path, tmp_path: Path) -> None:
    held = trained(path, tmp_path / "run")
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    assert facts["seed"] == 4
    assert facts["parameters"] == held.graph.parameters
    assert {"modelspec", "torch", "numpy", "python", "machine", "threads", "started"} <= set(facts)


def test_an_earlier_run_is_put_aside_and_nothing_is_overwritten(path: Path, tmp_path: Path) -> None:
    place = tmp_path / "run"
    trained(path, place, "train.epochs=1")
    first = (place / "weights.safetensors").read_bytes()
    trained(path, place, "train.epochs=2")
    second = (place / "weights.safetensors").read_bytes()
    trained(path, place, "train.epochs=3")
    assert (tmp_path / "run-1" / "weights.safetensors").read_bytes() == first
    assert (tmp_path / "run-2" / "weights.safetensors").read_bytes() == second
    assert [len(run.load(str(tmp_path / n)).history) for n in ("run-1", "run-2", "run")] == [
        1,
        2,
        3,
    ]


def test_a_folder_is_trained_in_by_one_at_a_time(path: Path, tmp_path: Path) -> None:
    place = str(tmp_path / "run")
    events = Trainer(graph_of(path), place, device="cpu").run()
    next(events)
    for other in (
        lambda: Trainer(graph_of(path), place, device="cpu"),
        lambda: next(Trainer.resumed(run.load(place, device="cpu")).run()),
        lambda: run.build(graph_of(path), place),
    ):
        with pytest.raises(BlockingIOError, match="another training writes here"):
            other()
    events.close()
    first, second = (Trainer(graph_of(path), place, device="cpu").run() for _ in range(2))
    with pytest.raises(BlockingIOError):
        next(first)  # its folder has gone aside
    assert len(list(second)) > 1
    ended(Trainer.resumed(run.load(f"{place}-1", device="cpu")))
    assert len(run.load(f"{place}-1").history) == 2


def test_a_folder_that_holds_other_things_stays_where_it_is(path: Path, tmp_path: Path) -> None:
    place = tmp_path / "thesis"
    place.mkdir()
    (place / "chapter.txt").write_text("one")
    with pytest.raises(OSError, match="no run's, and not empty"):
        Trainer(graph_of(path), str(place), device="cpu")
    assert (place / "chapter.txt").read_text() == "one"


def test_a_run_that_cannot_begin_leaves_the_earlier_one_alone(path: Path, tmp_path: Path) -> None:
    place = tmp_path / "run"
    trained(path, place, "train.epochs=1")
    refusal(lambda: Trainer(graph_of(path, "data.train=nowhere.csv"), str(place), device="cpu"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run", "specs"]


def test_data_is_found_again_from_the_run_folder(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    trained("two.yaml", Path("../deep/down/run"))
    monkeypatch.chdir(tmp_path)
    held = run.load("deep/down/run", device="cpu")
    found = held.evaluate()
    last = held.history[-1]
    for name, value in found.items():
        assert value == pytest.approx(last[f"val_{name}"], rel=1e-6), name
    Trainer.resumed(held)


def test_encoders_learn_from_train_alone_and_are_applied_by_predict_and_evaluate(
    path: Path, tmp_path: Path
) -> None:
    held = trained(path, tmp_path / "run")
    rows = path.parent / "data" / "rows.csv"
    table = [line.split(",") for line in rows.read_text().splitlines()[1:]]
    numbers = np.array([[float(cell) for cell in row[:4]] for row in table])
    np.testing.assert_allclose(held.encoders["x"]["mean"], numbers[:30].mean(0), rtol=1e-6)
    x = (numbers - numbers[:30].mean(0)) / numbers[:30].std(0)
    words = np.array([[int(cell) for cell in row[4:7]] for row in table])
    direct = held.predict({"x": x.astype("float32"), "word": words})
    (through,) = held.predictions(held.samples(str(rows)))
    for name, value in direct.items():
        np.testing.assert_allclose(through[name], value, rtol=1e-4, atol=1e-6)
    assert set(held.evaluate(str(rows))) == {
        "loss", "likes_loss", "kind_loss", "likes_mse", "kind_accuracy",
    }  # fmt: skip


def test_a_class_never_seen_is_refused_with_its_place(path: Path, tmp_path: Path) -> None:
    held = trained(path, tmp_path / "run", "train.epochs=1")
    rows = path.parent / "data" / "rows.csv"
    lines = rows.read_text().splitlines()
    lines[3] = lines[3].rsplit(",", 1)[0] + ",emu"
    other = tmp_path / "other.csv"
    other.write_text("\n".join(lines) + "\n")
    said = refusal(lambda: held.evaluate(str(other)))
    assert "unseen-class" in said
    assert "emu" in said


def test_one_output_has_keras_s_short_names(spec: SpecFile, tmp_path: Path) -> None:
    npz(tmp_path, x=np.ones((6, 2), "float32"), y=np.zeros((6, 1), "float32"))
    path = spec("""
inputs: {x: [2]}
layers: {y: {type: Dense, units: 1, activation: sigmoid}}
outputs: {y: {loss: binary_crossentropy, metrics: [accuracy]}}
data: {train: rows.npz, validation: rows.npz}
""")
    held = trained(path, tmp_path / "run")
    assert list(held.history[0]) == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy"]


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("outputs.y.loss=null", "no output has a loss"),
        ("layers.y.trainable=false", "no loss depends on a weight that training could change"),
        ("data={test: {type: Synthetic, samples: 8}}", "names no data to train on"),
    ],
)
def test_what_cannot_be_trained_says_why(
    spec: SpecFile, tmp_path: Path, setting: str, says: str
) -> None:
    path = spec("""
inputs: {x: [2]}
layers: {y: {type: Dense, units: 1}}
outputs: {y: {loss: mse}}
data: {train: {type: Synthetic, samples: 8}}
""")
    assert says in refusal(lambda: trained(path, tmp_path / "run", setting))
    assert not (tmp_path / "run").exists()


def test_a_loss_that_no_trained_weight_reaches_is_refused(spec: SpecFile, tmp_path: Path) -> None:
    path = spec("""
inputs: {x: [2]}
layers:
  y: {type: Dense, units: 1, trainable: false, from: x}
  z: {type: Dense, units: 1, from: x}
outputs: {y: {loss: mse}, z: {}}
data: {train: {type: Synthetic, samples: 8}}
""")
    assert "not-trainable" in refusal(lambda: trained(path, tmp_path / "run"))


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [("x", 6, "`6` is not one of 0 to 5"), ("x", -1, "`-1` is not"), ("y", 3, "one of 0 to 2")],
)
def test_what_the_model_cannot_look_up_is_refused_where_it_stands(
    spec: SpecFile, tmp_path: Path, column: str, value: int, says: str
) -> None:
    rows = ["x,y"] + ["1,1"] * 8
    rows[4] = f"{value},1" if column == "x" else f"1,{value}"
    (tmp_path / "rows.csv").write_text("\n".join(rows) + "\n")
    path = spec("""
inputs: {x: {shape: [1], dtype: int32}}
layers:
  - {type: Reshape, target_shape: [1]}
  - {type: Embedding, input_dim: 6, output_dim: 2}
  - {type: Flatten}
  - {type: Dense, units: 3, activation: softmax, name: y}
outputs: {y: {loss: sparse_categorical_crossentropy}}
data: {train: rows.csv}
""")
    said = refusal(lambda: trained(path, tmp_path / "run"))
    assert says in said
    assert "line 5" in said or "row" in said
