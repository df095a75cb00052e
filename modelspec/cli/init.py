"""`modelspec init`: a first spec."""

from __future__ import annotations

import os

import click

from modelspec.cli.completers import folders

FIRST = """\
# Which digit was written? A small convolutional network on images packaged with modelspec.
#   modelspec summary spec.yaml     layers, shapes and sizes
#   modelspec train spec.yaml       trains it, in seconds
inputs:
  image: [8, 8, 1]                              # shapes leave out the batch

layers:
  scaled: {type: Rescaling, scale: 0.0625}      # pixels are 0 to 16
  edges:  {type: Conv2D, filters: 32, kernel_size: 3, padding: same, activation: relu}
  small:  {type: MaxPooling2D, pool_size: 2}
  flat:   {type: Flatten}
  hidden: {type: Dense, units: 64, activation: relu}
  label:  {type: Dense, units: 10, activation: softmax}

outputs:
  label: {loss: sparse_categorical_crossentropy, metrics: [accuracy]}

data:
  train: {type: Digits}
  validation: 0.2

train:
  optimizer: {type: Adam, learning_rate: 0.001}
  epochs: 10
"""


@click.command("init")
@click.argument("directory", metavar="[DIR]", default=".", shell_complete=folders)
def command(directory: str) -> None:
    """Write a first spec, DIR/spec.yaml, that trains at once. Nothing is overwritten."""
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, "spec.yaml")
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(FIRST)
    except FileExistsError:
        raise click.UsageError(f"{path} is there already, and nothing is overwritten") from None
    shown = os.path.normpath(path)
    click.echo(f"wrote {shown}; next: modelspec train {shown}")
