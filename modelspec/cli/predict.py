"""`modelspec predict`: a run's outputs for data, or any other tensor of its graph."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from modelspec.cli.completers import devices, files, folders, tensors
from modelspec.cli.options import data_source
from modelspec.cli.output import keep_format

if TYPE_CHECKING:
    from modelspec.engine.run import Run

Batches = Iterator[dict[str, Any]]


@click.command("predict")
@click.argument("run", metavar="RUN", shell_complete=folders)
@click.argument("source", metavar="[DATA]", required=False, shell_complete=files)
@click.option("--data", metavar="SOURCE", help="The same as DATA: a path, or `{type: ...}`.",
              shell_complete=files)  # fmt: skip
@click.option("-o", "--output", metavar="FILE", default="-", help="Where to; stdout by default.",
              shell_complete=files)  # fmt: skip
@click.option(
    "--format", type=click.Choice(["jsonl", "csv", "npz", "parquet"]), callback=keep_format,
    help="By FILE's ending, else jsonl.",
)  # fmt: skip
@click.option(
    "--at", multiple=True, metavar="NAME", shell_complete=tensors,
    help="A tensor in place of the outputs: an embedding, `encoder@1`; may be given several times.",
)  # fmt: skip
@click.option("--raw", is_flag=True, help="Numbers as the model gives them, not class names.")
@click.option(
    "--batch-size", type=click.IntRange(min=1),
    help="Samples a step; 256 if left out, the spec's where layers are stateful.",
)  # fmt: skip
@click.option("--device", metavar="NAME", help="cpu, cuda, cuda:1; the GPU if there is one.",
              shell_complete=devices)  # fmt: skip
@click.option("--trust-code", is_flag=True, help="Allow `type: python`, which runs your own code.")
def command(
    run: str,
    source: str | None,
    data: str | None,
    output: str,
    format: str | None,
    at: tuple[str, ...],
    raw: bool,
    batch_size: int | None,
    device: str | None,
    trust_code: bool,
) -> None:
    """Write a run's outputs for data, one for each sample.

    DATA is a file of rows as they were for training; `-` reads JSON Lines from stdin, and writes
    each answer as soon as its row is read.
    """
    if (source is None) == (data is None):
        raise click.UsageError("name the data to predict for, once; `-` is stdin")
    form = format or ending(output)
    from modelspec.engine.data import write_rows
    from modelspec.engine.run import load

    held = load(run, device=device, trust_code=trust_code)
    made = outputs(held, str(data if source is None else source), at, batch_size)
    if not raw and not at:
        made = named(held, made)
    target: Any = sys.stdout.buffer if output == "-" else output
    write_rows(target, made, form)


def ending(path: str) -> str:
    """The format that a path's ending stands for."""
    from modelspec.engine.data.writers import ENDINGS

    if path == "-":
        return "jsonl"
    found = ENDINGS.get(os.path.splitext(path)[1].lower())
    if found is None:
        known = ", ".join(ENDINGS)
        raise click.UsageError(
            f"no format is known by the ending of {path} ({known}): say --format"
        )
    return found


def outputs(run: Run, data: str, at: tuple[str, ...], batch_size: int | None) -> Batches:
    """The outputs, batch by batch."""
    if data != "-":
        yield from run.predictions(run.samples(data_source(data)), batch_size=batch_size, at=at)
        return
    from modelspec.engine import wanted
    from modelspec.engine.data import read_stream

    ids, size = run.ids(at), run.begin(batch_size)
    inputs = wanted.inputs(run.graph)
    least = size if run.graph.stateful else 1
    for batch in read_stream(sys.stdin.buffer, inputs, run.encoders, size, least=least):
        yield run.pass_over(batch, ids)


def named(run: Run, batches: Batches) -> Batches:
    """Outputs in the terms of their columns: what an encoder made of them is undone."""
    from modelspec.engine import wanted
    from modelspec.engine.data import decoded

    targets = {one.name: one for one in wanted.everything(run.graph) if one.role == "target"}
    encoders = run.encoders
    for batch in batches:
        yield {
            name: decoded(targets[name], encoders, values) if name in targets else values
            for name, values in batch.items()
        }
