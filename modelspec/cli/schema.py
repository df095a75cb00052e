"""`modelspec schema`: the language, for editors."""

from __future__ import annotations

import click


@click.command("schema")
def command() -> None:
    """Print a JSON Schema of the language, for editors.

    It is of draft 2020-12. With the YAML extension of VS Code, a first line of a spec such as
    `# yaml-language-server: $schema=modelspec.schema.json` completes and explains every key.
    """
    from modelspec.cli.output import as_json
    from modelspec.model.schema import schema

    as_json(schema())
