"""`modelspec graph`: the picture."""

from __future__ import annotations

import click

from modelspec.cli.completers import files, specs
from modelspec.cli.options import compiled, spec_options


@click.command("graph")
@click.argument("spec", metavar="SPEC|RUN", shell_complete=specs)
@click.option(
    "--format", type=click.Choice(["svg", "dot", "mermaid"]), default="svg", show_default=True,
    help="SVG as it is; DOT for Graphviz; Mermaid for Markdown.",
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
    format: str,
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

    picture = draw(compiled(spec, settings, allow_path, trust_code))
    drawn = {"svg": svg.svg, "dot": notation.dot, "mermaid": notation.mermaid}[format](picture)
    to_file(output, drawn)
