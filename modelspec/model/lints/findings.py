"""What a rule finds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from modelspec.model.graph import Graph, Program, Step
from modelspec.model.spec import Call
from modelspec.source.diagnostics import Diagnostic, Edit, Label, Report
from modelspec.source.text import Span


class Finding:
    """One warning. `by` is what it is about, whose `allow` may silence it."""

    __slots__ = ("also", "by", "code", "fix", "help", "label", "message", "notes", "span")

    def __init__(
        self,
        code: str,
        message: str,
        span: Span,
        label: str = "",
        *,
        by: Any = None,
        also: tuple[tuple[Span, str], ...] = (),
        notes: tuple[str, ...] = (),
        help: str = "",
        fix: Edit | None = None,
    ) -> None:
        self.code, self.message, self.span, self.label = code, message, span, label
        self.by, self.also, self.notes, self.help, self.fix = by, also, notes, help, fix

    def diagnostic(self, severity: str = "warning") -> Diagnostic:
        """What is shown of it."""
        return Diagnostic(
            self.code,
            self.message,
            Label(self.span, self.label),
            also=tuple(Label(*one) for one in self.also),
            notes=self.notes,
            help=(self.help,) if self.help else (),
            severity=severity,
            fix=self.fix,
        )

    @property
    def meant(self) -> bool:
        """Whether the spec says that it is meant so."""
        if isinstance(self.by, Call):
            return self.code in self.by.allow or self.code in self.by.definition.allow
        return self.by is not None and self.code in self.by.allow


def argument_span(step: Step, argument: str) -> Span:
    """The place of an argument where it is written, else of the call."""
    spans: dict[str, Span] = step.layer.__dict__.get("spans", {})
    return spans.get(argument, step.call.span)


def maker(program: Program, id: int) -> Step | None:
    """The step that makes a tensor, None for an input."""
    at = program.tensors[id].step
    return None if at is None else program.steps[at]


def readers(program: Program) -> dict[int, list[Step]]:
    """The steps that are called on each tensor."""
    found: dict[int, list[Step]] = {}
    for step in program.steps:
        for id in step.reads():
            found.setdefault(id, []).append(step)
    return found


def steps(graph: Graph) -> list[tuple[Program, Step]]:
    """Every step, those inside wrappers too, with the program that it belongs to."""
    found: list[tuple[Program, Step]] = []
    waiting = [graph.program]
    while waiting:
        program = waiting.pop()
        for step in program.steps:
            found.append((program, step))
            if step.body is not None:
                waiting.append(step.body)
    return found


def warn(found: Iterable[Finding], report: Report) -> None:
    """Report the findings that are not meant so; what is seen twice is one fault."""
    seen: set[tuple[str, Span]] = set()
    for one in found:
        # A shared graph called twice has its faults once.
        if one.meant or (one.code, one.span) in seen:
            continue
        seen.add((one.code, one.span))
        report.add([one.diagnostic()])
