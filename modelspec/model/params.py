"""Putting the values of `${...}` into the tree."""

from __future__ import annotations

import re
from itertools import islice
from typing import Any

from modelspec.model.expressions import SPOILT, BadExpression, Spoilt, evaluate
from modelspec.source.diagnostics import Report
from modelspec.source.fixes import respelled_inside
from modelspec.source.suggest import did_you_mean
from modelspec.source.text import Span
from modelspec.source.tree import Entry, Mapping, Node, Scalar, Sequence, from_plain, to_plain

HOLE = re.compile(r"\$\{([^{}]*)\}")
LONGEST = 10_000


class Param:
    """A named value; `used` says that an expression has named it."""

    __slots__ = ("name", "span", "used", "value")

    def __init__(self, name: str, value: Any, span: Span) -> None:
        self.name, self.value, self.span, self.used = name, value, span, False


class Values:
    """The values of parameters, for expressions, which they note as used."""

    __slots__ = ("declared",)

    def __init__(self, declared: dict[str, Param]) -> None:
        self.declared = declared

    def __contains__(self, name: object) -> bool:
        return name in self.declared

    def __getitem__(self, name: str) -> Any:
        param = self.declared[name]
        param.used = True
        return param.value


class Params:
    """Named values: those of a spec, or of one use of a block (which sees the spec's too)."""

    __slots__ = ("declared", "report")

    def __init__(self, report: Report, declared: dict[str, Param] | None = None) -> None:
        self.report = report
        self.declared: dict[str, Param] = declared or {}

    def declare(self, section: Node | None, given: dict[str, Node] | None = None) -> Params:
        """With the parameters that a `params` section names; `given` values replace defaults."""
        inner = Params(self.report, dict(self.declared))
        if section is None:
            return inner
        if not isinstance(section, Mapping):
            self.report.error(
                "wrong-value",
                "`params` is a mapping from names to values",
                section.span,
                help="params: {width: 64}",
            )
            return inner
        for entry in section.entries:
            name = entry.key.text
            if not name.isidentifier():
                self.report.error(
                    "wrong-value",
                    "a parameter's name is a word, so that `${...}` can hold it",
                    entry.key.span,
                    f"`{name}`",
                )
                continue
            node = (given or {}).get(name)
            # What is given was substituted where it stands; a default sees the ones before it.
            value = node if node is not None else inner.substitute(entry.value)
            meant = SPOILT if self.is_spoilt(value) else to_plain(value)
            inner.declared[name] = Param(name, meant, entry.key.span)
        return inner

    def substitute(self, node: Node) -> Node:
        """The node with every `${...}` replaced; the same node where it holds none."""
        if isinstance(node, Scalar):
            if isinstance(node.value, str) and "${" in node.value:
                return self.filled(node, node.value)
            return node
        if isinstance(node, Sequence):
            items = [self.substitute(item) for item in node.items]
            if all(new is old for new, old in zip(items, node.items, strict=True)):
                return node
            return Sequence(items, node.span)
        entries = [(e, self.substitute(e.value)) for e in node.entries]
        if all(new is e.value for e, new in entries):
            return node
        return Mapping([Entry(e.key, new) for e, new in entries], node.span)

    def is_spoilt(self, node: Node) -> bool:
        """Whether a part of it could not be had."""
        if not self.report.spoilt:
            return False
        inside = [] if isinstance(node, Scalar) else node.items if isinstance(node, Sequence) else [
            entry.value for entry in node.entries]  # fmt: skip
        return node.span in self.report.spoilt or any(map(self.is_spoilt, inside))

    def filled(self, node: Scalar, text: str) -> Node:
        values = Values(self.declared)
        try:
            whole = HOLE.fullmatch(text)
            if whole:
                return from_plain(evaluate(whole.group(1), values), node.span)
            result = HOLE.sub(lambda m: self.shown(evaluate(m.group(1), values)), text)
            if len(result) > LONGEST:
                raise BadExpression("the result is too large")
            return from_plain(result, node.span)
        except BadExpression as bad:
            near = did_you_mean(bad.name, list(self.declared)) if bad.name else ()
            listed = ", ".join(f"`{name}`" for name in islice(self.declared, 12)) or "none"
            self.report.error(
                "bad-expression",
                "`${...}` holds a parameter, or arithmetic on parameters and numbers",
                node.span,
                bad.fact,
                help=near or (f"the parameters here: {listed}" if bad.name else bad.help),
                fix=respelled_inside(bad.name, node.span, self.declared) if bad.name else None,
            )
        except Spoilt:
            pass
        self.report.spoilt.add(node.span)
        return Scalar(None, node.text, True, node.span)

    @staticmethod
    def shown(value: Any) -> str:
        if isinstance(value, dict | list):
            raise BadExpression("a list or a mapping cannot stand inside a string")
        if isinstance(value, bool):
            return "true" if value else "false"
        return "null" if value is None else str(value)
