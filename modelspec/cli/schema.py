"""`modelspec schema`: the language, for editors."""

from __future__ import annotations

import click


@click.command("schema")
def command() -> None:
    """Print a JSON Schema of the language, for editors.

    It is of draft 2020-12. Kept in a file, it lets editors complete and explain every key: in a
    spec beside that file, the first line
    `# yaml-language-server: $schema=modelspec.schema.json` is enough (docs/editors.md).
    """
    from modelspec.cli.output import as_json
    from modelspec.model.schema import schema

    as_json(schema())
