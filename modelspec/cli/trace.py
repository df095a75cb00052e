"""`--trace NAME`: how a tensor came to its shape, or what it does not get past."""

from __future__ import annotations

from typing import Any

import click

from modelspec.cli.completers import tensors
from modelspec.cli.table import table
from modelspec.language.shapes import show
from modelspec.model.graph import Graph
from modelspec.model.trace import Row, trace

trace_option = click.option(
    "--trace", metavar="NAME", shell_complete=tensors,
    help="Show the entries and shapes that lead to a tensor, or up to the fault.",
)  # fmt: skip


def text(graph: Graph, name: str, room: int) -> str:
    """The story in a table."""
    listed = [
        ("  " * row.depth + row.name, row.type, gives(row), str(row.span), called_on(row))
        for row in trace(graph, name)
    ]
    heads = ("name", "type", "gives", "place", "called on")
    return f"Trace of {name}\n\n{table(heads, listed, room=room)}"


def gives(row: Row) -> str:
    """The shapes, the error's code, or that it never came to this."""
    if row.fault is not None:
        return f"error[{row.fault.code}]"
    if not row.reached:
        return "not reached" if row.type else "could not be read"
    return ", ".join(map(show, row.made))


def called_on(row: Row) -> str:
    return ", ".join(
        name if shape is None else f"{name} {show(shape)}" for name, shape in row.given
    )


def document(graph: Graph, name: str) -> list[dict[str, Any]]:
    """The story for scripts."""
    return [
        {
            "name": row.name,
            "depth": row.depth,
            "type": row.type,
            "from": [{"name": given, "shape": shape} for given, shape in row.given],
            "outputs": row.made,
            "reached": row.reached and row.fault is None,
            "code": None if row.fault is None else row.fault.code,
            "path": row.span.source.path,
            "line": row.span.line,
            "column": row.span.column,
        }
        for row in trace(graph, name)
    ]
