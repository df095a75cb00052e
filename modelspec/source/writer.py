"""Plain data as YAML text that reads well and reads back the same."""

from __future__ import annotations

import re

from .nodes import spelled
from .scalars import TooLong, resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

WIDTH = 100
_LONGEST_KEY = 1000  # libyaml looks 1,024 characters ahead for a key's colon

_PLAIN = re.compile(r"[A-Za-z_/.][A-Za-z0-9_/.+@^-]*(?: [A-Za-z0-9_/.+@^-]+)*\Z")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0"}


def write(plain: Any) -> str:
    """YAML of dicts, lists and values: `to_plain(parse(write(x))) == x`.

    Tables are blocks; a record, which holds scalars and little else, is one line where it fits.
    """
    if isinstance(plain, dict) and plain:
        return "\n".join(_entries(plain, 0)) + "\n"
    return "\n".join(_lines(plain, 0)) + "\n"


def _lines(value: Any, indent: int) -> Iterator[str]:
    """The lines of a value that stands on its own, at `indent`."""
    inline = _inline(value, WIDTH - indent)
    if inline is not None:
        yield " " * indent + inline
    elif isinstance(value, dict):
        yield from _entries(value, indent)
    elif all(isinstance(item, (int, float)) for item in value):
        yield from _filled([_scalar(item) for item in value], indent)
    else:
        for item in value:
            first, *rest = _lines(item, indent + 2)
            yield f"{' ' * indent}- {first[indent + 2 :]}"
            yield from rest


def _filled(texts: list[str], indent: int) -> Iterator[str]:
    """Many numbers in as few lines as they take."""
    line = " " * indent + "["
    for text in texts[:-1]:
        if len(line) + len(text) + 1 > WIDTH:
            yield line.rstrip()
            line = " " * (indent + 1)
        line += f"{text}, "
    if len(line) + len(texts[-1]) + 1 > WIDTH:
        yield line.rstrip()
        line = " " * (indent + 1)
    yield f"{line}{texts[-1]}]"


def _entries(mapping: dict[Any, Any], indent: int) -> Iterator[str]:
    margin = " " * indent
    for key, value in mapping.items():
        head = f"{margin}{_scalar(key)}:"
        if len(head) > _LONGEST_KEY:
            head = f"{margin}? {_scalar(key)}\n{margin}:"
        inline = _inline(value, WIDTH - len(head) - 1)
        if inline is not None:
            yield f"{head} {inline}"
        else:
            yield head
            yield from _lines(value, indent + 2)


def _inline(value: Any, room: int) -> str | None:
    """The value on one line, if that is how it reads best."""
    if not isinstance(value, (dict, list, tuple)):
        return _scalar(value)
    if len(value) * 3 > room or not _is_record(value, 3):
        return None if value else _flow(value)
    text = _flow(value)
    return text if len(text) <= room else None


def _is_record(value: Any, levels: int) -> bool:
    """Whether a mapping describes one thing: its first value is no mapping, and little nests.

    A mapping that begins with a mapping is a table of things, and gets a line for each.
    """
    if not isinstance(value, (dict, list, tuple)):
        return True
    if levels == 0:
        return False
    if isinstance(value, dict):
        values = list(value.values())
        if values and isinstance(values[0], dict) and values[0]:
            return False
    else:
        values = list(value)
        if any(isinstance(item, dict) for item in values):
            return False
    return all(_is_record(item, levels - 1) for item in values)


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        items = (f"{_scalar(key)}: {_flow(item)}" for key, item in value.items())
        return "{" + ", ".join(items) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if not isinstance(value, str):
        return spelled(value)
    return value if _stands_plain(value) else _quoted(value)


def _stands_plain(text: str) -> bool:
    if not _PLAIN.match(text) or len(text) > WIDTH:
        return False
    try:
        return isinstance(resolve(text), str)
    except TooLong:
        return False


def _quoted(text: str) -> str:
    if text.isprintable():
        if '"' not in text and "\\" not in text:
            return f'"{text}"'
        if "'" not in text:
            return f"'{text}'"
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
