"""`summary`, `show`, `graph`, `layers`, `schema`, `explain`, `init`: what they print."""

from __future__ import annotations

import json

import pytest

from tests.cli.specs import EVERYTHING, TWEETS


def test_a_summary_is_a_table_with_totals(modelspec, spec, snapshot):
    spec(EVERYTHING)
    done = modelspec("summary", "spec.yaml")
    assert (done.code, done.err) == (0, "")
    snapshot("summary.txt", done.out)


def test_nodes_are_listed_with_their_shapes(modelspec, spec, snapshot):
    spec(TWEETS)
    snapshot("summary_nodes.txt", modelspec("summary", "spec.yaml", "--nodes").out)


def test_a_summary_for_scripts_has_all_of_it(modelspec, spec):
    spec(TWEETS)
    document = json.loads(modelspec("summary", "spec.yaml", "--nodes", "--format", "json").out)
    assert document["parameters"] == 817
    assert [layer["shared"] for layer in document["layers"]] == [False] * 3 + [True] + [False] * 2
    assert document["nodes"][1]["name"] == "encoder@1"
    assert document["nodes"][1]["inputs"] == [{"name": "tweet_b", "shape": [28, 16]}]


def test_an_open_size_is_null_in_a_summary(modelspec):
    text = "inputs: {x: [null, 4]}\nlayers: [{type: LSTM, units: 3}]\n"
    document = json.loads(modelspec("summary", "-", "--format", "json", stdin=text).out)
    assert document["layers"][0]["outputs"] == [[None, 4]]
    assert document["activation_bytes_per_sample"] is None
    assert "unknown" in modelspec("summary", "-", stdin=text).out


@pytest.mark.parametrize("command", ["summary", "show", "graph", "validate"])
def test_a_run_folder_stands_for_its_spec(modelspec, tmp_path, command):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "spec.yaml").write_text(TWEETS)
    assert modelspec(command, "run").code == 0


def test_what_show_prints_is_valid_and_shown_the_same_again(modelspec, spec):
    spec(EVERYTHING)
    first = modelspec("show", "spec.yaml").out
    assert modelspec("show", "-", stdin=first).out == first


@pytest.mark.parametrize(
    ("format", "start"), [("svg", "<svg "), ("dot", "digraph {"), ("mermaid", "flowchart TD")]
)
def test_a_graph_is_drawn_to_stdout_or_a_file(modelspec, spec, tmp_path, format, start):
    spec(TWEETS)
    drawn = modelspec("graph", "spec.yaml", "--format", format).out
    assert drawn.startswith(start)
    assert modelspec("graph", "spec.yaml", "--format", format, "-o", "picture").out == ""
    assert (tmp_path / "picture").read_text() == drawn


def test_the_catalogue_has_a_line_for_each_layer(modelspec):
    out = modelspec("layers").out
    from modelspec.catalog.words import names

    for name in names("layers"):
        assert f"  {name} " in out


def test_every_group_can_be_listed(modelspec):
    assert "BinaryCrossentropy" in modelspec("layers", "--group", "losses").out
    assert "GlorotUniform" in modelspec("layers", "--group", "initializers").out


def test_one_layer_shows_arguments_shapes_and_an_example(modelspec, snapshot):
    snapshot("layers_dense.txt", modelspec("layers", "Dense").out)


@pytest.mark.parametrize("name", ["conv2d", "Conv2D", "mse", "glorot_uniform", "torch.nn.Linear"])
def test_any_spelling_finds_a_word(modelspec, name):
    done = modelspec("layers", name)
    assert done.code == 0


def test_an_unknown_word_suggests_a_near_one(modelspec):
    done = modelspec("layers", "Dens")
    assert (done.code, done.out) == (2, "")
    assert "did you mean `Dense`?" in done.err


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["layers", "Lambda"], "a spec runs no code; use layers such as {type: ops.Mean, axis: 1}"),
        (["layers", "BatchNorm2d"], "did you mean `BatchNormalization`?"),
        (["losses"], "`modelspec layers --group losses` lists them"),
    ],
)
def test_a_word_of_another_house_is_told_by_what_stands_for_it(modelspec, asked, said):
    done = modelspec(*asked)
    assert done.code == 2
    assert said in done.err


def test_the_catalogue_for_scripts(modelspec):
    (dense,) = json.loads(modelspec("layers", "Dense", "--format", "json").out)
    assert dense["arguments"][0] == {
        "name": "units",
        "is": "an integer of at least 1",
        "default": "required",
        "doc": "Size of the output's last axis.",
    }
    assert len(json.loads(modelspec("layers", "--format", "json").out)) > 50


def test_an_example_of_the_catalogue_is_a_spec(modelspec):
    out = modelspec("layers", "Conv2D").out
    text = out[out.index("example:") :].split("\n", 2)[2]
    assert modelspec("validate", "-", stdin=text).code == 0


def test_a_code_is_explained(modelspec):
    from modelspec.source.codes import CODES

    assert CODES["wrong-rank"] in modelspec("explain", "wrong-rank").out
    assert all(code in modelspec("explain").out for code in CODES)
    unknown = modelspec("explain", "wrong-rnk")
    assert unknown.code == 2
    assert "did you mean `wrong-rank`?" in unknown.err


def test_the_first_spec_is_valid_and_is_never_written_over_another(modelspec, tmp_path):
    assert modelspec("init", "first").code == 0
    assert modelspec("validate", "--strict", "first/spec.yaml").code == 0
    (tmp_path / "first" / "spec.yaml").write_text("mine")
    again = modelspec("init", "first")
    assert (again.code, again.out) == (2, "")
    assert (tmp_path / "first" / "spec.yaml").read_text() == "mine"
