"""`modelspec show`: the spec with all of it filled in."""

from __future__ import annotations

import click

from modelspec.cli.completers import specs
from modelspec.cli.options import compiled, spec_options


@click.command("show")
@click.argument("spec", metavar="SPEC|RUN", shell_complete=specs)
@spec_options
def command(
    spec: str, settings: tuple[str, ...], allow_path: tuple[str, ...], trust_code: bool
) -> None:
    """Print the spec with every default filled in.

    Blocks and repeats are written out. What is printed is a spec, and makes the same model.
    """
    from modelspec.model.show import show
    from modelspec.source.tree import write

    graph = compiled(spec, settings, allow_path, trust_code)
    click.echo(write(show(graph.spec)), nl=False)
