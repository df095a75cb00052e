"""The chapters in this folder: every ```yaml block is compiled, and the ```text block after it
holds what comes of it, the steps with their shapes or the errors.

A yaml block with a file name (```yaml vqa.yaml) is a file that later blocks may name; one without
a text block after it only is that file. `make snapshots` writes the text blocks anew.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from modelspec.compiler import compile
from modelspec.language.shapes import show
from modelspec.model.graph import Graph, Program
from modelspec.model.lints import room
from modelspec.source.codes import CODES
from modelspec.source.diagnostics import Rejected
from modelspec.source.render import render_all
from modelspec.source.text import Source
from tests.conftest import ROOT

CHAPTERS = sorted(Path(__file__).parent.glob("*.md"))
EXAMPLE = re.compile(
    r"^```yaml(?P<file> \S+)?\n(?P<spec>.*?)^```\n"
    r"(?P<held>\n```text\n(?P<outcome>.*?)^```\n)?",
    re.MULTILINE | re.DOTALL,
)
#: Where the compiler's errors about the language are made.
COMPILER = [ROOT / "modelspec" / floor for floor in ("language", "catalog", "model")]


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_each_example_comes_out_as_the_chapter_says(
    chapter: Path,
    request: pytest.FixtureRequest,
    snapshot: Callable[[str, str], None],  # by it `make snapshots` finds this test
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(room, "physical_memory", lambda: 64 << 30)
    written = chapter.read_text(encoding="utf-8")
    now = EXAMPLE.sub(example, written)
    if request.config.getoption("--update-snapshots"):
        chapter.write_text(now, encoding="utf-8")
        return
    diff = difflib.unified_diff(written.splitlines(), now.splitlines(), chapter.name, "now")
    assert now == written, "\n".join(["`make snapshots` accepts this change", *diff])


def test_the_chapters_show_every_error_of_the_compiler() -> None:
    shown = "".join(chapter.read_text(encoding="utf-8") for chapter in CHAPTERS)
    made = "".join(
        path.read_text(encoding="utf-8") for floor in COMPILER for path in floor.rglob("*.py")
    )
    assert [code for code in CODES if f'"{code}"' in made and f"[{code}]" not in shown] == []


def example(match: re.Match[str]) -> str:
    """The example as it stands, with the outcome that it has now."""
    file = (match["file"] or " spec.yaml").strip()
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    Path(file).write_text(match["spec"], encoding="utf-8")
    if match["held"] is None:
        return match[0]
    head = match[0].removesuffix(match["held"])
    return f"{head}\n```text\n{outcome(file)}\n```\n"


def outcome(file: str) -> str:
    try:
        graph = compile(Source.read(file))
    except Rejected as rejected:
        return render_all(rejected.diagnostics, "full", width=100)
    parts = [listing(graph), render_all(graph.warnings, "full", width=100)]
    return "\n\n".join(part for part in parts if part)


def listing(graph: Graph) -> str:
    """A line a step: its name, its layer and node, what it is called on and gives, its weights."""
    rows = list(lines(graph, graph.program, ""))
    widths = [max(len(row[at]) for row in rows) for at in range(4)]
    table = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=False)) for row in rows]
    return "\n".join(
        [
            *(f"{row}  {cells[4]}".rstrip() for row, cells in zip(table, rows, strict=True)),
            f"outputs: {', '.join(graph.program.outputs)}; parameters: {graph.parameters:,}",
        ]
    )


def lines(graph: Graph, program: Program, indent: str) -> list[tuple[str, ...]]:
    rows = []
    for step in program.steps:
        owner = graph.owners.get(step.definition.path)
        count = f"{owner.count:,}" if owner and step.node == 0 else ""
        if owner and step.node:
            count = f"weights of {owner.path}"
        given = ", ".join(
            f"{program.tensors[id].name} {show(program.tensors[id].shape or ())}"
            for id in step.reads()
        )
        made = ", ".join(show(program.tensors[id].shape or ()) for id in step.outputs)
        rows.append((indent + step.name, step.layer.title(), given, f"-> {made}", count))
        if step.body is not None:
            rows += lines(graph, step.body, indent + "  ")
    return rows
