"""What each code means at length: the texts of explanations/, read when somebody asks.

A file is a group of codes; a `## code` in it begins one. The paragraphs say what it means and why
it matters; a spec that has the fault follows, and below `Mended:` the spec without it. A block with
a file's name is a file that the spec reads.
"""

from __future__ import annotations

import os
import re

FOLDER = os.path.join(os.path.dirname(__file__), "explanations")
MENDED = "\nMended:\n"
_SECTION = re.compile(r"^## (\S+)\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^```\w+(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Explanation:
    """One code: `text` is Markdown; `wrong` and `mended` are files by name, the spec's being ""."""

    __slots__ = ("code", "text", "wrong", "mended")

    def __init__(self, code: str, text: str) -> None:
        self.code = code
        self.text = text
        before, _, after = text.partition(MENDED)
        self.wrong = _files(before)
        self.mended = self.wrong | _files(after) if after else {}


def explanations() -> dict[str, Explanation]:
    """Every explanation by its code, in the order of the files."""
    found = {}
    for name in sorted(os.listdir(FOLDER)):
        if name.endswith(".md"):
            with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
                for code, text in _SECTION.findall(file.read()):
                    found[code] = Explanation(code, text.strip())
    return found


def _files(text: str) -> dict[str, str]:
    return {name or "": body for name, body in _BLOCK.findall(text)}
