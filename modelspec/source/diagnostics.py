"""What went wrong, where, and what to do: collected by a stage, raised at its end."""

from __future__ import annotations

from .codes import CODES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from .text import Source, Span

MOST_ERRORS = 1000


class Label:
    """A fact at a place."""

    __slots__ = ("span", "text")

    def __init__(self, span: Span, text: str = "") -> None:
        self.span = span
        self.text = text

    def __repr__(self) -> str:
        return f"Label({self.span!r}, {self.text!r})"


class Edit:
    """A certain fix: the text that belongs where `span` is."""

    __slots__ = ("span", "replacement")

    def __init__(self, span: Span, replacement: str) -> None:
        self.span = span
        self.replacement = replacement


class Diagnostic:
    """One error or warning.

    `message` states the rule, `label` the fact at the place, `also` the other places that belong to
    it, `notes` causes, `help` something to do.
    """

    __slots__ = ("code", "message", "label", "also", "notes", "help", "severity", "fix")

    def __init__(
        self,
        code: str,
        message: str,
        label: Label | None = None,
        *,
        also: tuple[Label, ...] = (),
        notes: tuple[str, ...] = (),
        help: tuple[str, ...] = (),
        severity: str = "error",
        fix: Edit | None = None,
    ) -> None:
        assert code in CODES, f"unknown diagnostic code {code!r}: add it to source/codes.py"
        self.code = code
        self.message = message
        self.label = label
        self.also = also
        self.notes = notes
        self.help = help
        self.severity = severity
        self.fix = fix

    @property
    def span(self) -> Span | None:
        """The primary place, where there is one."""
        return self.label.span if self.label is not None else None

    def __repr__(self) -> str:
        return f"<{self.severity} {self.code}: {self.message}>"


class Report:
    """Collects the diagnostics of one stage."""

    __slots__ = ("errors", "spoilt", "told", "warnings")

    def __init__(self) -> None:
        self.errors: list[Diagnostic] = []
        self.warnings: list[Diagnostic] = []
        #: What has been said: what a block gets wrong, it gets wrong at each use.
        self.told: set[tuple[Span | None, str, str]] = set()
        #: Places whose value could not be had: what else is wrong with it is no news.
        self.spoilt: set[Span] = set()

    @property
    def failed(self) -> bool:
        """Whether there is an error among what was collected."""
        return bool(self.errors)

    def error(
        self,
        code: str,
        message: str,
        span: Span | None = None,
        label: str = "",
        *,
        also: Iterable[Label | tuple[Span, str]] = (),
        notes: str | Iterable[str] = (),
        help: str | Iterable[str] = (),
        fix: Edit | None = None,
    ) -> None:
        """Adds an error; the primary place is `span`, with `label` beside it.

        Raises Rejected at the error that is one too many.
        """
        if span is not None and span in self.spoilt:
            return
        self.told.add((span, code, message))
        if len(self.told) > MOST_ERRORS:
            code, message = "too-large", f"a spec is read up to its {MOST_ERRORS:,}th error"
            label, also, notes, help, fix = "here is one more", (), (), (), None
        self.errors.append(
            Diagnostic(
                code,
                message,
                None if span is None else Label(span, label),
                also=_labels(also),
                notes=_texts(notes),
                help=_texts(help),
                fix=fix,
            )
        )
        if len(self.told) > MOST_ERRORS:
            raise Rejected(self.errors)

    def add(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Takes over diagnostics that another stage or file produced."""
        for diagnostic in diagnostics:
            kind = self.errors if diagnostic.severity == "error" else self.warnings
            kind.append(diagnostic)

    def raise_if_errors(self) -> None:
        """Raises Rejected, with the warnings too, where there is at least one error."""
        if self.errors:
            raise Rejected(self.errors + self.warnings)


class Unheard(Report):
    """For those who read what others will read again: nothing is kept."""

    def error(self, *args: object, **rest: object) -> None:
        """Says nothing."""


class Rejected(Exception):
    """The input is wrong. `diagnostics` says how: sorted by place, each once. `graph` is as much of
    a model as could be made all the same, None where that is nothing.
    """

    graph: Any = None

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = in_order(diagnostics)
        super().__init__(self.diagnostics)

    def __str__(self) -> str:
        from .render import concise

        return "\n".join(map(concise, self.diagnostics))


class Unreadable(Exception):
    """A file could not be read. Says nothing about what is in it."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"cannot read {self.path or 'an empty path'}: {self.reason}"


def in_order(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Each diagnostic once, by place; files in the order they first came up, the placeless last."""
    unique: dict[tuple[object, ...], Diagnostic] = {}
    files: dict[Source | None, int] = {}
    for diagnostic in diagnostics:
        span = diagnostic.span
        order = span.order if span is not None else (1 << 60, 0, 0, 0)
        source = span.source if span is not None else None
        rank = files.setdefault(source, len(files)) if source is not None else 1 << 60
        place = (rank, order, diagnostic.severity, diagnostic.code, diagnostic.message)
        unique.setdefault(place, diagnostic)
    return [unique[place] for place in sorted(unique)]


def _labels(also: Iterable[Label | tuple[Span, str]]) -> tuple[Label, ...]:
    return tuple(one if isinstance(one, Label) else Label(*one) for one in also)


def _texts(texts: str | Iterable[str]) -> tuple[str, ...]:
    if isinstance(texts, str):
        return (texts,) if texts else ()
    return tuple(texts)
