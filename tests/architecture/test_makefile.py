"""`make` lists every target with a line on what it does."""

from __future__ import annotations

import re
import subprocess

from tests.architecture.package import ROOT

WANTED = {"train", "test", "check", "bench", "docs", "snapshots"}
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def declared() -> set[str]:
    return {
        name for line in re.findall(r"^\.PHONY: (.+)$", MAKEFILE, re.M) for name in line.split()
    }


def test_the_targets_of_the_project_exist():
    assert declared() >= WANTED


def test_every_target_has_a_description():
    described = dict(re.findall(r"^([a-z-]+):.*?## +(.+)$", MAKEFILE, re.M))
    assert set(described) == declared()
    assert len(set(described.values())) == len(described)


def test_make_alone_lists_every_target():
    out = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    listed = {line.split()[1] for line in out.splitlines() if line.startswith("  make ")}
    assert listed == declared()
