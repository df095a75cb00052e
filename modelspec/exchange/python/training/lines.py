"""Lines of written code: none too long, texts in double quotes, no parentheses for nothing."""

from __future__ import annotations

import io
import tokenize
from collections.abc import Iterator

WIDTH = 96
OPENING, CLOSING = "([{", ")]}"


def neat(code: str) -> str:
    """Code out of `ast.unparse` as one writes it."""
    lines = []
    for line in doubled(code).split("\n"):
        lines += broken(bare(line))
    return "\n".join(lines)


def doubled(code: str) -> str:
    """Texts in double quotes, where none stands in them."""
    lines = code.split("\n")
    for token in reversed(list(tokenize.generate_tokens(io.StringIO(code).readline))):
        text = token.string
        if token.type != tokenize.STRING or not text.startswith("'") or '"' in text:
            continue
        if token.start[0] != token.end[0] or "\\" in text:
            continue
        row, first, last = token.start[0] - 1, token.start[1], token.end[1]
        lines[row] = f'{lines[row][:first]}"{text[1:-1]}"{lines[row][last:]}'
    return "\n".join(lines)


def bare(line: str) -> str:
    """A line without parentheses around all that is given or assigned."""
    at = line.find("((")
    while at >= 0:
        end = pair(line, at + 1)
        alone = end >= 0 and line[end + 1 : end + 2] == ")" and " for " in line[at:end]
        if alone and line[at - 1 : at].isalnum():
            line = f"{line[:at]}{line[at + 1 : end]}{line[end + 1 :]}"
        at = line.find("((", at + 1)
    for start in ("return (", " = ("):
        head, found, rest = line.partition(start)
        if found and rest.endswith(")") and "," in rest and pair(rest, 0, 1) == len(rest) - 1:
            listed = not any(one.startswith("for ") for one in pieces(rest[:-1]))
            return f"{head}{start[:-1]}{rest[:-1]}" if listed and rest[-2] != "," else line
    return line


def outside_texts(line: str, start: int = 0, depth: int = 0) -> Iterator[tuple[int, str, int]]:
    """Each place from `start` on that is in no text, its letter, and how many brackets are open
    behind it, of which `depth` are before.
    """
    quote = ""
    for place in range(start, len(line)):
        one = line[place]
        if quote:
            quote = "" if one == quote else quote
        elif one in "'\"":
            quote = one
        else:
            depth += (one in OPENING) - (one in CLOSING)
            yield place, one, depth


def pair(text: str, at: int, depth: int = 0) -> int:
    """Where the bracket closes that is open at `at`; texts are passed over."""
    places = outside_texts(text, at, depth)
    return next((place for place, one, open in places if one in CLOSING and open == 0), -1)


def broken(line: str) -> list[str]:
    """A line as several, where it is long: what stands in its largest brackets is indented."""
    indent = len(line) - len(line.lstrip())
    if len(line) <= WIDTH or line.lstrip().startswith(("#", '"""')):
        return [line]
    found = max(brackets(line), key=lambda one: one[1] - one[0], default=None)
    if found is None or found[1] - found[0] < 20:
        return [line]
    start, end = found
    inner = " " * (indent + 4)
    lines = [line[: start + 1]]
    for piece in filled(pieces(line[start + 1 : end]), WIDTH - indent - 4):
        lines += broken(inner + piece)
    return [*lines, " " * indent + line[end:]]


def brackets(line: str) -> list[tuple[int, int]]:
    """The outermost pairs of brackets."""
    found: list[tuple[int, int]] = []
    at = 0
    while at < len(line):
        if line[at] in OPENING:
            end = pair(line, at)
            if end < 0:
                return found
            found.append((at, end))
            at = end
        at += 1
    return found


def pieces(inside: str) -> list[str]:
    """What stands between brackets, cut after its commas, or before the words of a loop."""
    found, start = [], 0
    for at, one, depth in outside_texts(inside):
        if depth == 0 and (one == "," or inside.startswith((" for ", " if "), at)):
            end = at + (one == ",")
            found.append(inside[start:end].strip())
            start = end
    return [*found, inside[start:].strip()]


def filled(parts: list[str], width: int) -> list[str]:
    """Parts in as few lines as they fit in."""
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + 1 + len(part) <= width:
            lines[-1] += f" {part}"
        else:
            lines.append(part)
    return lines
