"""`modelspec import`: a Keras model becomes a spec and weights."""

from __future__ import annotations

import click

from modelspec.cli.completers import files, folders
from modelspec.cli.options import format_option
from modelspec.cli.output import as_json


@click.command("import")
@click.argument("model", metavar="MODEL", shell_complete=files)
@click.option("-o", "--output", "folder", metavar="DIR", required=True, help="The run's folder.",
              shell_complete=folders)  # fmt: skip
@click.option(
    "--spec",
    "description",
    metavar="JSON",
    shell_complete=files,
    help="What `model.to_json()` gave, where MODEL is a .weights.h5 file.",
)
@click.option(
    "--verify", is_flag=True, help="Run Keras too (it must be installed), and compare outputs."
)
@format_option("text", "json")
def command(model: str, folder: str, description: str | None, verify: bool, format: str) -> int:
    """Turn a Keras model into a run: a spec and its weights.

    MODEL is a .keras, .json, .h5 or .weights.h5 file. No code in it is run. What a spec has no word
    for is refused, all of it at once.
    """
    from modelspec.exchange.keras.imported import import_model

    made = import_model(model, folder, description)
    compared = []
    if verify:
        from modelspec.exchange.keras.verify import verify as run_both

        compared = run_both(model, folder, description)
    if format == "json":
        as_json({
            "run": made.folder, "parameters": made.graph.parameters, "weights": made.has_weights,
            "notes": made.notes,
            "differences": {one.name: one.difference for one in compared},
        })  # fmt: skip
    else:
        weights = "" if made.has_weights else ", without weights: the file has none"
        click.echo(f"{made.folder}: {made.graph.parameters:,} parameters{weights}")
        for one in compared:
            verdict = "  differs" if one.fails else ""
            click.echo(f"  {one.name}: largest difference {one.difference:.1e}{verdict}")
    for note in made.notes:
        click.echo(f"note: {note}", err=True)
    return 1 if any(one.fails for one in compared) else 0
