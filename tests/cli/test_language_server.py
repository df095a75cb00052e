"""The schema in an editor: what yaml-language-server underlines, offers and tells.

It skips where the server is missing; `make editors` installs and runs it. The server offers
nothing in a gap of `{type: Conv2D, }`, whatever the schema: there the first letter is typed.
"""

from __future__ import annotations

import json

import pytest

from modelspec.model.schema import schema
from tests.cli.language_server import Editor, is_there
from tests.conftest import ROOT
from tests.model.test_schema_mutations import CASES, SPEC

pytestmark = pytest.mark.skipif(not is_there(), reason="no yaml-language-server: `make editors`")
SPECS = sorted((ROOT / "specs").glob("*.yaml"))


@pytest.fixture(scope="module")
def schema_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("schema") / "modelspec.schema.json"
    path.write_text(json.dumps(schema()))
    return path


@pytest.fixture(scope="module")
def editor(schema_file):
    opened = Editor({schema_file.as_uri(): "*"})
    opened.wait_for_schema()
    yield opened
    opened.close()


def labels(items):
    return [item["label"] for item in items]


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_nothing_is_underlined_in_a_valid_spec(editor, path):
    assert editor.problems(path.read_text()) == []


@pytest.mark.parametrize(("kind", "right", "wrong"), CASES)
def test_a_fault_is_underlined_at_its_line(editor, kind, right, wrong):
    text = SPEC.replace(right, wrong)
    changed = [
        at for at, lines in enumerate(zip(SPEC.split("\n"), text.split("\n"), strict=False), 1)
        if lines[0] != lines[1]
    ]  # fmt: skip
    assert changed[0] in {line for line, _ in editor.problems(text)}


def test_the_first_line_of_a_spec_may_name_the_schema_beside_it(schema_file):
    editor = Editor({})
    line = "# yaml-language-server: $schema=modelspec.schema.json\n"
    folder = schema_file.parent.as_uri()
    assert [at for at, _ in editor.problems(line + "layers: [Flaten]\n", folder)] == [2]
    assert editor.problems(line + "layers: [Flatten]\n", folder) == []
    editor.close()


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{type: Dens, units: 3}", "no layer is called so: `modelspec layers` lists them"),
        ("{type: Dense, units: many}", "`units` of `Dense` is an integer of at least 1"),
        ("{type: Dense, units: 3, unit: 4}", "Property unit is not allowed."),
        ("{type: Dense}", 'Missing property "units".'),
        ("{units: 3}", "an entry has `type` or `use` or `file` or `part_of` or `layers`"),
        ("3", "an entry is a mapping such as {type: Dense, units: 8}, or a layer's name"),
    ],
)
def test_a_message_says_what_belongs_there(editor, entry, message):
    assert (2, message) in editor.problems(f"layers:\n  y: {entry}\n")


def test_the_types_are_offered_with_their_meaning(editor):
    offered = editor.completions("layers:\n  y: {type: |, units: 3}\n")
    assert {"Dense", "Conv2D", "LSTM", "ops.Mean"} <= set(labels(offered))
    assert len(labels(offered)) == len(set(labels(offered)))
    told = {item["label"]: str(item.get("documentation")) for item in offered}
    assert "Fully connected" in told["Dense"]


@pytest.mark.parametrize("rest", ["{type: Conv2D, f|}", "{type: Conv2D, k|, filters: 3}",
                                  "\n    type: Conv2D\n    |"])  # fmt: skip
def test_the_arguments_of_a_layer_are_offered(editor, rest):
    offered = labels(editor.completions(f"layers:\n  y: {rest}\n"))
    assert {"kernel_size", "padding", "strides", "from"} <= set(offered)
    assert "units" not in offered


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("|", {"inputs", "layers", "outputs", "train"}),
        ("layers:\n  y:\n    |", {"type", "use", "file", "part_of"}),
        ("layers:\n  y: {type: Dense, units: 3, activation: |}", {"relu", "softmax"}),
        ("layers:\n  y: {type: Dense, units: 3, use_bias: |}", {"true", "false"}),
        ("layers:\n  y: {type: Conv2D, padding: |}", {"same", "valid"}),
        ("layers: [Flatten]\noutputs:\n  y:\n    loss: |", {"mean_squared_error"}),
        ("layers: [Flatten]\noutputs:\n  y:\n    |", {"loss", "metrics", "loss_weight"}),
        ("layers: [Flatten]\ntrain:\n  |", {"optimizer", "epochs", "batch_size"}),
        ("layers: [Flatten]\ntrain:\n  optimizer:\n    type: |", {"Adam", "SGD"}),
        ("layers: [Flatten]\ntrain:\n  optimizer:\n    type: Adam\n    |", {"learning_rate"}),
        ("layers: [Flatten]\ndata:\n  |", {"train", "validation", "fields"}),
        ("inputs:\n  x:\n    dtype: |", {"float32", "int32"}),
    ],
)
def test_what_may_stand_there_is_offered(editor, text, wanted):
    assert wanted <= set(labels(editor.completions(text + "\n")))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("layers:\n  y: {type: Dense, units|: 3}", "Size of the output's last axis."),
        ("layers:\n  y: {type: Dense|, units: 3}", "Fully connected over the last axis"),
        ("layers:\n  y: {type: Dense, units: 3, from|: x}", "What it is called on"),
        ("layers:\n  y: {use|: x}", "with the same weights"),
        ("layers: [Flatten]\ntrain: {epochs|: 3}", "Passes over the training data."),
        ("layers: [Flatten]\ntrain: {optimizer: {type: Adam, beta_1|: 0.9}}", "of the mean"),
        ("layers: [Flatten]\noutputs: {y: {loss_weight|: 2}}", "multiplied by"),
        ("layers: [Flatten]\ndata: {validation|: 0.2}", "A share of train"),
    ],
)
def test_a_word_is_explained(editor, text, told):
    assert told in editor.hover(text + "\n")


def test_the_types_are_not_listed_where_one_is_explained(editor):
    assert "Allowed Values" not in editor.hover("layers:\n  y: {type: Dense|, units: 3}\n")
