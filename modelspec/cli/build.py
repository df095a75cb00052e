"""`modelspec build`: a run with fresh weights."""

from __future__ import annotations

import click

from modelspec.cli.completers import folders, specs
from modelspec.cli.options import compiled, format_option, run_folder, spec_options
from modelspec.cli.output import as_json


@click.command("build")
@click.argument("spec", metavar="SPEC", shell_complete=specs)
@click.option("--run", metavar="DIR", help="The run's folder; runs/NAME unless this says.",
              shell_complete=folders)  # fmt: skip
@format_option("text", "json")
@spec_options
def command(
    spec: str,
    run: str | None,
    format: str,
    settings: tuple[str, ...],
    allow_path: tuple[str, ...],
    trust_code: bool,
) -> None:
    """Make a run with fresh weights, for `predict` and `export`."""
    graph = compiled(spec, settings, allow_path, trust_code)
    from modelspec.engine.run import build

    made = build(graph, run_folder(graph, run))
    if format == "json":
        as_json({"run": made.folder, "parameters": graph.parameters})
    else:
        click.echo(f"{made.folder}: {graph.parameters:,} parameters, untrained")
