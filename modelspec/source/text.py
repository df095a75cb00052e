"""Source text, and places in it."""

from __future__ import annotations

import os
import re
import stat
import sys

from .diagnostics import Diagnostic, Label, Rejected, Unreadable

MAX_BYTES = 8 * 1024 * 1024

# All control characters but tab and line ends; what YAML 1.1 alone takes for line ends, and would
# hide keys behind; lone surrogates; byte order marks and non-characters.
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]"
)
_LINE_END = re.compile("\r\n|\n|\r")


class Source:
    """A text and the name its user knows it by."""

    __slots__ = ("path", "text", "_lines")

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self._lines: list[str] | None = None

    @classmethod
    def read(cls, path: str) -> Source:
        """Reads a UTF-8 file, or stdin for `-`.

        Raises Unreadable where the file cannot be read, Rejected where it is no text.
        """
        return cls.of_bytes("<stdin>" if path == "-" else path, _read(path))

    @classmethod
    def read_file(cls, path: str, real: str) -> Source:
        """Reads what a spec names: a regular file, which lies where `real`, its links followed, was
        found to be. A pipe or a device is not waited for. Raises as `read` does.
        """
        return cls.of_bytes(path, _read_regular(path, real))

    @classmethod
    def of_bytes(cls, name: str, data: bytes) -> Source:
        """The text of a file, or Rejected where it is none."""
        if len(data) > MAX_BYTES:
            raise Rejected([_too_large(name)])
        if data.startswith(b"\xef\xbb\xbf"):
            data = data[3:]
        try:
            source = cls(name, data.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise Rejected([_not_utf8(name, data, error)]) from None
        source.refuse_forbidden_characters()
        return source

    @property
    def lines(self) -> list[str]:
        """The lines, without their ends."""
        if self._lines is None:
            self._lines = _LINE_END.split(self.text)
        return self._lines

    @property
    def line_starts(self) -> list[int]:
        """Where in the text each line begins."""
        return [0, *(end.end() for end in _LINE_END.finditer(self.text))]

    @property
    def folder(self) -> str:
        """The folder that relative paths in this text start from; "" for what is no file."""
        return "" if self.path.startswith("<") else os.path.dirname(self.path)

    @property
    def is_file(self) -> bool:
        """Whether this text came from a file, rather than from stdin, the shell or Python."""
        return not (self.path.startswith("<") or self.path.startswith("--"))

    def refuse_forbidden_characters(self) -> None:
        """Raises Rejected where the text holds a character that nobody could see."""
        found = _FORBIDDEN.search(self.text)
        if found is not None:
            raise Rejected([_control_character(self, found.start())])

    def span_at(self, index: int, length: int = 1) -> Span:
        """The place of `length` characters from the `index`-th on; they stand on one line."""
        before = self.text[:index]
        starts = [end.end() for end in _LINE_END.finditer(before)]
        line, column = len(starts) + 1, index - (starts[-1] if starts else 0) + 1
        return Span(self, line, column, line, column + length)

    def whole_line(self, line: int) -> Span:
        """The place of a line's text, without the spaces around it."""
        text = self.lines[line - 1] if line <= len(self.lines) else ""
        start = len(text) - len(text.lstrip()) + 1
        return Span(self, line, start, line, max(start, len(text.rstrip()) + 1))

    def end_above(self, line: int) -> Span:
        """Right behind what ends above a line, blank lines and comments left out."""
        at = line - 1
        while at > 1 and not self.lines[at - 1].split("#")[0].strip():
            at -= 1
        column = len(self.lines[at - 1].split(" #")[0].rstrip()) + 1
        return Span(self, at, column, at, column + 1)

    def __repr__(self) -> str:
        return f"Source({self.path!r})"


class Span:
    """A place in a source: lines and columns from 1, in code points; the end is exclusive."""

    __slots__ = ("source", "line", "column", "end_line", "end_column")

    def __init__(
        self, source: Source, line: int, column: int, end_line: int, end_column: int
    ) -> None:
        self.source = source
        self.line = line
        self.column = column
        self.end_line = end_line
        self.end_column = end_column

    @property
    def order(self) -> tuple[int, int, int, int]:
        """Sorts the spans of one source as they stand in it."""
        return (self.line, self.column, self.end_line, self.end_column)

    @property
    def text(self) -> str:
        """What stands there, on its first line."""
        line = self.source.lines[self.line - 1] if self.line <= len(self.source.lines) else ""
        end = self.end_column - 1 if self.end_line == self.line else len(line)
        return line[self.column - 1 : end]

    def before(self, other: Span) -> bool:
        """Whether this place starts above or left of the other."""
        return (self.line, self.column) < (other.line, other.column)

    def to(self, end: Span) -> Span:
        """From the start of this place to the end of the other."""
        return Span(self.source, self.line, self.column, end.end_line, end.end_column)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Span):
            return NotImplemented
        return self.source is other.source and self.order == other.order

    def __hash__(self) -> int:
        return hash((id(self.source), self.order))

    def __str__(self) -> str:
        return f"{self.source.path}:{self.line}:{self.column}"

    def __repr__(self) -> str:
        return f"Span({self}-{self.end_line}:{self.end_column})"


def _read(path: str) -> bytes:
    """One byte more than may be, at most: endless files end here."""
    try:
        if path == "-":
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        with open(path, "rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Unreadable(path, (error.strerror or str(error)).lower()) from None
    except ValueError as error:  # a NUL in the path
        raise Unreadable(path.replace("\0", "\\0"), str(error)) from None


def _read_regular(path: str, real: str) -> bytes:
    try:
        descriptor = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise Unreadable(path, "it is a folder, a pipe or a device")
            opened = f"/proc/self/fd/{descriptor}"  # where there is such a thing
            if os.path.exists(opened) and os.readlink(opened) != real:
                raise Unreadable(path, "a link has changed while it was read")
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Unreadable(path, (error.strerror or str(error)).lower()) from None


def _too_large(name: str) -> Diagnostic:
    top = Span(Source(name, ""), 1, 1, 1, 1)
    return Diagnostic(
        "too-large",
        "a spec is at most 8 MiB of text",
        Label(top, "this file is larger"),
        help=("data and weights belong in files of their own, which the spec names",),
    )


def _not_utf8(name: str, data: bytes, error: UnicodeDecodeError) -> Diagnostic:
    good = data[: error.start].decode("utf-8")
    # What stands after the bad byte is shown as far as it can be.
    rest = data[error.start : error.start + 200].decode("utf-8", errors="replace")
    source = Source(name, good + rest)
    return Diagnostic(
        "not-utf8",
        "a spec is UTF-8 text",
        Label(source.span_at(len(good)), f"byte 0x{data[error.start]:02x} is not UTF-8"),
        help=(_encoding_hint(data),),
    )


def _encoding_hint(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "this looks like UTF-16: save it as UTF-8"
    if data[:4] == b"PK\x03\x04" or data[:4] == b"\x89HDF":
        return "this looks like a model or data file; `modelspec import` reads Keras models"
    return "save the file as UTF-8"


def _control_character(source: Source, index: int) -> Diagnostic:
    code = ord(source.text[index])
    return Diagnostic(
        "control-character",
        "a spec holds printable text only",
        Label(source.span_at(index), f"this is the character U+{code:04X}"),
        help=("delete it, or write it as an escape in a double-quoted text",),
    )
