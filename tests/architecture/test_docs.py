"""The reference pages in docs/ are what the catalogue says today."""

from __future__ import annotations

import pytest

from tests.architecture.package import ROOT, report

FOLDER = ROOT / "docs" / "reference"


@pytest.mark.skipif(not FOLDER.exists(), reason="no docs/reference yet; `make docs` makes it")
def test_the_reference_pages_are_those_of_the_catalogue():
    from tools.make_docs import pages

    made = pages()
    kept = {
        path.relative_to(FOLDER).as_posix(): path.read_text(encoding="utf-8")
        for path in FOLDER.rglob("*.md")
    }
    stale = sorted(n for n in made.keys() | kept.keys() if made.get(n) != kept.get(n))
    assert not stale, report("run `make docs` and commit these:", stale)
