"""`${...}`: a parameter, or plain arithmetic on parameters and numbers. Never `eval`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any, Protocol

TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[^\W\d]\w*)"
    r"|(?P<sign>\*\*|//|<=|>=|==|!=|[-+*/%()<>]))"
)
LONGEST = 1000
DEEPEST = 50
LARGEST = 2**63

#: operator -> (binding power, what it does)
BINARY: dict[str, tuple[int, Callable[[Any, Any], Any]]] = {
    "<": (1, operator.lt), "<=": (1, operator.le), ">": (1, operator.gt), ">=": (1, operator.ge),
    "==": (1, operator.eq), "!=": (1, operator.ne),
    "+": (2, operator.add), "-": (2, operator.sub),
    "*": (3, operator.mul), "/": (3, operator.truediv),
    "//": (3, operator.floordiv), "%": (3, operator.mod),
    "**": (5, operator.pow),
}  # fmt: skip
NEGATION = 4


#: a sign that is none here -> what to do
HELP = {
    "^": "the power of a number is `**`",
    ".": "a parameter is named alone: `${width}`",
}


class Values(Protocol):
    """Values by name."""

    def __contains__(self, name: object) -> bool: ...

    def __getitem__(self, name: str) -> Any: ...


class Spoilt(Exception):
    """It names a parameter whose own value could not be had, which has been reported."""


#: The value of such a parameter.
SPOILT: Any = object()


class BadExpression(Exception):
    """What is wrong with it; `name` is set where it names an unknown parameter, `help` where it is
    plain what to do.
    """

    def __init__(self, fact: str, name: str | None = None, help: str = "") -> None:
        super().__init__(fact)
        self.fact, self.name, self.help = fact, name, help


def evaluate(text: str, params: Values) -> Any:
    """The value of the expression; raises BadExpression, or Spoilt."""
    if len(text) > LONGEST:
        raise BadExpression(f"this is longer than {LONGEST} characters")
    tokens = _tokens(text)
    parser = _Parser(tokens, params)
    value = parser.expression(0, 0)
    if parser.at < len(tokens):
        raise BadExpression(f"`{tokens[parser.at][1]}` is not expected here")
    return value


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    at = 0
    end = len(text.rstrip())
    while at < end:
        match = TOKEN.match(text, at)
        if match is None:
            sign = text[at:].strip()[:1]
            raise BadExpression(f"`{sign}` is not part of the language", help=HELP.get(sign, ""))
        kind = str(match.lastgroup)
        if match.group(kind) == "(" and found and found[-1][0] == "name":
            raise BadExpression(f"`{found[-1][1]}(...)` is a call, and nothing is called here")
        found.append((kind, match.group(kind)))
        at = match.end()
    return found


class _Parser:
    """Precedence climbing over the tokens, computing as it goes."""

    def __init__(self, tokens: list[tuple[str, str]], params: Values) -> None:
        self.tokens, self.params, self.at = tokens, params, 0

    def expression(self, power: int, depth: int) -> Any:
        if depth > DEEPEST:
            raise BadExpression(f"this is nested more than {DEEPEST} deep")
        left = self.operand(depth)
        while self.at < len(self.tokens):
            kind, sign = self.tokens[self.at]
            if kind != "sign" or sign not in BINARY or BINARY[sign][0] <= power:
                break
            self.at += 1
            strength = BINARY[sign][0]
            # `**` groups to the right, the others to the left.
            right = self.expression(strength - 1 if sign == "**" else strength, depth + 1)
            left = self.apply(sign, left, right)
        return left

    def operand(self, depth: int) -> Any:
        if self.at >= len(self.tokens):
            raise BadExpression("this ends where a value is expected")
        kind, text = self.tokens[self.at]
        self.at += 1
        if kind == "number":
            if len(text) > 40:
                raise BadExpression("a number of more than 40 digits")
            return int(text) if text.isdigit() else float(text)
        if kind == "name":
            if text not in self.params:
                raise BadExpression(f"no parameter is called `{text}`", text)
            if self.params[text] is SPOILT:
                raise Spoilt
            return self.params[text]
        if text == "(":
            value = self.expression(0, depth + 1)
            if self.at >= len(self.tokens) or self.tokens[self.at][1] != ")":
                raise BadExpression("a `(` is not closed")
            self.at += 1
            return value
        if text in "+-":
            value = self.number(self.expression(NEGATION, depth + 1))
            return -value if text == "-" else value
        raise BadExpression(f"`{text}` is not expected here")

    def apply(self, sign: str, left: Any, right: Any) -> Any:
        if sign in ("==", "!="):
            return BINARY[sign][1](left, right)
        left, right = self.number(left), self.number(right)
        if sign == "**":
            # Checked before it is computed: 9**9**9 has 370 million digits.
            if abs(right) > 64 and abs(left) > 1:
                raise BadExpression("the result is too large")
            if left < 0 and not isinstance(right, int):
                raise BadExpression("a fractional power of a negative number")
        try:
            value = BINARY[sign][1](left, right)
        except ZeroDivisionError:
            raise BadExpression("this divides by zero") from None
        except OverflowError:
            raise BadExpression("the result is too large") from None
        if not isinstance(value, bool) and abs(value) >= LARGEST:
            raise BadExpression("the result is too large")
        return value

    def number(self, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise BadExpression(f"arithmetic needs numbers, and this is {value!r}")
        return value
