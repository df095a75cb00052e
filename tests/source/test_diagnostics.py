from __future__ import annotations

import pytest

from modelspec.source.codes import CODES
from modelspec.source.diagnostics import Diagnostic, Label, Rejected, Report, Unreadable
from modelspec.source.text import Source, Span

SOURCE = Source("a.yaml", "one\ntwo\n")


def at(line: int, column: int = 1, source: Source = SOURCE) -> Span:
    return Span(source, line, column, line, column + 1)


def warning(code: str, message: str, span: Span) -> Diagnostic:
    return Diagnostic(code, message, Label(span), severity="warning")


def test_nothing_is_raised_without_an_error():
    report = Report()
    report.add([warning("unused-input", "an input is read", at(1))])
    assert not report.failed
    report.raise_if_errors()


def test_errors_are_raised_with_the_warnings_each_once_and_in_order():
    report = Report()
    report.error("unknown-key", "second", at(2))
    report.add([warning("unused-input", "warned", at(1, 3))])
    report.error("unknown-key", "first", at(1))
    report.error("unknown-key", "first", at(1))
    report.error("no-output", "placeless")
    with pytest.raises(Rejected) as caught:
        report.raise_if_errors()
    messages = [one.message for one in caught.value.diagnostics]
    assert messages == ["first", "warned", "second", "placeless"]


def test_files_come_in_the_order_they_first_came_up():
    other = Source("0.yaml", "x")
    report = Report()
    report.error("unknown-key", "main", at(2))
    report.error("unknown-key", "other", at(1, 1, other))
    report.error("unknown-key", "main too", at(1))
    with pytest.raises(Rejected) as caught:
        report.raise_if_errors()
    assert [one.message for one in caught.value.diagnostics] == ["main too", "main", "other"]


def test_help_may_be_one_text_or_several_and_labels_may_be_pairs():
    report = Report()
    report.error("cycle", "m", at(1), "l", also=[(at(2), "x"), Label(at(1), "y")], help="do")
    report.error("cycle", "m", at(2), notes=("a", "b"), help="")
    first, second = report.errors
    assert [label.text for label in first.also] == ["x", "y"]
    assert (first.help, first.notes) == (("do",), ())
    assert (second.help, second.notes) == ((), ("a", "b"))


def test_an_unknown_code_is_a_fault_of_ours():
    with pytest.raises(AssertionError, match="no-such-code"):
        Report().error("no-such-code", "m")


def test_a_report_takes_over_what_another_found():
    inner, outer = Report(), Report()
    inner.error("cycle", "e")
    inner.add([warning("cycle", "w", at(1))])
    outer.add([*inner.errors, *inner.warnings])
    assert (len(outer.errors), len(outer.warnings)) == (1, 1)


def test_exceptions_read_well():
    report = Report()
    report.error("unknown-key", "`a` is unknown", at(2))
    with pytest.raises(Rejected) as caught:
        report.raise_if_errors()
    assert str(caught.value) == "a.yaml:2:1: error[unknown-key] `a` is unknown"
    assert str(Unreadable("x.yaml", "no such file")) == "cannot read x.yaml: no such file"


def test_every_code_is_explained_in_one_sentence():
    for code, sentence in CODES.items():
        assert code == code.lower()
        assert sentence[0].isupper() or sentence[0] == "`", code
        assert sentence.endswith("."), code
