"""What a model wants of its data, and the errors of data that does not hold it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, NoReturn

from modelspec.language.shapes import Shape
from modelspec.source.diagnostics import Diagnostic, Label, Rejected
from modelspec.source.text import Span


class Wanted(NamedTuple):
    """One tensor of each batch: an input, a target, or a sample weight.

    `shape` leaves out the batch. `field` is the entry of `data.fields` that feeds it, or None where
    the column of its own name does. `high` bounds the integers that `Synthetic` makes (exclusive);
    `below` those that the model can look up at all, where it is not None; `ignored` is one that it
    passes over; `declared` is where the spec declares it.
    A weight without a field is optional: it is left out where there is no such column.
    """

    name: str
    role: str  # input, target, weight
    shape: Shape
    dtype: str
    field: Any = None
    high: int = 2
    below: int | None = None
    ignored: int | None = None
    declared: Span | None = None

    @property
    def columns(self) -> list[str]:
        """The columns that feed it."""
        if self.field is None:
            return [self.name]
        if self.field.columns:
            return [str(column) for column in self.field.columns]
        return [self.name if self.field.column is None else str(self.field.column)]

    @property
    def encode(self) -> Any:
        """The encoder's word, or None."""
        return None if self.field is None else self.field.encode

    @property
    def span(self) -> Span | None:
        """Where the spec says which columns feed it, or else declares it."""
        if self.field is None:
            return self.declared
        spans = getattr(self.field, "spans", {})
        found: Span | None = spans.get("columns") or spans.get("column") or self.field.span
        return found

    @property
    def label(self) -> str:
        """What is to be said at `span` of what does not fit."""
        return "declared here" if self.field is None else "fed by this"


class BadCell(Exception):
    """A value that is refused, by its position among those at hand; `Feed` says where it stands."""

    def __init__(self, code: str, position: int, fact: str, help: str = "") -> None:
        super().__init__(fact)
        self.code, self.position, self.fact, self.help = code, position, fact, help


def fault(
    code: str,
    message: str,
    span: Span | None = None,
    label: str = "",
    *,
    notes: Iterable[str] = (),
    help: Iterable[str] = (),
) -> Diagnostic:
    """A fault of the data; the place in the data stands in the notes, the spec's at `span`."""
    at = None if span is None else Label(span, label)
    return Diagnostic(code, message, at, notes=tuple(notes), help=tuple(filter(None, help)))


def refuse(
    code: str,
    message: str,
    span: Span | None = None,
    label: str = "",
    *,
    notes: Iterable[str] = (),
    help: Iterable[str] = (),
) -> NoReturn:
    """Raises Rejected with one fault."""
    raise Rejected([fault(code, message, span, label, notes=notes, help=help)])
