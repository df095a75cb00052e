"""`modelspec export`: a run as a file that others read."""

from __future__ import annotations

import os
import sys
from shutil import copyfileobj
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from modelspec.cli.completers import files, folders
from modelspec.cli.options import format_option
from modelspec.cli.output import as_json

if TYPE_CHECKING:
    from modelspec.exchange.export import Exported


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
@click.option("-o", "--output", "path", metavar="PATH", required=True, shell_complete=files,
              help="The file to write; `-` is stdout.")  # fmt: skip
@click.option(
    "--with-training", is_flag=True,
    help="With `--to python`: a script beside it, train_NAME.py, that trains it as the run was.",
)  # fmt: skip
@click.option("--trust-code", is_flag=True, help="Allow `type: python`, which runs your own code.")
@format_option("text", "json")
def command(
    run: str, form: str, path: str, with_training: bool, trust_code: bool, format: str
) -> int:
    """Write a run in another format, and prove it the same.

    The file is loaded again in its own runtime and run on random inputs at two batch sizes. Where
    an output differs, the exit code is 1 and the file does not stay. Two steps of a training script
    are held against the engine's in the same way.
    """
    if with_training and form != "python":
        raise click.UsageError("--with-training goes with --to python")
    if path == "-":
        return to_stdout(run, form, trust_code)
    made = exported(run, form, path, with_training, trust_code)
    tell_notes(made)
    if format == "json":
        as_json({
            "files": made.files,
            "differences": {one.name: one.difference for one in made.compared},
            "notes": made.notes,
        })  # fmt: skip
    else:
        for file in made.files:
            click.echo(file)
        click.echo(differences(made), nl=False)
    return 1 if made.fails else 0


def to_stdout(run: str, form: str, trust_code: bool) -> int:
    """The file on stdout, and what there is to say of it on stderr."""
    if form == "python":
        raise click.UsageError("a file of weights lies beside the source: name a file for `-o`")
    with TemporaryDirectory() as folder:
        made = exported(run, form, os.path.join(folder, f"model.{form}"), False, trust_code)
        for path in made.files:
            with open(path, "rb") as file:
                copyfileobj(file, sys.stdout.buffer)
    tell_notes(made)
    click.echo(differences(made), nl=False, err=True)
    return 1 if made.fails else 0


def tell_notes(made: Exported) -> None:
    for note in made.notes:
        click.echo(f"note: {note}", err=True)


def differences(made: Exported) -> str:
    """A line for each output."""
    lines = []
    for one in made.compared:
        verdict = "  differs: nothing was written" if one.fails else ""
        lines.append(f"  {one.name}: largest difference {one.difference:.1e}{verdict}\n")
    return "".join(lines)


def exported(run: str, form: str, path: str, with_training: bool, trust_code: bool) -> Exported:
    """The files, written and compared."""
    if with_training:
        from modelspec.exchange.export_training import export_with_training

        return export_with_training(run, path, trust_code=trust_code)
    from modelspec.exchange.export import export

    return export(run, form, path, trust_code=trust_code)
