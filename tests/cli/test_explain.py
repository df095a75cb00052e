"""`modelspec explain`: every code is explained, and each example shows exactly its code."""

from __future__ import annotations

import pytest

from modelspec import check
from modelspec.cli.validate import count_samples
from modelspec.source.codes import CODES
from modelspec.source.diagnostics import Rejected
from modelspec.source.explained import explanations
from tests.conftest import ROOT

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


#: Links to pages that are gone would only be found by those who follow them.
PAGES = ROOT / "docs" / "reference"


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


def test_at_least_sixty_codes_are_explained_with_a_spec(figure):
    figure(f"codes explained: {len(EXPLAINED)}; with a spec, and that spec mended: {len(SHOWN)}")
    assert len(EXPLAINED) >= 84
    assert len(SHOWN) >= 73


def test_every_code_has_a_page_of_its_own_that_the_list_leads_to():
    listed = (PAGES / "errors.md").read_text(encoding="utf-8")
    pages = {path.stem for path in (PAGES / "errors").glob("*.md")}
    assert pages == set(CODES)
    for code, explained in EXPLAINED.items():
        assert f"[`{code}`](errors/{code}.md)" in listed
        assert explained.text in (PAGES / "errors" / f"{code}.md").read_text(encoding="utf-8")
