"""What is legal and still surely wrong: warnings, each with a code.

A rule is a function of the graph that yields findings. An entry or an output that means it so says
`allow: [code]`.
"""

from __future__ import annotations

from modelspec.model.graph import Graph
from modelspec.model.lints.findings import Finding
from modelspec.model.lints.layers import LAYERS
from modelspec.model.lints.learning import LEARNING
from modelspec.model.lints.outputs import OUTPUTS
from modelspec.model.lints.unused import UNUSED
from modelspec.source.diagnostics import Report

RULES = (*UNUSED, *LAYERS, *OUTPUTS, *LEARNING)


def lint(graph: Graph) -> None:
    """Add the warnings to `graph.warnings`."""
    report = Report()
    seen: set[tuple[str, object]] = set()
    for rule in RULES:
        for found in rule(graph):
            # A shared graph called twice has its faults once.
            if not found.meant and (found.code, found.span) not in seen:
                seen.add((found.code, found.span))
                warn(found, report)
    graph.warnings += report.warnings


def warn(found: Finding, report: Report) -> None:
    report.warning(
        found.code,
        found.message,
        found.span,
        found.label,
        also=found.also,
        help=found.help or (),
    )
