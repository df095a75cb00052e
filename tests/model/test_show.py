"""What `show` writes is a spec, and makes the same graph."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import modelspec
from modelspec.model.show import show
from modelspec.source.tree import write
from tests.cli.specs import EVERYTHING, TWEETS

ROOT = Path(__file__).resolve().parents[2]
SPECS = sorted((ROOT / "specs").glob("*.yaml"))

LISTS = """\
inputs: {x: [4, 3]}
layers:
  - {type: LSTM, units: 5, return_sequences: true, return_state: true}
  - {type: LSTM, units: 5, from: {sequence: lstm, initial_state: [lstm.hidden, lstm.cell]}}
  - {type: Dense, units: 2, dtype: float16, allow: unused-input}
outputs: [lstm.1, dense]
"""

MULTI = """\
inputs: {question: [7, 4], memory: [5, 4]}
shared:
  look:
    inputs: {q: [7, 4], m: [5, 4]}
    layers:
      attended: {type: MultiHeadAttention, num_heads: 2, key_dim: 3, from: {query: q, value: m}}
      mixed: {type: Add, from: [attended, q]}
    outputs: {answer: {from: mixed}, raw: {from: attended}}
layers:
  once: {use: look, from: {m: memory, q: question}}
  twice: {use: look, from: [once.answer, memory]}
  inner:
    type: TimeDistributed
    layer:
      inputs: {x: [4]}
      layers: {a: {type: Dense, units: 3}, b: {type: Dense, units: 2}}
    from: once.raw
  flat: Flatten
outputs: {flat: null, look@1: null}
"""


def words(layer):
    """A layer's arguments; the layers inside it are compared by their weights."""
    return re.sub(r"<[^<>]*>", "", repr(layer))


def facts(graph):
    """All that the engine reads of a graph."""
    return {
        "steps": [
            (s.name, type(s.layer).__name__, s.node, s.inputs, s.outputs, s.compute, words(s.layer))
            for s in graph.program.steps
            if s.body is None
        ],
        "tensors": [(t.name, t.shape, t.dtype) for t in graph.program.tensors],
        "inputs": graph.program.inputs,
        "outputs": graph.program.outputs,
        "weights": {
            name: (weight.shape, weight.trainable) for name, weight in graph.weights().items()
        },
        "trainable": graph.trainable_parameters,
        "heads": {
            name: (h.loss_weights, list(map(repr, h.losses)), h.metric_names, h.class_weight)
            for name, h in graph.heads.items()
            if h.losses or h.metrics
        },
        "training": repr(graph.spec.training),
    }


def same(first):
    text = write(show(first.spec))
    second = modelspec.check(text)
    assert facts(second) == facts(first)
    assert write(show(second.spec)) == text


@pytest.mark.parametrize("text", [TWEETS, EVERYTHING, LISTS, MULTI], ids=range(4))
def test_a_shown_spec_makes_the_same_graph(text):
    same(modelspec.check("name: model\n" + text))


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_a_shown_spec_of_the_guide_makes_the_same_graph(path):
    same(modelspec.check(path))


def test_every_default_is_filled_in():
    made = show(modelspec.check(TWEETS).spec)
    assert made["shared"]["encoder"]["recurrent_activation"] == "sigmoid"
    assert made["train"]["batch_size"] == 32
    assert made["outputs"]["same"]["loss"]["label_smoothing"] == 0.0
    assert made["layers"]["encoded_b"] == {"use": "encoder", "from": "tweet_b"}


def test_repeats_are_written_out_and_the_last_keeps_its_readers():
    made = show(modelspec.check(EVERYTHING).spec)
    assert made["layers"]["deep_2"]["from"] == "deep_1"
    assert made["layers"]["same"]["from"] == "deep_2"
    assert made["outputs"]["middle"]["from"] == "deep_2"


def test_what_cannot_be_trained_has_no_training_section():
    assert "train" not in show(modelspec.check("inputs: {x: [3]}\nlayers: [Flatten]\n").spec)


def test_paths_are_written_for_the_folder_that_the_spec_will_lie_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "specs").mkdir()
    spec = tmp_path / "specs" / "spec.yaml"
    spec.write_text(
        "inputs: {x: [3]}\nlayers: {y: {type: Dense, units: 1, weights: ../old}}\n"
        "outputs: {y: {loss: mse}}\ndata: rows.csv\n"
    )
    graph = modelspec.check("specs/spec.yaml")
    at_home, in_run = show(graph.spec), show(graph.spec, "runs/new")
    assert at_home["data"]["train"]["path"] == ["rows.csv"]
    assert at_home["layers"]["y"]["weights"] == "../old"
    assert in_run["data"]["train"]["path"] == ["../../specs/rows.csv"]
    assert in_run["layers"]["y"]["weights"] == "../../old"


def test_a_path_given_on_the_command_line_counts_from_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "spec.yaml").write_text("inputs: {x: [3]}\nlayers: [Flatten]\n")
    graph = modelspec.check("specs/spec.yaml", set=["data.train=rows.csv"])
    assert show(graph.spec)["data"]["train"]["path"] == ["../rows.csv"]
