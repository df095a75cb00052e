"""What people get wrong, and whether the answer finds it: the place, the mend, and nothing more."""

from __future__ import annotations

import itertools

import pytest

from modelspec.compiler import compile
from modelspec.source.diagnostics import Diagnostic, Rejected
from modelspec.source.text import Source
from tests.conftest import ROOT
from tests.mistakes.table import MISTAKES, Mistake

#: What cannot be asked of a text that is no YAML, of a tensor that was never made, ...
SYNTAX = {"syntax", "unclosed-bracket", "duplicate-key", "needs-quotes"}
ON_SHAPES = {"wrong-rank", "shapes-differ", "loss-misfit", "ambiguous-name", "needs-from"}

#: What one mistake hides of another, on a line of its own.
HIDDEN = {
    ("type: LTSM", "from: [encoder@1, encoder@2]"): "no layer, so no nodes to count",
    ("MultiheadAttention", 'heads: "${heads}"'): "no layer, so no arguments that it takes",
}


@pytest.fixture(autouse=True)
def beside_the_specs(monkeypatch):
    monkeypatch.chdir(ROOT / "specs")


def errors(name: str, text: str) -> list[Diagnostic]:
    try:
        compile(Source(f"{name}.yaml", text))
    except Rejected as rejected:
        return [one for one in rejected.diagnostics if one.severity == "error"]
    return []


def is_placed(mistake: Mistake, found: list[Diagnostic]) -> bool:
    """Whether there is an error, and the place of each is the line at fault."""
    return {one.span.line for one in found} == {mistake.line}


def is_mended(mistake: Mistake, found: list[Diagnostic]) -> bool:
    """Whether a help line, or a certain fix, holds what is right."""
    fixes = [one.fix.replacement for one in found if one.fix is not None]
    helps = [text for one in found for text in one.help]
    return mistake.mend.strip("`") in fixes or any(mistake.mend in text for text in helps)


def test_a_hundred_mistakes_are_placed_and_mended(figure):
    assert len(MISTAKES) == len(set(MISTAKES)) == 100
    found = [(mistake, errors(mistake.spec, mistake.text)) for mistake in MISTAKES]
    placed = sum(is_placed(*one) for one in found)
    mended = sum(is_mended(*one) for one in found)
    figure(f"100 mistakes: right line {placed}, right fix suggested {mended}, tracebacks 0")
    assert placed >= 98
    assert mended >= 85


def test_thirty_faults_are_thirty_errors_in_order():
    text = (ROOT / "tests/mistakes/thirty.yaml").read_text(encoding="utf-8")
    faults = [n for n, line in enumerate(text.split("\n"), 1) for _ in range(line.count("#!"))]
    found = errors("thirty", text)
    assert [one.span.line for one in found] == faults
    assert len(found) == 30


def place(mistake: Mistake) -> tuple[int, int]:
    right = (ROOT / "specs" / f"{mistake.spec}.yaml").read_text(encoding="utf-8")
    start = right.index(mistake.was)
    return start, start + len(mistake.was)


def both(one: Mistake, other: Mistake) -> str | None:
    """The spec with two mistakes in it; None where they are at the same place."""
    (first, (begin, stop)), (last, (again, end)) = sorted(
        ((mistake, place(mistake)) for mistake in (one, other)), key=lambda pair: pair[1]
    )
    if stop > again:
        return None
    right = (ROOT / "specs" / f"{one.spec}.yaml").read_text(encoding="utf-8")
    return right[:begin] + first.now + right[stop:again] + last.now + right[end:]


def test_two_mistakes_give_the_errors_of_both_and_no_more(figure):
    alone = {
        mistake: {(one.code, one.span.line) for one in errors(mistake.spec, mistake.text)}
        for mistake in MISTAKES
    }
    pairs, faults = 0, []
    for one, other in itertools.combinations(MISTAKES, 2):
        wanted = alone[one] | alone[other]
        text = both(one, other) if one.spec == other.spec else None
        if text is None or SYNTAX & {code for code, _ in wanted}:
            continue
        pairs += 1
        found = {(error.code, error.span.line) for error in errors(one.spec, text)}
        lines = [{line for _, line in alone[mistake]} for mistake in (one, other)]
        hidden = {
            (code, line)
            for code, line in wanted - found
            if code not in ON_SHAPES and lines[0] != lines[1] and (one.now, other.now) not in HIDDEN
        }
        if found - wanted or hidden:
            faults.append((one.now, other.now, found - wanted, hidden))
    figure(f"{pairs} pairs of mistakes: no error too many, none lost")
    assert faults == []
    assert pairs > 300
