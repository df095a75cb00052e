"""What is legal and still surely wrong: warnings, each with a code."""

from __future__ import annotations

from modelspec.model.graph import Graph
from modelspec.model.spec import Definition
from modelspec.source.diagnostics import Report


def lint(graph: Graph) -> None:
    """Add the warnings to `graph.warnings`."""
    report = Report()
    unused(graph, report)
    graph.warnings += report.warnings


def unused(graph: Graph, report: Report) -> None:
    """Inputs that nothing reads, shared layers that nothing calls."""
    body = graph.spec.body
    read = {id for step in graph.program.steps for id in step.reads()}
    read |= set(graph.program.outputs.values())
    for one in body.inputs:
        if graph.program.inputs[one.name] not in read:
            report.warning(
                "unused-input",
                "data is needed for every input, used or not",
                one.span,
                f"nothing reads `{one.name}`",
                help="call a layer on it, or take it away",
            )
    for definition in body.shared:
        if not used(definition, graph):
            report.warning(
                "unused-definition",
                "a shared layer does nothing until it is called",
                definition.span,
                f"nothing calls `{definition.name}`",
                help=f"call it: {{use: {definition.name}, from: ...}}",
            )


def used(definition: Definition, graph: Graph) -> bool:
    return definition.name not in graph.spec.body.scope.unread
