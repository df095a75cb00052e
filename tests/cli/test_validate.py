"""`modelspec validate`, and what every command does with a wrong spec."""

from __future__ import annotations

import json

import pytest

from tests.cli.specs import TWEETS

WRONG = TWEETS.replace("units: 8", "unit: 8").replace("loss: binary", "lss: binary")
LINTED = TWEETS.replace("shared:\n", "shared:\n  unused: {type: Dense, units: 3}\n")


def test_a_valid_spec_says_its_size(modelspec, spec):
    spec(TWEETS)
    assert modelspec("validate", "spec.yaml") == (
        0, "spec.yaml is valid: 4 layers, 817 parameters\n", "",
    )  # fmt: skip


def test_every_error_is_shown_at_once(modelspec, spec, snapshot):
    spec(WRONG)
    done = modelspec("validate", "spec.yaml")
    assert (done.code, done.out) == (1, "")
    snapshot("validate_full.txt", done.err)


def test_concise_errors_are_a_line_each(modelspec, spec, snapshot):
    spec(WRONG)
    done = modelspec("validate", "spec.yaml", "--format", "concise")
    assert (done.code, done.out) == (1, "")
    snapshot("validate_concise.txt", done.err)


def test_json_goes_to_stdout_and_is_alone_there(modelspec, spec):
    spec(WRONG)
    done = modelspec("validate", "spec.yaml", "--format", "json")
    document = json.loads(done.out)
    assert (done.code, done.err) == (1, "")
    assert document["errors"] == len(document["diagnostics"]) > 1
    assert document["specs"] == [
        {"path": "spec.yaml", "valid": False, "layers": None, "parameters": None, "samples": None}
    ]


def test_json_of_a_valid_spec_says_its_size(modelspec, spec):
    spec(TWEETS)
    document = json.loads(modelspec("validate", "spec.yaml", "--format", "json").out)
    assert document["diagnostics"] == []
    assert document["specs"][0]["parameters"] == 817


def test_several_specs_are_each_checked(modelspec, spec):
    spec(TWEETS)
    spec(WRONG, "wrong.yaml")
    done = modelspec("validate", "wrong.yaml", "spec.yaml")
    assert done.code == 1
    assert done.out == "spec.yaml is valid: 4 layers, 817 parameters\n"
    assert "wrong.yaml:5:" in done.err


def test_a_spec_that_cannot_be_read_keeps_nothing_from_the_others(modelspec, spec):
    spec(WRONG)
    done = modelspec("validate", "none\x1b[31m.yaml", "spec.yaml", "nil", "--format", "concise")
    assert (done.code, done.out) == (4, "")
    first, *_, count, none, nil = done.err.splitlines()
    assert first.startswith("spec.yaml:")
    assert count == "2 errors"
    assert none == "error: cannot read none<U+001B>[31m.yaml: no such file or directory"
    assert nil == "error: cannot read nil: no such file or directory"


def test_a_warning_fails_a_strict_check_alone(modelspec, spec):
    spec(LINTED)
    lenient = modelspec("validate", "spec.yaml")
    assert lenient.code == 0
    assert "warning[unused-definition]" in lenient.err
    strict = modelspec("validate", "--strict", "spec.yaml")
    assert (strict.code, strict.out) == (1, "")


def test_a_spec_comes_from_stdin_too(modelspec):
    assert modelspec("validate", "-", stdin=TWEETS).out.startswith("<stdin> is valid")
    done = modelspec("validate", "-", stdin=WRONG)
    assert "<stdin>:5:" in done.err


def test_set_overrides_and_adds(modelspec, spec):
    spec(TWEETS)
    done = modelspec("validate", "spec.yaml", "--set", "shared.encoder.units=4",
                     "--set", "layers.same.use_bias=false")  # fmt: skip
    assert done.out == "spec.yaml is valid: 4 layers, 344 parameters\n"


def test_an_error_in_a_setting_shows_the_setting(modelspec, spec):
    spec(TWEETS)
    done = modelspec("validate", "spec.yaml", "--set", "shared.encoder.units=many")
    assert "--set:1:22" in done.err
    assert "1 | shared.encoder.units=many" in done.err


@pytest.mark.parametrize("setting", ["epochs", "layers.same.units.x=1", "train=[1"])
def test_a_bad_setting_is_wrong_usage(modelspec, spec, setting):
    spec(TWEETS)
    done = modelspec("validate", "spec.yaml", "--set", setting)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: --set ")


def test_a_file_elsewhere_is_opened_by_allow_path(modelspec, spec, tmp_path):
    outside = tmp_path / "outside"
    inside = tmp_path / "inside"
    outside.mkdir(), inside.mkdir()
    (outside / "part.yaml").write_text("inputs: {x: [4]}\nlayers: [{type: Dense, units: 2}]\n")
    (inside / "spec.yaml").write_text(
        "inputs: {x: [4]}\nlayers: [{file: ../outside/part.yaml}]\n"
    )  # fmt: skip
    import os

    os.chdir(inside)
    refused = modelspec("validate", "spec.yaml")
    assert refused.code == 1
    assert "outside-path" in refused.err
    assert modelspec("validate", "spec.yaml", "--allow-path", "../outside").code == 0


def test_the_data_is_held_against_the_spec_where_that_is_asked(modelspec, spec, tmp_path):
    spec("inputs: {x: [1]}\nlayers: {y: {type: Dense, units: 1}}\n"
         "outputs: {y: {loss: mse}}\ndata: rows.csv\n")  # fmt: skip
    (tmp_path / "rows.csv").write_text("x,y\n1,2\n3,4\n5,oops\n")
    assert modelspec("validate", "spec.yaml").code == 0
    wrong = modelspec("validate", "--data", "spec.yaml")
    assert wrong.code == 1
    assert "bad-cell" in wrong.err
    (tmp_path / "rows.csv").write_text("x,y\n1,2\n3,4\n")
    right = modelspec("validate", "--data", "spec.yaml")
    assert right.out == "spec.yaml is valid: 1 layer, 2 parameters, 2 samples\n"


def test_sarif_is_alone_on_stdout(modelspec, spec):
    spec(WRONG)
    done = modelspec("validate", "spec.yaml", "--format", "sarif")
    assert (done.code, done.err) == (1, "")
    assert len(json.loads(done.out)["runs"][0]["results"]) > 1
    spec(TWEETS)
    done = modelspec("validate", "spec.yaml", "--format", "sarif")
    assert (done.code, json.loads(done.out)["runs"][0]["results"]) == (0, [])


def test_github_commands_stand_on_stdout(modelspec, spec):
    spec(WRONG)
    done = modelspec("validate", "spec.yaml", "--format", "github")
    assert (done.code, done.err) == (1, "")
    assert done.out.startswith("::error file=spec.yaml,line=5,")
