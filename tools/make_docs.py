"""Write docs/reference/ from the catalogue's declarations: `make docs`.

A page per group of words, and one per family of layers. A test holds the pages against this.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modelspec.catalog.index import ALIASES, INDEX
from modelspec.catalog.words import find, snake
from modelspec.language.kinds import REQUIRED, Kind
from modelspec.language.word import Word

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"


def pages() -> dict[str, str]:
    """Every page: its path below docs/reference/, and its text."""
    made = {}
    for group, modules in INDEX.items():
        for module, names in modules.items():
            path = f"{module.replace('.', '/')}.md"
            made[path] = page(group, module, [(name, find(group, name)) for name in names])
    made["README.md"] = contents()
    return made


def contents() -> str:
    lines = ["# Reference", "", "Every word of the language, by the place where it stands.", ""]
    for group, modules in INDEX.items():
        lines += [f"## {group.capitalize()}", ""]
        for module, names in modules.items():
            title = module.rsplit(".", 1)[-1]
            words = ", ".join(f"`{name}`" for name in names)
            lines.append(f"- [{title}]({module.replace('.', '/')}.md): {words}")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def page(group: str, module: str, words: list[tuple[str, type[Word] | None]]) -> str:
    title = module.rsplit(".", 1)[-1].capitalize()
    if group == "layers":
        title = f"Layers: {title.lower()}"
    lines = [f"# {title}", "", "<!-- made by `make docs` from the catalogue; edit that -->"]
    for name, cls in words:
        assert cls is not None, f"the index names {name}, and no module declares it"
        lines += ["", *section(group, name, cls)]
    return "\n".join(lines) + "\n"


def section(group: str, name: str, cls: type[Word]) -> Iterator[str]:
    yield f"## {name}"
    yield ""
    yield from inspect.cleandoc(cls.__doc__ or "").splitlines()
    other = [f"`{a}`" for a, own in ALIASES.get(group, {}).items() if own == name]
    yield ""
    yield f"Also written {', '.join([f'`{snake(name)}`', *other])}."
    if cls.source:
        yield ""
        yield f"Source: {cls.source}"
    if cls.arguments:
        yield ""
        yield "| argument | is | default | meaning |"
        yield "| --- | --- | --- | --- |"
        for key, kind in cls.arguments.items():
            yield row(key, kind)


def row(key: str, kind: Kind[Any]) -> str:
    default = "required" if kind.default is REQUIRED else f"`{json.dumps(kind.default)}`"
    cells = [f"`{key}`", kind.describe(), default, kind.doc]
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def write(made: dict[str, str]) -> None:
    """Write the pages, and take away those of words that are gone."""
    for path in FOLDER.rglob("*.md"):
        if path.relative_to(FOLDER).as_posix() not in made:
            path.unlink()
    for name, text in made.items():
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    made = pages()
    write(made)
    print(f"{len(made)} pages in {FOLDER}")
