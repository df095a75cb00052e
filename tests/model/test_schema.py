"""The JSON Schema takes every spec that is valid, and refuses what a declaration refuses."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

import modelspec
from modelspec.catalog.index import INDEX
from modelspec.catalog.words import names
from modelspec.model.pages import families, runnable
from modelspec.model.schema import schema
from modelspec.model.show import show
from modelspec.source.diagnostics import Rejected
from modelspec.source.explained import explanations
from modelspec.source.text import Source
from modelspec.source.tree import parse, to_plain
from tests.cli.specs import EVERYTHING, TWEETS
from tests.language.test_chapters import CHAPTERS, EXAMPLE

SPECS = sorted((Path(__file__).resolve().parents[2] / "specs").glob("*.yaml"))


@pytest.fixture(scope="module")
def validator():
    made = schema()
    jsonschema.Draft202012Validator.check_schema(made)
    return jsonschema.Draft202012Validator(made)


def as_json(text):
    return json.loads(json.dumps(to_plain(parse(Source("spec.yaml", text)))))


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_every_spec_of_the_guide_fits(validator, path):
    validator.validate(as_json(path.read_text()))


def is_valid(name):
    try:
        return modelspec.check(name) is not None
    except Rejected:
        return False


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_every_valid_example_of_the_chapters_fits(validator, chapter, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fitting = 0
    for match in EXAMPLE.finditer(chapter.read_text()):
        path = tmp_path / (match["file"] or "spec.yaml").strip()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(match["spec"])
        if "error[" not in match["outcome"] if match["held"] else is_valid(path):
            validator.validate(as_json(match["spec"]))
            fitting += 1
    assert fitting > 0


def test_every_mended_example_of_an_error_fits(validator):
    mended = [one.mended[""] for one in explanations().values() if "" in one.mended]
    assert len(mended) > 60
    for text in mended:
        validator.validate(as_json(text))


@pytest.mark.parametrize("text", [TWEETS, EVERYTHING], ids=["tweets", "everything"])
def test_what_show_writes_fits(validator, text):
    validator.validate(as_json(text))
    validator.validate(json.loads(json.dumps(show(modelspec.check(text).spec))))


def test_every_example_of_the_catalogue_fits(validator):
    for pages in families("layers").values():
        for page in pages:
            for example in page.examples():
                validator.validate(runnable(example))


@pytest.mark.parametrize(
    "text",
    [
        "inputs: {x: [3]}",
        "inputs: {x: [3]}\nlayers: {}\n",
        "inputs: {x: [3]}\nlayers: {y: {type: Dense}}\n",
        "inputs: {x: [3]}\nlayers: {y: {type: Dense, units: 0}}\n",
        "inputs: {x: [3]}\nlayers: {y: {type: Dense, units: many}}\n",
        "inputs: {x: [3]}\nlayers: {y: {type: dense, units: 2, unit: 3}}\n",
        "inputs: {x: [3]}\nlayers: {y: {units: 2}}\n",
        "inputs: {x: [3]}\nlayers: {y: {use: z, units: 2}}\n",
        "inputs: {x: [3]}\nlayers: {y: Flatten}\noutputs: {y: {los: mse}}\n",
        "inputs: {x: [3]}\nlayers: {y: Flatten}\noutputs: {y: {loss: mean}}\n",
        "inputs: {x: [3]}\nlayers: {y: Flatten}\noutputs: {y: {loss: {type: Huber, delta: -1}}}\n",
        "inputs: {x: [3]}\nlayers: {y: Flatten}\ntrain: {optimizer: adm}\n",
        "inputs: {x: [3]}\nlayers: {y: Flatten}\ntrain: {epoch: 3}\n",
        "inputs: {x: [3]}\nlayers: {y: Flatten}\ndata: {validation: 1.5}\n",
        "inputs: {x: {shape: [3], dtype: int}}\nlayers: {y: Flatten}\n",
        "input: {x: [3]}\nlayers: {y: Flatten}\n",
        "modelspec: 2\ninputs: {x: [3]}\nlayers: {y: Flatten}\n",
    ],
)
def test_what_a_declaration_refuses_the_schema_refuses(validator, text):
    with pytest.raises(modelspec.Rejected):
        modelspec.check(text if "\n" in text else text + "\n")
    assert not validator.is_valid(as_json(text))


def test_a_parameter_may_stand_for_any_argument(validator):
    entry = "{type: Dense, units: '${n * 2}', use_bias: '${n > 1}'}"
    validator.validate(as_json(f"params: {{n: 3}}\nlayers: {{y: {entry}}}"))


def test_every_word_of_the_catalogue_has_a_definition(validator):
    defined = validator.schema["$defs"]
    for group in INDEX:
        for name in names(group):
            if name not in ("TorchModule", "PythonModule"):
                assert defined[f"{group}.{name}"]["description"]
