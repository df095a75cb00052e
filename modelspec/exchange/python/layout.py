"""Lines of Python as a formatter leaves them: at most 100 wide, opened at their brackets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from textwrap import wrap

WIDTH = 100
OPENING, CLOSING = "([{", ")]}"
#: What a long expression is broken before, the loosest first.
OPERATORS = (" or ", " and ", " | ", " & ", " + ", " - ", " * ", " / ", " @ ")


def quoted(text: str) -> str:
    """A string as a formatter writes it."""
    return json.dumps(text, ensure_ascii=False)


def docstring(text: str) -> str:
    """A docstring of a class: one line where it fits."""
    lines = wrap(text, 90, break_long_words=False)
    inside = "\n    ".join(lines) + ("\n    " if len(lines) > 1 else "")
    return f'    """{inside}"""'


def laid_out(line: str, comment: str = "") -> list[str]:
    """A statement with the shape of what it makes: beside it, or above where that is too long."""
    indent = line[: len(line) - len(line.lstrip())]
    if comment and len(line) + len(comment) + 4 <= WIDTH:
        return [f"{line}  # {comment}"]
    above = [f"{indent}# {comment}"] if comment else []
    return above + (opened(line, indent) if len(line) > WIDTH else [line])


def opened(line: str, indent: str) -> list[str]:
    """A long statement over several lines."""
    start, equals, value = line.partition(" = ")
    if not equals or start.count("(") != start.count(")") or line.lstrip().startswith("def "):
        start, equals, value = "", "", line.lstrip()
        if value.startswith("return "):
            start, value = "return ", value.removeprefix("return ")
        start = indent + start
    pieces = operands(value)
    if len(pieces) == 1 and is_chain(value) and len(indent) + 4 + len(value) <= WIDTH:
        return [f"{start}{equals}(", f"{indent}    {value}", f"{indent})"]
    if len(pieces) > 1:
        inner = [
            part for piece in pieces for part in within(f"{indent}    {piece}", f"{indent}    ")
        ]
        return [f"{start}{equals}(", *inner, f"{indent})"]
    return within(f"{start}{equals}{value}", indent)


def within(line: str, indent: str, after: int = 0) -> list[str]:
    """A line that is opened at its last brackets, if it is too long; `after` is what follows it."""
    if len(line) + after <= WIDTH:
        return [line]
    begin, end = last_brackets(line)
    if begin < 0 or end == begin + 1:
        return [line]
    items = list(split(line[begin + 1 : end]))
    inner = ", ".join(items)
    deeper = f"{indent}    "
    if len(deeper) + len(inner) <= WIDTH:
        alone = len(items) == 1 and line.lstrip().startswith("def ")
        body = [f"{deeper}{inner}{',' if alone else ''}"]
    else:
        body = [part for item in items for part in ended(within(f"{deeper}{item}", deeper, 1))]
    return [line[: begin + 1], *body, f"{indent}{line[end:]}"]


def ended(lines: list[str]) -> list[str]:
    """An item of several, with its comma."""
    return [*lines[:-1], f"{lines[-1]},"]


def last_brackets(line: str) -> tuple[int, int]:
    """Where the last outermost brackets begin and end that stand within the width; -1 where there
    are none.
    """
    found = [pair for pair in brackets(line) if pair[0] < WIDTH]
    return found[-1] if found else (-1, -1)


def brackets(line: str) -> list[tuple[int, int]]:
    """Where the outermost brackets begin and end."""
    depth, begin = 0, -1
    found: list[tuple[int, int]] = []
    for at, sign in characters(line):
        if sign in OPENING:
            begin, depth = (at, 1) if depth == 0 else (begin, depth + 1)
        elif sign in CLOSING:
            depth -= 1
            found += [(begin, at)] if depth == 0 else []
    return found


def is_chain(text: str) -> bool:
    """Whether methods are called on what methods gave."""
    return sum(text.startswith(").", end) for _, end in brackets(text)) > 1


def split(text: str, by: str = ", ") -> Iterator[str]:
    """The parts of an expression between separators that stand in no brackets."""
    depth, start = 0, 0
    for at, sign in characters(text):
        depth += (sign in OPENING) - (sign in CLOSING)
        if depth == 0 and text.startswith(by, at):
            yield text[start:at]
            start = at + len(by)
    yield text[start:]


def operands(text: str) -> list[str]:
    """An expression at its loosest operators, each before what it is followed by."""
    for operator in OPERATORS:
        first, *others = split(text, operator)
        if others:
            return [first, *(f"{operator.lstrip()}{one}" for one in others)]
    return [text]


def characters(text: str) -> Iterator[tuple[int, str]]:
    """Each character outside of strings, with its place."""
    inside = ""
    for found in re.finditer(r"\\.|.", text):
        sign = found[0]
        if inside:
            inside = "" if sign == inside else inside
        elif sign in "\"'":
            inside = sign
        else:
            yield found.start(), sign


def held(text: str) -> str:
    """An expression that a method may be called on."""
    plain = len(list(split(text, " "))) == 1 and text[:1] not in "-~"
    return text if plain else f"({text})"
