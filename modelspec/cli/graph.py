"""`modelspec graph`: the picture."""

from __future__ import annotations

import os

import click

from modelspec.cli.completers import files, specs
from modelspec.cli.options import compiled, spec_options

#: What a path's ending stands for; no ending is SVG.
ENDINGS = {"": "svg", ".svg": "svg", ".dot": "dot", ".gv": "dot", ".mmd": "mermaid"}


@click.command("graph")
@click.argument("spec", metavar="SPEC|RUN", shell_complete=specs)
@click.option(
    "--format", type=click.Choice(["svg", "dot", "mermaid"]),
    help="SVG as it is; DOT for Graphviz; Mermaid for Markdown. By FILE's ending, else svg.",
)  # fmt: skip
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    default="-",
    help="Where to; stdout unless this says.",
    shell_complete=files,
)
@spec_options
def command(
    spec: str,
    format: str | None,
    output: str,
    settings: tuple[str, ...],
    allow_path: tuple[str, ...],
    trust_code: bool,
) -> None:
    """Draw a model: every call, with its type and output shape.

    Graphs are frames around theirs. One that is called more than once shows its inside at the first
    call alone.
    """
    from modelspec.cli.output import to_file
    from modelspec.model import notation, svg
    from modelspec.model.drawing import draw

    form = format or form_of(output)
    picture = draw(compiled(spec, settings, allow_path, trust_code))
    drawn = {"svg": svg.svg, "dot": notation.dot, "mermaid": notation.mermaid}[form](picture)
    to_file(output, drawn)


def form_of(path: str) -> str:
    """The format that a path's ending stands for."""
    form = ENDINGS.get(os.path.splitext(path)[1].lower())
    if form is None:
        known = ", ".join(filter(None, ENDINGS))
        raise click.UsageError(
            f"no format is known by the ending of {path} ({known}): say --format; "
            "`dot -Tpng model.dot` makes a PNG"
        )
    return form
