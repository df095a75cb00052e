from __future__ import annotations

import json

from modelspec.source.diagnostics import Diagnostic, Edit, Label
from modelspec.source.render import as_json, concise, full, render_all
from modelspec.source.text import Source, Span

SPEC = Source("spec.yaml", """\
layers:

  flat: {type: Flatten}
  conv: {type: Conv2D, filters: 32, kernel_size: 3}
""")  # fmt: skip


def at(line: int, start: int, stop: int, source: Source = SPEC) -> Span:
    return Span(source, line, start, line, stop)


def shown(*labels: tuple[Span, str], width: int = 80, **rest) -> str:
    first, *others = (Label(*label) for label in labels)
    diagnostic = Diagnostic("wrong-rank", "the rule", first, also=tuple(others), **rest)
    return full(diagnostic, color=False, width=width)


def under(*labels: tuple[Span, str], width: int = 80) -> list[str]:
    """The excerpt without the two lines above it."""
    return shown(*labels, width=width).splitlines()[3:]


RANK = Diagnostic(
    "wrong-rank",
    "`Conv2D` takes (height, width, channels)",
    Label(at(4, 10, 22), "given (784)"),
    also=(Label(at(3, 10, 23), "`flat` is (784)"),),
    notes=("a note",),
    help=("move `conv` above `flat`,\nor do not",),
)


def test_an_error_shows_its_place_and_the_place_it_conflicts_with():
    assert (
        full(RANK, color=False, width=80)
        == """\
error[wrong-rank]: `Conv2D` takes (height, width, channels)
 --> spec.yaml:4:10
  |
4 |   conv: {type: Conv2D, filters: 32, kernel_size: 3}
  |          ^^^^^^^^^^^^ given (784)
 ::: spec.yaml:3:10
  |
3 |   flat: {type: Flatten}
  |          ------------- `flat` is (784)
  = note: a note
  = help: move `conv` above `flat`,
          or do not"""
    )


def test_line_numbers_of_different_length_share_a_gutter():
    source = Source("s", "\n" * 99 + "long: x\n")
    assert (
        shown((at(100, 1, 5, source), "x"), (at(4, 3, 7), ""))
        == """\
error[wrong-rank]: the rule
   --> s:100:1
    |
100 | long: x
    | ^^^^ x
   ::: spec.yaml:4:3
    |
  4 |   conv: {type: Conv2D, filters: 32, kernel_size: 3}
    |   ----"""
    )


def test_labels_on_one_line_share_one_excerpt():
    places = (at(4, 37, 51), "primary"), (at(4, 3, 7), "the entry"), (at(4, 24, 35), "filters")
    assert under(*places) == [
        "4 |   conv: {type: Conv2D, filters: 32, kernel_size: 3}",
        "  |   ----                 -----------  ^^^^^^^^^^^^^^ primary",
        "  |   |                    |",
        "  |   |                    filters",
        "  |   the entry",
    ]


def test_labels_that_overlap_have_a_row_each():
    assert under((at(4, 16, 22), "inner"), (at(4, 9, 52), "outer")) == [
        "4 |   conv: {type: Conv2D, filters: 32, kernel_size: 3}",
        "  |                ^^^^^^ inner",
        "  |         ------------------------------------------- outer",
    ]


def test_a_place_over_several_lines_is_marked_to_the_end_of_its_first():
    span = Span(SPEC, 3, 3, 4, 52)
    assert under((span, "all of it")) == [
        "3 |   flat: {type: Flatten}",
        "  |   ^^^^^^^^^^^^^^^^^^^^^ all of it",
    ]


def test_an_empty_place_has_one_mark():
    assert under((at(1, 8, 8), "here"))[1] == "  |        ^ here"
    assert under((at(2, 1, 1), "")) == ["2 |", "  | ^"]
    assert under((at(99, 1, 1), "past the end")) == ["99 |", "   | ^ past the end"]


def test_wide_characters_and_tabs_keep_marks_in_place():
    source = Source("s", "日本: {a: é}\tx\n")
    assert under((at(1, 6, 7, source), "a"), (at(1, 12, 13, source), "x")) == [
        "1 | 日本: {a: é}    x",
        "  |        ^        - x",
        "  |        |",
        "  |        a",
    ]


def test_combining_characters_take_no_room():
    source = Source("s", "e\u0301: x\n")
    assert under((at(1, 5, 6, source), ""))[1] == "  |    ^"


def test_nothing_in_a_spec_reaches_the_terminal_as_a_command():
    source = Source("\x1b]0;.yaml", "a: \u202e\x1b[31m\u200bx\n")
    diagnostic = Diagnostic(
        "unknown-key", "no \x1b[0m", Label(at(1, 4, 5, source), "l\x07"), help=("h\u202e",)
    )
    text = full(diagnostic, color=False, width=80)
    assert (
        text
        == """\
error[unknown-key]: no <U+001B>[0m
 --> <U+001B>]0;.yaml:1:4
  |
1 | a: <U+202E><U+001B>[31m<U+200B>x
  |    ^^^^^^^^ l<U+0007>
  = help: h<U+202E>"""
    )
    assert concise(diagnostic) == "<U+001B>]0;.yaml:1:4: error[unknown-key] no <U+001B>[0m"


def test_a_long_line_is_cut_around_its_mark():
    source = Source("s", ", ".join(f"key_{i}: {i}" for i in range(40)))
    start = source.text.index("key_20") + 1
    [line, marks] = under((at(1, start, start + 6, source), "here"), width=50)
    assert line == "1 | ... key_19: 19, key_20: 20, key_21: 21, key..."
    assert marks.index("^") == line.index("key_20")
    assert len(line) <= 50


def test_a_mark_that_is_cut_off_stands_under_the_dots():
    source = Source("s", "a" * 300)
    assert under((at(1, 290, 295, source), "far"), (at(1, 1, 3, source), "first"), width=40) == [
        "1 | ..." + "a" * 30,
        "  | ---                   ^^^^^ far",
        "  | |",
        "  | first",
    ]


def test_a_line_of_a_million_characters_costs_little():
    import time

    source = Source("s", "x" * 4_000_000)
    begin = time.perf_counter()
    for column in (1, 2_000_000, 4_000_000):
        text = shown((at(1, column, column + 3, source), "here"))
        assert max(map(len, text.splitlines())) <= 100
    assert time.perf_counter() - begin < 1.0


def test_colours_are_ansi_codes_around_the_same_text():
    import re

    coloured = full(RANK, color=True, width=80)
    assert coloured.startswith("\x1b[1;31merror[wrong-rank]\x1b[0m\x1b[1m: `Conv2D`")
    assert re.sub("\x1b\\[[0-9;]*m", "", coloured) == full(RANK, color=False, width=80)


def test_a_diagnostic_without_a_place_is_its_message_and_help():
    diagnostic = Diagnostic("no-output", "a spec has outputs", help=("add `outputs`",))
    assert full(diagnostic, color=False, width=80) == (
        "error[no-output]: a spec has outputs\n  = help: add `outputs`"
    )
    assert concise(diagnostic) == "error[no-output] a spec has outputs"


def test_a_list_of_diagnostics_ends_with_their_number():
    warning = Diagnostic("unused-input", "w", Label(at(1, 1, 7)), severity="warning")
    assert (
        render_all([RANK, RANK, warning], "concise", False, 80)
        == """\
spec.yaml:4:10: error[wrong-rank] `Conv2D` takes (height, width, channels)
spec.yaml:4:10: error[wrong-rank] `Conv2D` takes (height, width, channels)
spec.yaml:1:1: warning[unused-input] w
2 errors, 1 warning"""
    )
    assert render_all([warning], "full", False, 80).endswith("\n\n1 warning")
    assert render_all([], "full", False, 80) == ""


def test_json_holds_all_of_it():
    span = at(3, 3, 7)
    diagnostic = Diagnostic(
        "unknown-key", "m", Label(span, "l"), also=(Label(at(1, 1, 7), "x"),), notes=("n",),
        help=("h",), fix=Edit(span, "y"),
    )  # fmt: skip
    place = {"path": "spec.yaml", "line": 3, "column": 3, "end_line": 3, "end_column": 7}
    other = {"path": "spec.yaml", "line": 1, "column": 1, "end_line": 1, "end_column": 7}
    expected = {
        "code": "unknown-key", "severity": "error", "message": "m", **place, "label": "l",
        "also": [{**other, "label": "x"}], "notes": ["n"], "help": ["h"],
        "fix": {**place, "replacement": "y"},
    }  # fmt: skip
    assert json.loads(as_json([diagnostic])) == {
        "schema_version": 1, "errors": 1, "warnings": 0, "diagnostics": [expected],
    }  # fmt: skip
    assert json.loads(render_all([], "json", False, 80))["diagnostics"] == []
