"""`modelspec export`: a run as a file that others read."""

from __future__ import annotations

import click

from modelspec.cli.completers import files, folders
from modelspec.cli.options import format_option
from modelspec.cli.output import as_json


@click.command("export")
@click.argument("run", metavar="RUN", shell_complete=folders)
@click.option(
    "--to",
    "form",
    type=click.Choice(["python", "onnx", "pt2", "safetensors", "keras"]),
    required=True,
    help="PyTorch source with its weights beside it; ONNX; torch.export; the weights alone; a "
    ".keras file that Keras loads by itself.",
)
@click.option("-o", "--output", "path", metavar="PATH", required=True, help="The file to write.",
              shell_complete=files)  # fmt: skip
@click.option("--trust-code", is_flag=True, help="Allow `type: python`, which runs your own code.")
@format_option("text", "json")
def command(run: str, form: str, path: str, trust_code: bool, format: str) -> int:
    """Write a run in another format, and prove it the same.

    The file is loaded again in its own runtime and run on random inputs at two batch sizes. Where
    an output differs, the exit code is 1 and the file does not stay.
    """
    from modelspec.exchange.export import export

    made = export(run, form, path, trust_code=trust_code)
    for note in made.notes:
        click.echo(f"note: {note}", err=True)
    if format == "json":
        as_json({
            "files": made.files,
            "differences": {one.name: one.difference for one in made.compared},
            "notes": made.notes,
        })  # fmt: skip
    else:
        for file in made.files:
            click.echo(file)
        for one in made.compared:
            verdict = "  differs: nothing was written" if one.fails else ""
            click.echo(f"  {one.name}: largest difference {one.difference:.1e}{verdict}")
    return 1 if made.fails else 0
