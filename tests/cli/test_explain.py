"""`modelspec explain`: every code is explained, and each example shows exactly its code."""

from __future__ import annotations

import pytest

from modelspec import check
from modelspec.cli.validate import count_samples
from modelspec.source.codes import CODES
from modelspec.source.diagnostics import Rejected
from modelspec.source.explained import explanations

EXPLAINED = explanations()

#: Codes that no text of a spec can show, and why.
WITHOUT_A_SPEC = {
    "not-utf8": "its bytes are no text",
    "control-character": "its character is invisible in a page",
    "not-trainable": "only training asks for a loss",
    "not-adapted": "only building asks for what training learns",
    "bad-weights": "a file of weights is binary",
    "not-keras": "`import` reads no spec",
    "keras-object": "`import` reads no spec",
    "bad-archive": "`import` reads no spec",
    "weights-left": "`import` reads no spec",
    "needs-extra": "it depends on what is installed",
    "cannot-export": "the spec is fine; only the other format is not",
}
SHOWN = [code for code, explained in EXPLAINED.items() if explained.wrong]


def found(files: dict[str, str], folder) -> list[str]:
    """The codes that a spec and its files give; its data is read where it comes with some."""
    for name, text in files.items():
        (folder / (name or "spec.yaml")).write_text(text, encoding="utf-8")
    try:
        graph = check("spec.yaml")
        if any(name.endswith((".csv", ".jsonl")) for name in files):
            count_samples(graph)
    except Rejected as rejected:
        return [one.code for one in rejected.diagnostics]
    return [one.code for one in graph.warnings]


def test_every_code_is_explained_and_no_other():
    assert list(EXPLAINED) == [c for c in EXPLAINED if c in CODES]
    assert sorted(CODES.keys() - EXPLAINED.keys()) == []
    assert set(EXPLAINED) - set(SHOWN) == set(WITHOUT_A_SPEC)


@pytest.mark.parametrize("code", SHOWN)
def test_the_example_has_this_fault_alone_and_the_mended_one_none(code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert set(found(EXPLAINED[code].wrong, tmp_path)) == {code}
    assert EXPLAINED[code].mended != EXPLAINED[code].wrong
    assert found(EXPLAINED[code].mended, tmp_path) == []
