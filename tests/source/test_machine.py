"""Diagnostics for programs: each format is valid by its own rules, whatever stands in a spec."""

from __future__ import annotations

import json

import jsonschema
import pytest

from modelspec import __version__
from modelspec.compiler import compile
from modelspec.source.diagnostics import Diagnostic, Edit, Label, Rejected
from modelspec.source.explained import explanations
from modelspec.source.machine import as_json, github, sarif
from modelspec.source.text import Source, Span
from tests.conftest import ROOT

SCHEMA = json.loads((ROOT / "docs" / "diagnostics.schema.json").read_text())
SOURCE = Source("a b,c:%.yaml", "layers: [{unit: 4}]\nnext: 日本\n")


def at(line: int, column: int, stop: int, last: int | None = None) -> Span:
    return Span(SOURCE, line, column, last or line, stop)


MANY = [
    Diagnostic(
        "unknown-key",
        "50% of\nit",
        Label(at(1, 11, 15), "unknown"),
        also=(Label(at(2, 1, 5), "defined here"),),
        notes=("a note",),
        help=("did you mean `units`?",),
        fix=Edit(at(1, 11, 15), "units"),
    ),
    Diagnostic("unused-input", "the rule", Label(at(1, 1, 3, 2)), severity="warning"),
    Diagnostic("no-output", "a graph has\x1b[31m outputs\u202e"),
]


@pytest.fixture(scope="module")
def real() -> list[Diagnostic]:
    """A diagnostic of each kind that a spec alone can show."""
    found: list[Diagnostic] = []
    for explained in explanations().values():
        if explained.wrong:
            try:
                found += compile(Source("a b.yaml", explained.wrong[""])).warnings
            except Rejected as refused:
                found += refused.diagnostics
    assert len(found) > 50
    return found


def test_json_is_what_the_published_schema_says(real):
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for listed in ([], MANY, real):
        jsonschema.validate(json.loads(as_json(listed)), SCHEMA)


@pytest.mark.parametrize("gone", ["schema_version", "diagnostics"])
def test_the_schema_refuses_what_is_not_there(gone):
    document = json.loads(as_json(MANY))
    del document[gone]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, SCHEMA)


def test_the_schema_refuses_what_it_does_not_know():
    document = json.loads(as_json(MANY))
    document["diagnostics"][0]["more"] = 1
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, SCHEMA)


def test_github_commands_are_a_line_each_with_everything_escaped():
    assert [github(one) for one in MANY] == [
        "::error file=a b%2Cc%3A%25.yaml,line=1,endLine=1,col=11,endColumn=14,"
        "title=error[unknown-key]::50%25 of%0Ait: unknown%0Aa note%0Ahelp: did you mean `units`?",
        "::warning file=a b%2Cc%3A%25.yaml,line=1,endLine=2,title=warning[unused-input]::the rule",
        "::error title=error[no-output]::a graph has<U+001B>[31m outputs<U+202E>",
    ]


def test_sarif_holds_what_a_result_is_made_of():
    (run,) = json.loads(sarif(MANY))["runs"]
    first, second, third = run["results"]
    assert run["tool"]["driver"]["version"] == __version__
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == [
        "unknown-key", "unused-input", "no-output",
    ]  # fmt: skip
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "a%20b%2Cc%3A%25.yaml"
    assert place["region"] == {"startLine": 1, "startColumn": 11, "endLine": 1, "endColumn": 15}
    (change,) = first["fixes"][0]["artifactChanges"]
    assert change["replacements"][0]["insertedContent"] == {"text": "units"}
    assert (second["level"], third["locations"]) == ("warning", [])


# What the standard's own schema asks of the parts of it that are written here.
TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}},
        "additionalProperties": False}  # fmt: skip
LINE = {"type": "integer", "minimum": 1}


def closed(required: list[str], **properties: object) -> dict[str, object]:
    return {"type": "object", "required": required, "properties": properties,
            "additionalProperties": False}  # fmt: skip


REGION = closed(["startLine"], startLine=LINE, startColumn=LINE, endLine=LINE, endColumn=LINE)
ARTIFACT = closed(["uri"], uri={"type": "string", "pattern": "^[A-Za-z0-9._~/%-]*$"})
LOCATION = closed(
    ["physicalLocation"],
    id={"type": "integer", "minimum": -1},
    physicalLocation=closed(["artifactLocation"], artifactLocation=ARTIFACT, region=REGION),
    message=TEXT,
)
FIX = closed(
    ["artifactChanges"],
    artifactChanges={
        "type": "array",
        "minItems": 1,
        "items": closed(
            ["artifactLocation", "replacements"],
            artifactLocation=ARTIFACT,
            replacements={
                "type": "array",
                "minItems": 1,
                "items": closed(["deletedRegion"], deletedRegion=REGION, insertedContent=TEXT),
            },
        ),
    },
)
RESULT = closed(
    ["message"],
    ruleId={"type": "string"},
    ruleIndex={"type": "integer", "minimum": 0},
    level={"enum": ["none", "note", "warning", "error"]},
    message=TEXT,
    locations={"type": "array", "items": LOCATION},
    relatedLocations={"type": "array", "items": LOCATION, "uniqueItems": True},
    fixes={"type": "array", "items": FIX, "uniqueItems": True},
)
RULE = closed(["id"], id={"type": "string"}, shortDescription=TEXT, help=TEXT)
DRIVER = closed(
    ["name"],
    name={"type": "string"},
    version={"type": "string"},
    rules={"type": "array", "items": RULE, "uniqueItems": True},
)
RUN = closed(
    ["tool"],
    tool=closed(["driver"], driver=DRIVER),
    columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
    results={"type": "array", "items": RESULT},
)
LOG = closed(["version", "runs"], version={"const": "2.1.0"}, runs={"type": "array", "items": RUN},
             **{"$schema": {"type": "string"}})  # fmt: skip


def test_sarif_has_the_form_of_the_standard(real):
    for listed in ([], MANY, real):
        log = json.loads(sarif(listed))
        jsonschema.validate(log, LOG)
        rules = log["runs"][0]["tool"]["driver"]["rules"]
        for result in log["runs"][0]["results"]:
            assert rules[result["ruleIndex"]]["id"] == result["ruleId"]


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("specs/a b.yaml", "specs/a%20b.yaml"),
        ("/home/me/日.yaml", "file:///home/me/%E6%97%A5.yaml"),
        ("<stdin>", "%3Cstdin%3E"),
    ],
)
def test_a_path_in_sarif_is_a_reference_that_may_stand_alone(path, uri):
    span = Span(Source(path, "a: 1\n"), 1, 1, 1, 2)
    (run,) = json.loads(sarif([Diagnostic("unknown-key", "m", Label(span), fix=Edit(span, "b"))]))[
        "runs"
    ]
    (result,) = run["results"]
    place = result["locations"][0]["physicalLocation"]["artifactLocation"]
    (change,) = result["fixes"][0]["artifactChanges"]
    assert place["uri"] == change["artifactLocation"]["uri"] == uri
