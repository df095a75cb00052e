"""Layers that learn from the training data: what they learn, where it is kept, what it is for."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch

import modelspec
from modelspec.engine import run as runs
from modelspec.engine.learnt import LEARNT
from modelspec.engine.loop import Stepped, Warned
from modelspec.engine.training import Trainer
from modelspec.source.diagnostics import Rejected
from tests.conftest import RunCli
from tests.engine.training import SpecFile, ended, graph_of, npz, refusal, trained

REVIEWS = """
inputs:
  title: {shape: [], dtype: string}
  numbers: [2]
layers:
  words: {type: TextVectorization, max_tokens: 30, output_sequence_length: 5, from: title}
  embedded: {type: Embedding, input_dim: 30, output_dim: 4, mask_zero: true}
  read: {type: LSTM, units: 4}
  normal: {type: Normalization, from: numbers}
  both: {type: Concatenate, from: [read, normal]}
  rest: {type: Dropout, rate: 0.1}
  good: {type: Dense, units: 1, activation: sigmoid}
outputs:
  good: {loss: binary_crossentropy, metrics: [accuracy]}
data: {train: rows.csv, validation: 0.2, fields: {numbers: {columns: [a, b]}}}
train: {epochs: 3, batch_size: 8, optimizer: {type: Adam, learning_rate: 0.05}}
"""
GOOD, BAD = ["lovely", "great", "nice"], ["awful", "poor", "sad"]
OTHERS = ["the", "a", "film", "plot", "and"]


@pytest.fixture
def reviews(spec: SpecFile, tmp_path: Path) -> Path:
    """120 titles with two numbers; the last 24 validate, and say `secret`."""
    draws = random.Random(0)
    with (tmp_path / "rows.csv").open("w", newline="", encoding="utf-8") as stream:
        rows = csv.writer(stream)
        rows.writerow(["title", "a", "b", "good"])
        for at in range(120):
            words = [draws.choice(GOOD if at % 2 else BAD), *draws.choices(OTHERS, k=4)]
            if at >= 96:
                words.append("secret")
            draws.shuffle(words)
            rows.writerow([" ".join(words).title() + "!", draws.gauss(40, 9),
                           draws.gauss(0, 1) + 100 * (at >= 96), at % 2])  # fmt: skip
    return spec(REVIEWS)


def test_texts_are_learnt_from_trained_on_and_predicted_raw(
    reviews: Path, tmp_path: Path, run_cli: RunCli
) -> None:
    done = run_cli("train", reviews, "--run", "out")
    assert done.code == 0, done.err
    kept = json.loads((tmp_path / "out" / LEARNT).read_text())
    assert set(kept) == {"words"}
    assert set(kept["words"]["vocabulary"]) == {*GOOD, *BAD, *OTHERS}  # of train alone
    fields = json.dumps({"title": "great plot", "a": 41.0, "b": 0.1}) + "\n"
    predicted = run_cli("predict", "out", "-", stdin=fields + fields)
    assert predicted.code == 0, predicted.err
    assert len(predicted.out.splitlines()) == 2
    (tmp_path / "new.csv").write_text('title,a,b\n"A LOVELY, lovely film",40,0\nsad awful,40,0\n')
    predicted = run_cli("predict", "out", "new.csv")
    good, bad = (json.loads(line)["good"][0] for line in predicted.out.splitlines())
    assert good > 0.7 > 0.3 > bad
    assert run_cli("evaluate", "out", "--format", "json").code == 0


def test_numbers_are_learnt_from_train_alone_and_kept_as_weights(
    reviews: Path, tmp_path: Path
) -> None:
    run = trained(reviews, tmp_path / "out")
    with (tmp_path / "rows.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))[:96]
    table = np.array([[float(row["a"]), float(row["b"])] for row in rows], np.float32)
    weights = run.module.weights()
    np.testing.assert_allclose(weights["normal.mean"], table.mean(0), rtol=1e-5)
    np.testing.assert_allclose(weights["normal.variance"], table.var(0), rtol=1e-5)
    assert weights["normal.count"] == 96
    assert run.graph.trainable_parameters == run.graph.parameters - 5


def test_texts_go_in_from_python_in_lists_and_arrays(reviews: Path, tmp_path: Path) -> None:
    run = trained(reviews, tmp_path / "out")
    numbers = np.zeros((2, 2), np.float32)
    listed = run.predict({"title": ["a great film", "sad"], "numbers": numbers})
    array = run.predict({"title": np.array(["a great film", "sad"]), "numbers": numbers})
    np.testing.assert_array_equal(listed["good"], array["good"])
    places = run.predict({"title": ["nope the"], "numbers": numbers[:1]}, at=("words",))["words"]
    words = run.learnt["words"]["vocabulary"]
    assert places.tolist() == [[1, 2 + words.index("the"), 0, 0, 0]]
    said = refusal(lambda: run.predict({"title": [3.0], "numbers": numbers[:1]}))
    assert "`title` is (samples) string" in said


def test_an_interrupted_run_ends_as_if_it_had_been_left_alone(
    reviews: Path, tmp_path: Path
) -> None:
    alone = trained(reviews, tmp_path / "alone")
    for limit in (1, 17):
        folder = str(tmp_path / f"left{limit}")
        for event in Trainer(graph_of(reviews), folder, device="cpu").run():
            if isinstance(event, Stepped) and event.step == limit:
                break
        begun = runs.load(folder, device="cpu")
        assert begun.learnt == alone.learnt
        ended(Trainer.resumed(begun))
        again = runs.load(folder, device="cpu")
        for name, value in alone.module.weights().items():
            assert torch.equal(again.module.weights()[name], value), (limit, name)


def test_a_layer_behind_another_one_learns_from_what_that_makes(
    spec: SpecFile, tmp_path: Path
) -> None:
    draws = np.random.default_rng(0)
    npz(tmp_path, x=draws.normal(5, 3, (300, 4)).astype("float32"), y=np.zeros(300, "float32"))
    path = spec("""
inputs: {x: [4]}
layers:
  a: {type: Normalization}
  b: {type: Rescaling, scale: 2.0}
  c: {type: Discretization, num_bins: 5, output_mode: count}
  d: {type: Normalization, axis: null}
  y: {type: Dense, units: 1}
outputs: {y: {loss: mse}}
data: {train: rows.npz}
train: {epochs: 1, batch_size: 32}
""")
    weights = trained(path, tmp_path / "out").module.weights()
    quantiles = 2 * np.array([-0.8416, -0.2533, 0.2533, 0.8416])
    np.testing.assert_allclose(weights["c.boundaries"], quantiles, atol=0.3)
    assert float(weights["d.mean"]) == pytest.approx(4 / 5)  # four values in five bins
    assert int(weights["c.count"]) == 300


def test_a_shared_layer_learns_from_all_that_it_is_called_on(
    spec: SpecFile, tmp_path: Path
) -> None:
    a, b = np.full((40, 1), 1.0, "float32"), np.full((40, 1), 3.0, "float32")
    npz(tmp_path, a=a, b=b, y=np.zeros(40, "float32"))
    path = spec("""
inputs: {a: [1], b: [1]}
shared:
  normal: {type: Normalization}
layers:
  first: {use: normal, from: a}
  second: {use: normal, from: b}
  both: {type: Add, from: [first, second]}
  y: {type: Dense, units: 1}
outputs: {y: {loss: mse}}
data: {train: rows.npz}
train: {epochs: 1}
""")
    weights = trained(path, tmp_path / "out").module.weights()
    assert float(weights["normal.mean"]) == pytest.approx(2.0)
    assert float(weights["normal.variance"]) == pytest.approx(1.0)


def test_a_vocabulary_in_a_file_is_kept_with_the_run(spec: SpecFile, tmp_path: Path) -> None:
    words = tmp_path / "lists" / "words.txt"
    words.parent.mkdir()
    words.write_text("red\nblue\n", encoding="utf-8")
    colours = np.array(["red", "green", "blue", "red"])
    npz(tmp_path, colour=colours, y=np.zeros(4, "float32"))
    path = spec("""
inputs: {colour: {shape: [], dtype: string}}
layers:
  place: {type: StringLookup, vocabulary: lists/words.txt, output_mode: one_hot, max_tokens: 4}
  y: {type: Dense, units: 1}
outputs: {y: {loss: mse}}
data: {train: rows.npz}
train: {epochs: 1}
""")
    run = trained(path, tmp_path / "runs" / "out")
    words.unlink()
    again = runs.load(run.folder, device="cpu")
    made = again.predict({"colour": ["blue", "pink"]}, at=("place",))["place"]
    assert made.tolist() == [[0, 0, 1, 0], [1, 0, 0, 0]]
    fresh = refusal_or_missing(lambda: modelspec.build(path))
    assert "words.txt" in fresh


def refusal_or_missing(action: object) -> str:
    with pytest.raises((Rejected, modelspec.Unreadable)) as caught:
        action()  # type: ignore[operator]
    return str(caught.value)


def test_a_model_that_has_not_learnt_is_refused_wherever_it_would_be_used(
    reviews: Path, tmp_path: Path, run_cli: RunCli
) -> None:
    said = refusal(lambda: modelspec.build(reviews))
    assert "not-adapted" in said
    assert "`words` has learnt nothing yet" in said
    assert "`normal` has learnt nothing yet" in said
    done = run_cli("build", reviews, "--run", "fresh")
    assert done.code == 1
    assert "error[not-adapted]" in done.err
    assert not (tmp_path / "fresh").exists()


def test_trained_weights_bring_what_their_layers_learnt(
    reviews: Path, spec: SpecFile, tmp_path: Path
) -> None:
    first = trained(reviews, tmp_path / "first")
    again = trained(reviews, tmp_path / "again", "train.epochs=1", weights=str(tmp_path / "first"))
    assert again.learnt == first.learnt
    outer = spec("""
inputs: {title: {shape: [], dtype: string}, numbers: [2]}
layers:
  inner: {file: spec.yaml, weights: first, trainable: false, from: {title: title, numbers: numbers}}
  y: {type: Dense, units: 1}
outputs: {y: {loss: mse}}
data: {train: rows.csv, fields: {numbers: {columns: [a, b]}, y: {column: good}}}
train: {epochs: 1}
""", "outer.yaml")  # fmt: skip
    run = trained(outer, tmp_path / "outer")
    assert run.learnt == {"inner.words": first.learnt["words"]}
    theirs, own = first.module.weights(), run.module.weights()
    assert torch.equal(own["inner.normal.mean"], theirs["normal.mean"])


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ("y: {type: Dense, units: 1}", "`Dense` takes numbers"),
        ("f: {type: Flatten}", "`Flatten` takes numbers"),
        ("t: {type: TextVectorization, output_mode: multi_hot}", "must be known before training"),
        ("t: {type: TextVectorization, ragged: true}", "`output_sequence_length` makes"),
    ],
)
def test_texts_go_only_where_texts_are_taken(spec: SpecFile, layers: str, said: str) -> None:
    path = spec(f"""
inputs: {{title: {{shape: [1], dtype: string}}}}
layers:
  {layers}
""")
    assert said in refusal(lambda: graph_of(path))


def test_a_wrapper_takes_no_layer_that_learns(spec: SpecFile) -> None:
    path = spec("""
inputs: {frames: [7, 3]}
layers:
  y: {type: TimeDistributed, layer: {type: Normalization}}
""")
    assert "wraps no layer that learns" in refusal(lambda: graph_of(path))


def test_a_loss_on_texts_is_refused(spec: SpecFile) -> None:
    path = spec("""
inputs: {x: {shape: [2], dtype: int32}}
layers:
  names: {type: StringLookup, vocabulary: [a, b], invert: true}
outputs: {names: {loss: mse}}
""")
    assert "a loss is of numbers" in refusal(lambda: graph_of(path))


def test_a_text_for_a_graph_of_numbers_is_refused(spec: SpecFile) -> None:
    path = spec("""
inputs: {title: {shape: [1], dtype: string}}
shared:
  part:
    inputs: {x: {shape: [1], dtype: int32}}
    layers: [{type: CategoryEncoding, num_tokens: 3}]
layers:
  y: {use: part, from: title}
""")
    assert "`title` is string" in refusal(lambda: graph_of(path))


def test_texts_can_come_out(spec: SpecFile, tmp_path: Path, run_cli: RunCli) -> None:
    path = spec("""
inputs: {x: {shape: [2], dtype: int32}}
layers:
  names: {type: StringLookup, vocabulary: [red, blue], invert: true}
outputs: [names]
""")
    assert run_cli("build", path, "--run", "out").code == 0
    done = run_cli("predict", "out", "-", stdin='{"x": [1, 2]}\n{"x": [0, 9]}\n')
    assert done.code == 0, done.err
    lines = [json.loads(line)["names"] for line in done.out.splitlines()]
    assert lines == [["red", "blue"], ["[UNK]", "[UNK]"]]


def test_synthetic_texts_are_words(spec: SpecFile, tmp_path: Path) -> None:
    lines = REVIEWS.splitlines()
    lines[-2] = "data: {train: {type: Synthetic, samples: 40}}"
    run = trained(spec("\n".join(lines)), tmp_path / "out", "train.epochs=1")
    assert all(word.startswith("word") for word in run.learnt["words"]["vocabulary"])


def test_a_step_on_texts_is_not_compiled_and_says_so(spec: SpecFile, tmp_path: Path) -> None:
    # A graph that torch writes down would hold the first batch's words for ever.
    path = spec("""
inputs: {title: {shape: [], dtype: string}}
layers:
  words: {type: TextVectorization, max_tokens: 50, output_sequence_length: 4}
  embedded: {type: Embedding, input_dim: 50, output_dim: 4}
  mean: {type: GlobalAveragePooling1D}
  y: {type: Dense, units: 1}
outputs: {y: {loss: mse}}
data: {train: {type: Synthetic, samples: 24}}
train: {epochs: 1, batch_size: 8}
""")
    plain = trained(path, tmp_path / "plain")
    events = list(Trainer(graph_of(path, "train.compile=true"), str(tmp_path / "out")).run())
    assert any("outside of torch" in str(event) for event in events if isinstance(event, Warned))
    compiled = runs.load(str(tmp_path / "out"), device="cpu")
    for name, value in plain.module.weights().items():
        assert torch.equal(compiled.module.weights()[name], value)


@pytest.mark.parametrize(
    "text",
    ["[]", '{"words": []}', '{"words": {"vocabulary": [1.5]}}', "{",
     '{"words": {"vocabulary": ["a"], "idf_weights": [1, 2]}}',
     json.dumps({"words": {"vocabulary": [str(n) for n in range(29)]}})],
    ids=["list", "no state", "no token", "no json", "weights", "too many"],
)  # fmt: skip
def test_a_damaged_vocabulary_is_named(reviews: Path, tmp_path: Path, text: str) -> None:
    folder = tmp_path / "out"
    graph = graph_of(reviews)
    runs.create(str(folder), graph, {})
    (folder / "weights.safetensors").write_bytes(b"")
    (folder / LEARNT).write_text(text, encoding="utf-8")
    with pytest.raises(modelspec.Unreadable, match=LEARNT):
        _ = runs.load(str(folder), device="cpu").module
