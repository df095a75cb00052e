"""Kinds of arguments that are words: any text, a path, one of a few choices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelspec.language.values import REQUIRED, Kind, Mismatch, Reader, fact
from modelspec.source.fixes import respelled
from modelspec.source.suggest import did_you_mean
from modelspec.source.tree import Scalar

if TYPE_CHECKING:
    from modelspec.source.tree import Node


class Text(Kind[str]):
    """Any string."""

    def value(self, node: Node, reader: Reader, owner: Any) -> str:
        if isinstance(node, Scalar) and isinstance(node.value, str):
            return node.value
        raise Mismatch(fact(node), node)

    def noun(self) -> str:
        return "a string"

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string"}


class Path(Text):
    """A path, relative to the file that names it; read as `(text, folder of that file)`."""

    def noun(self) -> str:
        return "a path"


class Choice(Kind[Any]):
    """One of a few values (strings, or numbers)."""

    def __init__(self, doc: str, *options: Any, default: Any = REQUIRED, null: bool = False):
        super().__init__(doc, default=default, null=null)
        self.options = options

    def value(self, node: Node, reader: Reader, owner: Any) -> Any:
        if isinstance(node, Scalar):
            if node.value in self.options and not isinstance(node.value, bool):
                return node.value
            if isinstance(node.value, str):
                words = [o for o in self.options if isinstance(o, str)]
                near = did_you_mean(node.value, words)
                fix = respelled(node.value, node.span, words)
                meant = None if fix is None else fix.replacement
                raise Mismatch(f"this is `{node.value}`", node, near, meant)
        raise Mismatch(fact(node), node)

    def noun(self) -> str:
        shown = [f"`{option}`" for option in self.options]
        return shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + " or " + shown[-1]

    def json_schema(self) -> dict[str, Any]:
        return {"enum": list(self.options)}
