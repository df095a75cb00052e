"""Texts that coverage led to, and those that once broke something, give diagnostics alone."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import ROOT, cli_environment
from tests.fuzz.damage import quickly, sparingly
from tests.fuzz.text import FOUND, LONGEST

TEXTS = sorted(FOUND.glob("*"))


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_a_found_text_gives_diagnostics_alone(path):
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    assert len(text) <= LONGEST
    quickly(text)
    sparingly(text)


def test_coverage_leads_on_for_a_few_seconds():
    pytest.importorskip("atheris")
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.text", "-max_total_time=5"],
        cwd=ROOT,
        env=cli_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
