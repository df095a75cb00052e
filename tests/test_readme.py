"""The README's spec is valid, its error is what the screen shows, its files exist."""

from __future__ import annotations

import re
from pathlib import Path

import modelspec
from modelspec.source.diagnostics import Rejected
from modelspec.source.render import render_all

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
SPEC = re.search(r"```yaml\n(.*?)```", README, re.S).group(1)  # type: ignore[union-attr]


def test_the_spec_of_the_readme_is_valid(tmp_path):
    (tmp_path / "tweets.yaml").write_text(SPEC)
    graph = modelspec.check(tmp_path / "tweets.yaml")
    assert graph.parameters == 82_305
    assert graph.warnings == []


def test_the_error_of_the_readme_is_what_the_screen_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    wrong = SPEC.replace("from: [encoded_a, encoded_b]", "from: encoder")
    Path("tweets.yaml").write_text(wrong.replace("sigmoid", "sigmod"))
    try:
        modelspec.check("tweets.yaml")
    except Rejected as rejected:
        shown = render_all(rejected.diagnostics, "full")
    expected = re.search(r"\$ modelspec validate tweets.yaml\n(.*?)```", README, re.S)
    assert shown.strip() == expected.group(1).strip()  # type: ignore[union-attr]


def test_the_files_and_commands_that_the_readme_names_exist():
    for folder in re.findall(r"`(modelspec/\w+/)`", README):
        assert (ROOT / folder).is_dir(), folder
    commands = set(re.findall(r"^modelspec (\w+)", README, re.M)) - {"is"}
    assert commands <= {path.stem.rstrip("_") for path in (ROOT / "modelspec/cli").glob("*.py")}
