"""`modelspec summary`: layers, shapes, parameters, memory and operations."""

from __future__ import annotations

import click

from modelspec.cli import trace as tracing
from modelspec.cli.completers import specs
from modelspec.cli.options import compiled, format_option, spec_options
from modelspec.cli.output import as_json, width
from modelspec.cli.table import table
from modelspec.cli.trace import trace_option
from modelspec.language.shapes import Shape, show
from modelspec.model.machine import bytes_of
from modelspec.model.memory import Memory
from modelspec.model.summary import Node, Row, Summary, nodes
from modelspec.source.diagnostics import Rejected


@click.command("summary")
@click.argument("spec", metavar="SPEC|RUN", shell_complete=specs)
@click.option("--nodes", "with_nodes", is_flag=True, help="List every node, `encoder@0`, too.")
@trace_option
@format_option("text", "json")
@spec_options
def command(
    spec: str,
    with_nodes: bool,
    trace: str | None,
    format: str,
    settings: tuple[str, ...],
    allow_path: tuple[str, ...],
    trust_code: bool,
) -> None:
    """Show layers, shapes, parameters, memory and operations.

    Memory and operations are those of one sample. A graph's layers stand indented below
    its first call; a call that uses weights of a row above says `shared` in place of their number.
    """
    try:
        graph = compiled(spec, settings, allow_path, trust_code)
    except Rejected as rejected:
        if trace is not None and rejected.graph is not None and format == "text":
            click.echo(tracing.text(rejected.graph, trace, width()))
        raise
    summary = Summary(graph)
    listed = nodes(graph) if with_nodes else None
    if format == "json":
        made = document(summary, listed)
        as_json(made if trace is None else made | {"trace": tracing.document(graph, trace)})
    else:
        click.echo(text(summary, width()))
        if listed is not None:
            click.echo("\n" + node_table(listed, width()))
        if trace is not None:
            click.echo("\n" + tracing.text(graph, trace, width()))


def text(summary: Summary, room: int) -> str:
    rows = [
        ("  " * row.depth + row.name, row.type, shapes(row.outputs), parameters(row),
         ", ".join(row.sources))
        for row in summary.rows
    ]  # fmt: skip
    heads = ("name", "type", "output", "parameters", "called on")
    drawn = table(heads, rows, right=[3], room=room)
    return "\n".join([f"Model: {summary.graph.name}", "", drawn, "", *totals(summary)])


def parameters(row: Row) -> str:
    return "" if row.type == "Input" else "shared" if row.seen else f"{row.parameters:,}"


def shapes(listed: list[Shape]) -> str:
    return ", ".join(map(show, listed))


def totals(summary: Summary) -> list[str]:
    unknown = "unknown: a size is open"
    memory, operations = summary.activation_bytes, summary.operations
    activations = unknown if memory is None else f"{bytes_of(memory)} a sample"
    step, batch = Memory(summary.graph), batch_size(summary)
    what = "training" if step.training else "a batch"
    needed = f"{bytes_of(step.at(batch))} with {batch:,} samples a step"
    needed = unknown if step.open else needed
    uncounted = unknown if memory is None else "unknown: they lie inside a layer of torch's"
    counted = uncounted if operations is None else f"{operations:,} a sample"
    return [
        f"parameters             {summary.parameters:,} "
        f"({summary.trainable:,} trainable, {summary.frozen:,} non-trainable)",
        f"memory of weights      {bytes_of(summary.weight_bytes)}",
        f"memory of activations  {activations}",
        f"memory of {what:<12} {needed}",
        f"operations             {counted}",
    ]


def batch_size(summary: Summary) -> int:
    return int(summary.graph.spec.training.batch_size)


def node_table(listed: list[Node], room: int) -> str:
    rows = [
        (node.name, node.type, shapes([shape for _, shape in node.inputs]),
         shapes([shape for _, shape in node.outputs]), ", ".join(name for name, _ in node.inputs))
        for node in listed
    ]  # fmt: skip
    return table(("node", "type", "input", "output", "called on"), rows, room=room)


def document(summary: Summary, listed: list[Node] | None) -> dict[str, object]:
    """The summary for scripts; what is unknown is null. `step_bytes` is what a step holds at its
    fullest.
    """
    step = Memory(summary.graph)
    made: dict[str, object] = {
        "schema_version": 1,
        "name": summary.graph.name,
        "layers": [
            {
                "name": row.path,
                "depth": row.depth,
                "type": row.type,
                "outputs": row.outputs,
                "parameters": row.parameters,
                "shared": row.seen,
                "from": row.sources,
            }
            for row in summary.rows
        ],
        "parameters": summary.parameters,
        "trainable_parameters": summary.trainable,
        "weight_bytes": summary.weight_bytes,
        "activation_bytes_per_sample": summary.activation_bytes,
        "batch_size": batch_size(summary),
        "step_bytes": None if step.open else step.at(batch_size(summary)),
        "operations_per_sample": summary.operations,
    }
    if listed is not None:
        made["nodes"] = [
            {
                "name": node.name,
                "type": node.type,
                "call": node.step,
                "inputs": [{"name": name, "shape": shape} for name, shape in node.inputs],
                "outputs": [{"name": name, "shape": shape} for name, shape in node.outputs],
            }
            for node in listed
        ]
    return made
