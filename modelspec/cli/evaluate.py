"""`modelspec evaluate`: losses and metrics of a run over data."""

from __future__ import annotations

import click

from modelspec.cli.completers import devices, files, folders
from modelspec.cli.options import data_source, format_option
from modelspec.cli.output import as_json, measured


@click.command("evaluate")
@click.argument("run", metavar="RUN", shell_complete=folders)
@click.option(
    "--data", metavar="SOURCE", shell_complete=files,
    help="A path, `{type: ..., path: ...}`, or `-`, JSON Lines on stdin; the spec's test, else "
    "validation, if left out.",
)  # fmt: skip
@click.option("--batch-size", type=click.IntRange(min=1), help="Samples a step.")
@click.option("--device", metavar="NAME", help="cpu, cuda, cuda:1; the GPU if there is one.",
              shell_complete=devices)  # fmt: skip
@format_option("text", "json")
@click.option("--trust-code", is_flag=True, help="Allow `type: python`, which runs your own code.")
def command(
    run: str,
    data: str | None,
    batch_size: int | None,
    device: str | None,
    format: str,
    trust_code: bool,
) -> None:
    """Measure a run: every loss and metric, over all samples."""
    from modelspec.engine.run import load

    held = load(run, device=device, trust_code=trust_code)
    rows = "{type: JSONL, path: -}" if data == "-" else data
    source = None if rows is None else data_source(rows)
    values = held.evaluate(source, batch_size=batch_size)
    if format == "json":
        as_json(values)
    else:
        click.echo(measured(values))
