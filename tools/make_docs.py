"""Write docs/reference/: every word from its declaration, error codes, commands: `make docs`.

A page per group of words, one per family of layers, and one per code. A test holds the pages
against this.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from modelspec.catalog.index import INDEX
from modelspec.catalog.training import Field, Training
from modelspec.cli.shell import modelspec as program
from modelspec.model.pages import Page, families, runnable
from modelspec.source.codes import CODES
from modelspec.source.explained import explanations
from modelspec.source.tree import write as yaml_of

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"
MADE = "<!-- made by `make docs`; edit the declarations -->"


#: What is declared like a word, and stands under a key of its own.
SECTIONS = [Page("sections", "`train`", Training), Page("sections", "`data: fields`", Field)]


def pages() -> dict[str, str]:
    """Every page: its path below docs/reference/, and its text."""
    made = {"README.md": contents(), "cli.md": commands(), **errors()}
    made["sections.md"] = page("sections", "sections", SECTIONS)
    for group in INDEX:
        for family, listed in families(group).items():
            made[path(group, family)] = page(group, family, listed)
    return made


def path(group: str, family: str) -> str:
    return f"layers/{family}.md" if group == "layers" else f"{family}.md"


def contents() -> str:
    lines = ["# Reference", "", MADE, "", "- [Commands](cli.md)", "- [Errors](errors.md)"]
    lines += ["- [The sections `train` and `fields`](sections.md)", ""]
    lines += ["Every word of the language, by the place where it stands.", ""]
    for group in INDEX:
        lines += [f"## {group.capitalize()}", ""]
        for family, listed in families(group).items():
            words = ", ".join(f"`{one.name}`" for one in listed)
            lines.append(f"- [{family}]({path(group, family)}): {words}")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


# -- words -----------------------------------------------------------------------------------


def page(group: str, family: str, listed: list[Page]) -> str:
    title = f"Layers: {family}" if group == "layers" else family.capitalize()
    lines = [f"# {title}", "", MADE]
    for one in listed:
        lines += ["", *section(one)]
    return "\n".join(lines) + "\n"


def section(one: Page) -> Iterator[str]:
    yield f"## {one.family if one.group == 'sections' else one.name}"
    yield ""
    yield from one.doc.splitlines()
    if one.takes:
        yield ""
        yield f"Takes {one.takes}."
    if one.spellings and one.group != "sections":
        yield ""
        yield "Also written " + ", ".join(f"`{name}`" for name in one.spellings) + "."
    if one.cls.source:
        yield ""
        yield f"Source: {one.cls.source}"
    rows = list(one.arguments)
    if rows:
        yield ""
        yield "| argument | is | default | meaning |"
        yield "| --- | --- | --- | --- |"
        for name, kind, default, meaning in rows:
            shown = default if default == "required" else f"`{default}`"
            yield row(f"`{name}`", kind, shown, meaning)
    yield from examples(one)


def examples(one: Page) -> Iterator[str]:
    """Each example of a layer, under the shapes that go in and come out."""
    made = one.examples()
    if not made:
        return
    yield ""
    yield "```yaml"
    for at, example in enumerate(made):
        if at:
            yield ""
        yield f"# {one.flow(runnable(example))}"
        yield from entry(example["layer"]).splitlines()
    yield "```"


def entry(layer: dict[str, Any]) -> str:
    """An entry as a spec writes it."""
    return re.sub(r"\A- ", "", yaml_of([layer])).replace("\n  ", "\n").rstrip()


def row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


# -- errors and commands ---------------------------------------------------------------------


def errors() -> dict[str, str]:
    """A list of all codes, and a page for each."""
    lines = ["# Errors and warnings", "", MADE, "", "`modelspec explain CODE` says the same.", ""]
    lines += ["| code | means |", "| --- | --- |"]
    lines += [row(f"[`{code}`](errors/{code}.md)", meaning) for code, meaning in CODES.items()]
    made = {"errors.md": "\n".join(lines) + "\n"}
    for code, explained in explanations().items():
        parts = [f"# {code}", MADE, CODES[code], explained.text, "[All errors](../errors.md)"]
        made[f"errors/{code}.md"] = "\n\n".join(parts) + "\n"
    return made


def commands() -> str:
    context = click.Context(program, info_name="modelspec")
    lines = ["# Commands", "", MADE, "", *paragraphs(program.help or "")]
    for name in program.list_commands(context):
        command = program.get_command(context, name)
        assert command is not None
        lines += ["", *command_section(name, command)]
    lines += ["", *EXIT_CODES.strip().splitlines()]
    return "\n".join(lines) + "\n"


def command_section(name: str, command: click.Command) -> Iterator[str]:
    inner = click.Context(command, info_name=f"modelspec {name}")
    yield f"## {name}"
    yield ""
    yield f"`{' '.join(command.get_usage(inner).removeprefix('Usage: ').split())}`"
    yield ""
    yield from paragraphs(command.help or "")
    options = [p for p in command.params if isinstance(p, click.Option)]
    if options:
        yield ""
        yield "| option | does |"
        yield "| --- | --- |"
        for option in options:
            yield row(spelled(option), option_help(option))


def spelled(option: click.Option) -> str:
    names = ", ".join(f"`{name}`" for name in sorted(option.opts, key=len, reverse=True))
    if option.is_flag:
        return names
    if isinstance(option.type, click.Choice):
        return f"{names} {' or '.join(f'`{choice}`' for choice in option.type.choices)}"
    return f"{names} {option.metavar or 'N'}"


def option_help(option: click.Option) -> str:
    default = option.default if option.show_default else None
    return (option.help or "") + (f" Default: `{default}`." if default is not None else "")


def paragraphs(text: str) -> list[str]:
    """Help text as Markdown."""
    joined = "\n\n".join(" ".join(part.split()) for part in text.strip().split("\n\n"))
    return joined.splitlines()


EXIT_CODES = """
## Exit codes

| code | means |
| --- | --- |
| 0 | done |
| 1 | the spec or the data is wrong, or a gate failed |
| 2 | wrong usage |
| 3 | training diverged: NaN or infinity |
| 4 | files could not be read or written |
| 5 | out of memory |
| 70 | a fault of the tool itself |
| 130, 141, 143 | ended by SIGINT, SIGPIPE, SIGTERM; training keeps a checkpoint |
"""


def write(made: dict[str, str]) -> None:
    """Write the pages, and take away those of words that are gone."""
    for old in FOLDER.rglob("*.md"):
        if old.relative_to(FOLDER).as_posix() not in made:
            old.unlink()
    for name, text in made.items():
        new = FOLDER / name
        new.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    made = pages()
    write(made)
    print(f"{len(made)} pages in {FOLDER}")
