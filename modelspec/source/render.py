"""Diagnostics for people: with the source line and an underline, or one line each."""

from __future__ import annotations

from .diagnostics import Label
from .excerpt import Excerpt, safe
from .machine import as_json, github, sarif

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .diagnostics import Diagnostic
    from .text import Source


class Style:
    """What to put around a piece of text: ANSI codes, or nothing."""

    __slots__ = ("_codes",)

    _ANSI = {
        "error": "1;31", "warning": "1;33", "message": "1", "gutter": "1;34",
        "secondary": "1;34", "help": "1;36", "note": "1",
    }  # fmt: skip

    def __init__(self, color: bool) -> None:
        self._codes = self._ANSI if color else {}

    def __call__(self, role: str, text: str) -> str:
        code = self._codes.get(role)
        return f"\x1b[{code}m{text}\x1b[0m" if code and text else text


def full(diagnostic: Diagnostic, *, color: bool = False, width: int = 100) -> str:
    """The message, the source lines it is about, notes and help."""
    style = Style(color)
    groups = _by_line(diagnostic)
    digits = max((len(str(line)) for (_, line), _ in groups), default=1)
    margin = " " * digits
    head = style(diagnostic.severity, f"{diagnostic.severity}[{diagnostic.code}]")
    out = [f"{head}{style('message', ': ' + _text(diagnostic.message, ' '))}"]
    for position, ((source, line), labels) in enumerate(groups):
        arrow = "-->" if position == 0 and diagnostic.label is not None else ":::"
        place = f"{safe(source.path)}:{line}:{labels[0].span.column}"
        out.append(f"{margin}{style('gutter', arrow)} {place}")
        out.append(f"{margin} {style('gutter', '|')}")
        number = f"{line:>{digits}}"
        marks = [(label, label is diagnostic.label) for label in labels]
        text, *under = Excerpt(source, line, marks, width - digits - 3).lines(
            style, diagnostic.severity
        )
        out.append(f"{style('gutter', f'{number} |')} {text}".rstrip())
        out += [f"{margin} {style('gutter', '|')} {row}" for row in under]
    for role, texts in (("note", diagnostic.notes), ("help", diagnostic.help)):
        for text in texts:
            lead = f"{margin} = {role}: "
            body = _text(text, "\n" + " " * len(lead))
            out.append(f"{margin} {style('gutter', '=')} {style(role, role + ':')} {body}")
    return "\n".join(out)


def concise(diagnostic: Diagnostic) -> str:
    """`file:line:column: error[code] message`."""
    span = diagnostic.span
    place = f"{safe(span.source.path)}:{span.line}:{span.column}: " if span is not None else ""
    message = _text(diagnostic.message, " ")
    return f"{place}{diagnostic.severity}[{diagnostic.code}] {message}"


def render_all(
    diagnostics: Sequence[Diagnostic], format: str, color: bool = False, width: int = 100
) -> str:
    """All of them in a format; for people, with their number at the end.

    "full" and "concise" are for people, "json", "github" and "sarif" for other programs.
    """
    if format in ("json", "sarif"):
        return as_json(diagnostics) if format == "json" else sarif(diagnostics)
    if format == "github":
        return "\n".join(map(github, diagnostics))
    if not diagnostics:
        return ""
    if format == "concise":
        return "\n".join([*map(concise, diagnostics), count(diagnostics)])
    blocks = [full(diagnostic, color=color, width=width) for diagnostic in diagnostics]
    return "\n\n".join([*blocks, count(diagnostics)])


def count(diagnostics: Iterable[Diagnostic]) -> str:
    """`2 errors, 1 warning`."""
    severities = [diagnostic.severity for diagnostic in diagnostics]
    parts = []
    for severity in ("error", "warning"):
        number = severities.count(severity)
        if number:
            parts.append(f"{number} {severity}{'s' if number > 1 else ''}")
    return ", ".join(parts)


def _by_line(diagnostic: Diagnostic) -> list[tuple[tuple[Source, int], list[Label]]]:
    """The labels by the line they begin on, the primary's line first."""
    primary = (diagnostic.label,) if diagnostic.label is not None else ()
    groups: dict[tuple[Source, int], list[Label]] = {}
    for label in (*primary, *diagnostic.also):
        groups.setdefault((label.span.source, label.span.line), []).append(label)
    return list(groups.items())


def _text(text: str, line_end: str) -> str:
    return line_end.join(safe(line) for line in text.split("\n"))
