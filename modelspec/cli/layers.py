"""`modelspec layers`: the catalogue."""

from __future__ import annotations

import click

from modelspec.catalog.index import INDEX
from modelspec.cli.completers import words
from modelspec.cli.options import format_option
from modelspec.cli.output import as_json
from modelspec.model.pages import Page, families, near, pages_called, runnable


@click.command("layers")
@click.argument("name", required=False, shell_complete=words)
@click.option(
    "--group", type=click.Choice(list(INDEX)), default="layers", show_default=True,
    help="Which words to list.",
)  # fmt: skip
@format_option("text", "json")
def command(name: str | None, group: str, format: str) -> None:
    """List the catalogue, or show all of one word.

    That is its arguments, shapes and an example. NAME may be a layer, or a loss,
    metric, optimizer, initializer or other word.
    """
    if name is not None:
        found = pages_called(name)
        if not found:
            hint = "; ".join(near(name)) or "`modelspec layers` lists them all"
            raise click.BadParameter(f"nothing is called `{name}`; {hint}", param_hint="NAME")
        if format == "json":
            as_json([described(page) for page in found])
        else:
            click.echo("\n\n".join(text(page) for page in found))
    elif format == "json":
        listed = families(group)
        as_json([described(page) for pages in listed.values() for page in pages])
    else:
        click.echo(listing(group))


def listing(group: str) -> str:
    """A line a word, by family."""
    blocks = []
    for family, pages in families(group).items():
        room = max(len(page.name) for page in pages)
        lines = [f"  {page.name.ljust(room)}  {page.line}" for page in pages]
        blocks.append("\n".join([family, *lines]))
    return "\n\n".join(blocks)


def text(page: Page) -> str:
    """All of one word."""
    parts = [f"{page.name} ({page.group}: {page.family})", "", page.doc]
    if page.spellings:
        parts += ["", "also written " + ", ".join(page.spellings)]
    if page.takes:
        parts += ["", f"takes {page.takes}"]
    rows = list(page.arguments)
    if rows:
        parts += ["", argument_list(rows)]
    if page.cls.source:
        parts += ["", f"source: {page.cls.source}"]
    made = page.examples()
    if made:
        from modelspec.source.tree import write

        example = runnable(made[0])
        parts += ["", f"example: {page.flow(example)}", "", indented(write(example))]
    return "\n".join(parts)


def argument_list(rows: list[tuple[str, str, str, str]]) -> str:
    """Arguments with a line for what each is and one for its meaning."""
    lines = []
    for name, kind, default, doc in rows:
        given = "required" if default == "required" else f"default {default}"
        lines += [f"  {name}: {kind}; {given}", f"      {doc}"]
    return "\n".join(lines)


def indented(block: str) -> str:
    return "\n".join(f"  {line}" for line in block.rstrip().splitlines())


def described(page: Page) -> dict[str, object]:
    """A word for scripts."""
    return {
        "name": page.name,
        "group": page.group,
        "family": page.family,
        "doc": page.doc,
        "spellings": page.spellings,
        "takes": page.takes or None,
        "source": page.cls.source or None,
        "arguments": [
            {"name": name, "is": kind, "default": default, "doc": doc}
            for name, kind, default, doc in page.arguments
        ],
        "examples": page.examples(),
    }
