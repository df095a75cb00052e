from __future__ import annotations

import io
import sys

import pytest

from modelspec.source.diagnostics import Rejected, Unreadable
from modelspec.source.text import MAX_BYTES, Source, Span


@pytest.fixture
def file(tmp_path):
    def write(data: bytes) -> str:
        path = tmp_path / "spec.yaml"
        path.write_bytes(data)
        return str(path)

    return write


def refusal(path: str):
    with pytest.raises(Rejected) as caught:
        Source.read(path)
    [diagnostic] = caught.value.diagnostics
    return diagnostic


def test_a_byte_order_mark_is_no_part_of_the_text(file):
    assert Source.read(file(b"\xef\xbb\xbfa: 1\n")).text == "a: 1\n"


def test_lines_end_as_on_any_system():
    assert Source("x", "a\r\nb\rc\nd").lines == ["a", "b", "c", "d"]


def test_what_is_not_utf8_is_refused_at_its_byte(file):
    diagnostic = refusal(file("a: 1\nb: é".encode() + b"\xff\xfe\n"))
    assert diagnostic.code == "not-utf8"
    assert (diagnostic.span.line, diagnostic.span.column) == (2, 5)
    assert diagnostic.label.text == "byte 0xff is not UTF-8"


def test_utf16_and_model_files_get_a_word_on_what_they_are(file):
    assert "UTF-16" in refusal(file("a: 1".encode("utf-16"))).help[0]
    assert "modelspec import" in refusal(file(b"\x89HDF\r\n\x1a\n\xff\xff")).help[0]


@pytest.mark.parametrize("char", ["\0", "\x07", "\x1b", "\x7f", "\x85", "\u2028", "\ufeff"])
def test_characters_that_nobody_sees_are_refused_with_their_place(file, char):
    diagnostic = refusal(file(f"a: 1\nbc{char}: 2\n".encode()))
    assert diagnostic.code == "control-character"
    assert (diagnostic.span.line, diagnostic.span.column) == (2, 3)
    assert f"U+{ord(char):04X}" in diagnostic.label.text


def test_a_file_beyond_eight_mebibytes_is_refused_unread(file):
    assert refusal(file(b"a" * (MAX_BYTES + 1))).code == "too-large"


def test_an_endless_file_ends_at_the_limit():
    assert refusal("/dev/zero").code == "too-large"


def test_a_file_that_is_not_there_is_unreadable_rather_than_wrong(tmp_path):
    with pytest.raises(Unreadable) as caught:
        Source.read(str(tmp_path / "none.yaml"))
    assert caught.value.reason == "no such file or directory"


def test_a_folder_is_unreadable(tmp_path):
    with pytest.raises(Unreadable, match="is a directory"):
        Source.read(str(tmp_path))


def test_a_path_with_a_nul_is_unreadable():
    with pytest.raises(Unreadable):
        Source.read("a\0b")


def test_a_dash_reads_stdin(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a: 1\n")))
    source = Source.read("-")
    assert (source.path, source.text, source.folder) == ("<stdin>", "a: 1\n", "")
    assert not source.is_file


@pytest.mark.parametrize(
    ("path", "folder"),
    [("specs/a.yaml", "specs"), ("a.yaml", ""), ("<python>", ""), ("--set", ""), ("/x/a", "/x")],
)
def test_relative_paths_start_from_the_folder_of_the_file(path, folder):
    assert Source(path, "").folder == folder


def test_spans_sort_as_they_stand():
    source = Source("x", "")
    early, late = Span(source, 1, 9, 1, 10), Span(source, 2, 1, 2, 2)
    assert early.before(late)
    assert not late.before(early)
    assert sorted([late, early], key=lambda span: span.order) == [early, late]
    assert early.to(late).order == (1, 9, 2, 2)
    assert str(late) == "x:2:1"
