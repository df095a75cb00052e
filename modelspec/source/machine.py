"""Diagnostics for other programs: JSON, GitHub's workflow commands, SARIF."""

from __future__ import annotations

from .codes import CODES
from .excerpt import safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from .diagnostics import Diagnostic, Edit, Label
    from .text import Span

    Json = dict[str, Any]

JSON_VERSION = 1  # of docs/diagnostics.schema.json
SARIF = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


# -- JSON --------------------------------------------------------------------------------------


def as_json(diagnostics: Iterable[Diagnostic]) -> str:
    """One JSON object that holds all of it; columns count code points from 1."""
    import json

    listed = list(diagnostics)
    return json.dumps(
        {
            "schema_version": JSON_VERSION,
            "errors": sum(one.severity == "error" for one in listed),
            "warnings": sum(one.severity == "warning" for one in listed),
            "diagnostics": [_as_dict(one) for one in listed],
        },
        indent=2,
    )


def _as_dict(diagnostic: Diagnostic) -> Json:
    fix = diagnostic.fix
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        **_place(diagnostic.span),
        "label": diagnostic.label.text if diagnostic.label is not None else "",
        "also": [{**_place(label.span), "label": label.text} for label in diagnostic.also],
        "notes": list(diagnostic.notes),
        "help": list(diagnostic.help),
        "fix": None if fix is None else {**_place(fix.span), "replacement": fix.replacement},
    }


def _place(span: Span | None) -> Json:
    if span is None:
        return dict.fromkeys(("path", "line", "column", "end_line", "end_column"))
    return {
        "path": span.source.path,
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
    }


# -- GitHub ------------------------------------------------------------------------------------


def github(diagnostic: Diagnostic) -> str:
    """A workflow command, which GitHub shows beside the line in a pull request."""
    properties = {}
    span = diagnostic.span
    if span is not None:
        properties["file"] = span.source.path
        properties["line"] = str(span.line)
        properties["endLine"] = str(span.end_line)
        if span.line == span.end_line:  # GitHub takes columns within one line alone
            properties["col"] = str(span.column)
            properties["endColumn"] = str(max(span.column, span.end_column - 1))
    properties["title"] = f"{diagnostic.severity}[{diagnostic.code}]"
    listed = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{diagnostic.severity} {listed}::{_data(_told(diagnostic))}"


def _told(diagnostic: Diagnostic) -> str:
    """Message, label, notes and help as one text."""
    label = diagnostic.label.text if diagnostic.label is not None else ""
    first = f"{diagnostic.message}: {label}" if label else diagnostic.message
    helps = (f"help: {text}" for text in diagnostic.help)
    lines = "\n".join([first, *diagnostic.notes, *helps]).split("\n")
    return "\n".join(map(safe, lines))


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(safe(text)).replace(":", "%3A").replace(",", "%2C")


# -- SARIF -------------------------------------------------------------------------------------


def sarif(diagnostics: Iterable[Diagnostic]) -> str:
    """A SARIF 2.1.0 log, with the rules that were broken and the certain fixes."""
    import json
    from importlib.metadata import version

    listed = list(diagnostics)
    rules = list(dict.fromkeys(one.code for one in listed))
    listed_rules = [_rule(code) for code in rules]
    driver = {"name": "modelspec", "version": version("modelspec-torch"), "rules": listed_rules}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(one, rules) for one in listed],
    }
    return json.dumps({"$schema": SARIF, "version": "2.1.0", "runs": [run]}, indent=2)


def _rule(code: str) -> Json:
    return {
        "id": code,
        "shortDescription": {"text": CODES[code]},
        "help": {"text": f"`modelspec explain {code}` says more."},
    }


def _result(diagnostic: Diagnostic, rules: list[str]) -> Json:
    result: Json = {
        "ruleId": diagnostic.code,
        "ruleIndex": rules.index(diagnostic.code),
        "level": diagnostic.severity,
        "message": {"text": _told(diagnostic)},
        "locations": [],
    }
    if diagnostic.label is not None:
        result["locations"] = [_location(diagnostic.label)]
    if diagnostic.also:
        related = [{"id": at, **_location(one)} for at, one in enumerate(diagnostic.also, 1)]
        result["relatedLocations"] = related
    if diagnostic.fix is not None:
        result["fixes"] = [_fix(diagnostic.fix)]
    return result


def _location(label: Label) -> Json:
    location: Json = {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(label.span.source.path)},
            "region": _region(label.span),
        }
    }
    if label.text:
        location["message"] = {"text": safe(label.text)}
    return location


def _fix(edit: Edit) -> Json:
    replacement = {
        "deletedRegion": _region(edit.span),
        "insertedContent": {"text": edit.replacement},
    }
    change = {
        "artifactLocation": {"uri": _uri(edit.span.source.path)},
        "replacements": [replacement],
    }
    return {"artifactChanges": [change]}


def _region(span: Span) -> Json:
    return {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }


def _uri(path: str) -> str:
    """A relative reference; an absolute path has the scheme that the standard asks for."""
    from urllib.parse import quote

    quoted = quote(path.replace("\\", "/"))
    return f"file://{quoted}" if quoted.startswith("/") else quoted
