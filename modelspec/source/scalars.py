"""What a plain scalar stands for, by the core schema of YAML 1.2."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    Value = str | int | float | bool | None

MAX_DIGITS = 4000

_CONSTANTS: dict[str, Value] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True,
    "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_SPECIAL_FLOATS: dict[str, float] = {
    sign + word: float(sign + word[1:])
    for word in (".inf", ".Inf", ".INF")
    for sign in ("", "+", "-")
} | {word: float("nan") for word in (".nan", ".NaN", ".NAN")}

# Only a text that starts with one of these can be anything but a string.
_FIRST = frozenset("0123456789+-.~ntfNTF")
_LETTERS = frozenset("~ntfNTF")

_INTEGER = re.compile(r"[-+]?[0-9]+\Z")
_BASED = re.compile(r"0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")


class TooLong(ValueError):
    """A number that no computer word, or no patience, holds."""


def resolve(text: str) -> Value:
    """The value of a plain scalar. Raises TooLong for an integer or a float beyond all bounds."""
    if not text:
        return None
    first = text[0]
    if first not in _FIRST:
        return text
    if first in _LETTERS:
        return _CONSTANTS.get(text, text)
    return _number(text)


def plain(text: str) -> Value:
    """The value that a quoted text would have without its quotes."""
    try:
        return resolve(text.strip())
    except TooLong:
        return text


def _number(text: str) -> Value:
    if _INTEGER.match(text):
        _bound(text)
        return int(text)
    if _FLOAT.match(text):
        return _float(text)
    if _BASED.match(text):
        _bound(text)
        return int(text, 0)
    return _SPECIAL_FLOATS.get(text, text)


def _float(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise TooLong("it is beyond the largest float, 1.8e308")
    return value


def _bound(text: str) -> None:
    if len(text) > MAX_DIGITS:
        raise TooLong(f"it has {len(text):,} digits, and at most {MAX_DIGITS:,} are read")
