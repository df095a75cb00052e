"""What is legal and still surely wrong: warnings, each with a code.

A rule is a function of the graph that yields findings. An entry, an input, an output or a section
that means it so says `allow: [code]`.
"""

from __future__ import annotations

from modelspec.model.graph import Graph
from modelspec.model.lints.amounts import amounts
from modelspec.model.lints.findings import warn
from modelspec.model.lints.layers import LAYERS
from modelspec.model.lints.learning import LEARNING
from modelspec.model.lints.outputs import OUTPUTS
from modelspec.model.lints.room import room
from modelspec.model.lints.unused import UNUSED
from modelspec.source.diagnostics import Report, in_order

RULES = (*UNUSED, *LAYERS, *OUTPUTS, *LEARNING, amounts, room)


def lint(graph: Graph) -> None:
    """Add the warnings to `graph.warnings`, in order of place."""
    report = Report()
    warn((found for rule in RULES for found in rule(graph)), report)
    graph.warnings = in_order(graph.warnings + report.warnings)
