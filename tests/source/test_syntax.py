"""libyaml's errors in our words: `snapshots/syntax.txt` shows each in full."""

from __future__ import annotations

import pytest

from tests.source.reading import codes, message, refused

CASES = {
    "a bracket is never closed": "a: [1, 2\nb: 3\n",
    "a brace is never closed": "layers:\n  d: {type: Dense, units: 3\n  e: {type: ReLU}\n",
    "the text ends in brackets": "a: {b: [1, 2\n",
    "the wrong bracket closes": "a: [b, c: {d: 1]\n",
    "a comma is missing": "a: {b: 1 c: 2}\n",
    "a second colon in brackets": "a: {b: c: d}\n",
    "a second colon in brackets on another line": "a: [\n  b,\n  c: d: e\n]\n",
    "a bracket too many": "a: [1,\n2\n]]\n",
    "a bracket from nowhere": "a: ]\n",
    "a second colon": "name: Tweets: who wrote them?\n",
    "an entry indented too deep": "a: 1\n b: 2\n",
    "an entry between two columns": "a:\n  b: 1\n c: 2\n",
    "a list entry between two columns": "a:\n  - b\n - c\n",
    "no space after the first colon": "a:1\nb: 2\n",
    "no space after a colon": "a: 1\nb:2\nc: 3\n",
    "no space after a colon in braces": "d: {type: Dense, units:32}\n",
    "no colon": "inputs\n  x: [3]\n",
    "no colon on a later line": "a:\n  b: 1\n  c\n  d: 2\n",
    "no colon between two words": "a:\n  type Dense\n  d: 2\n",
    "an equals sign for a colon": "inputs = {x: [3]}\n",
    "a wide colon": "inputs\uff1a {x: [3]}\n",
    "no space behind a dash": "layers:\n  -{type: Dense, units: 3}\n",
    "a list on the line of its key": "a: - b\n",
    "a list entry in a mapping": "a: 1\n- b\n",
    "a mapping entry in a list": "- a\nb: 1\n",
    "a tab before a key": "a:\n\tb: 1\n",
    "a tab behind spaces": "b:\n  c: 1\n  \td: 2\n",
    "a tab at the start": "\ta: 1\n",
    "a quote is never closed": "a: 'x\nb: 2\n",
    "text behind a quote": 'a: "x" y\n',
    "an unknown escape": 'path: "C:\\quick"\n',
    "half an escape": 'a: "\\u12"\n',
    "an at sign": "a: @x y # c\n",
    "a percent sign": "a: [%x, y]\n",
    "a backtick": "a: `x`\n",
    "a glob": "data: {train: *.csv}\n",
    "a question mark": "a: ? b\n",
    "a greater-than sign": "a: > 3\n",
    "a parameter in brackets": "z: {f: ${a * 2}, g: 1}\n",
    "a parameter in a list": "z: [${a}, 3]\n",
    "another YAML": "%YAML 3.0\n---\na: 1\n",
}


def test_syntax_errors_say_what_to_do(snapshot):
    shown = [f"# {name}\n\n{message(text)}" for name, text in CASES.items()]
    snapshot("syntax.txt", "\n".join(shown))


@pytest.mark.parametrize(("text", "code", "line", "column"), [
    ("a: [1, 2\nb: 3\n", "unclosed-bracket", 1, 9),
    ("a: {b: 1\n\n\n", "unclosed-bracket", 1, 9),
    ("a: 1\n b: 2\n", "bad-indent", 2, 2),
    ("a:\n\tb: 1\n", "tab-indent", 2, 1),
    ("a: 'x\nb: 2\n", "unclosed-quote", 1, 4),
    ("a: @x\n", "needs-quotes", 1, 4),
    ("z: [${a}]\n", "needs-quotes", 1, 5),
    ("a: b: c\n", "syntax", 1, 5),
])  # fmt: skip
def test_a_syntax_error_has_a_code_and_a_place(text, code, line, column):
    [diagnostic] = refused(text)
    assert (diagnostic.code, diagnostic.span.line, diagnostic.span.column) == (code, line, column)


@pytest.mark.parametrize(("text", "mended"), [
    ("z: [${a}, 3]\n", 'z: ["${a}", 3]\n'),
    ("a: @x y # c\n", 'a: "@x y" # c\n'),
    ("a:\n\tb: 1\n", "a:\n  b: 1\n"),
    ("d: {type: Dense units: 3}\n", "d: {type: Dense, units: 3}\n"),
    ("d: {units:32}\n", "d: {units: 32}\n"),
])  # fmt: skip
def test_a_certain_fix_mends_the_text(text, mended):
    [diagnostic] = refused(text)
    span = diagnostic.fix.span
    lines = text.split("\n")
    line = lines[span.line - 1]
    lines[span.line - 1] = (
        line[: span.column - 1] + diagnostic.fix.replacement + line[span.end_column - 1 :]
    )
    assert "\n".join(lines) == mended


@pytest.mark.parametrize(
    "text",
    [
        *CASES.values(),
        "@",
        "a: &",
        "a: *",
        "a: !",
        "a: |x\n b",
        "]",
        "%",
        'a: "\\',
        "\t",
        "-\t-\t[",
        ": ",
        "? ",
        "? - a\n-",
        "a: 'b",
        "{",
        "[,]",
        "{,}",
        "a: |9\n",
        "#\n\t",
    ],
)
def test_pythons_own_parser_gives_no_traceback_either(text, monkeypatch):
    from modelspec.source import events

    with_libyaml = codes(text) if text in CASES.values() else None
    monkeypatch.setattr(events, "parser_class", events._pure_parser_class)
    try:
        found = codes(text)
    except AssertionError:  # not refused
        found = []
    assert with_libyaml is None or found
