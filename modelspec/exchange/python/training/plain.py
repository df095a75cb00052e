"""The engine's functions as plain ones: what a word says stands in them as the values that it has.

`Plain.take` reads a function's source, puts the values of `word.argument` in, leaves out the
branches that these decide against, and does the same for every function that is called. So a
script's losses and metrics are the engine's, and read as if they were written for it.
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Callable
from types import ModuleType
from typing import Any

from modelspec.exchange.python.training.folding import WORDS, Folded
from modelspec.exchange.python.training.lines import neat

#: Annotations that stay; of others, the ones that have a plain name.
PLAIN = {"Tensor", "int", "float", "str", "bool", "tuple", "dict", "list", "None"}
RENAMED = {"State": "dict[str, Tensor]"}


class Plain:
    """Functions and constants by the names that they have in the script."""

    def __init__(self, taken: set[str]) -> None:
        self.texts: dict[str, str] = {}
        self.taken = taken  # names that mean something else
        self.modules: set[str] = set()  # such as `math`
        self.imports: set[str] = set()  # such as `from bisect import bisect_left`
        self.open: dict[Any, str] = {}  # functions that are being taken, which may call themselves

    def take(self, function: Any, word: Any = None, name: str = "", **fixed: Any) -> str:
        """The name of a function whose `word` is this one, and other parameters these values."""
        tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
        assert isinstance(tree, ast.FunctionDef)
        if function in self.open:
            return self.open[function]
        known = dict(fixed)
        tree.args = parameters(tree.args, {*known, *(() if word is None else (*WORDS, "_"))})
        tree.returns, tree.decorator_list = annotation(tree.returns), []
        self.open[function] = name or tree.name
        tree.body = Folded(self, function.__globals__, word, known).block(tree.body)
        del self.open[function]
        return self.add(name or tree.name, lambda own: written(tree, own))

    def taken_class(self, cls: type) -> str:
        """The name of a class that stands there as it is."""
        text = inspect.getsource(cls).rstrip()
        read = {one.id for one in ast.walk(ast.parse(text)) if isinstance(one, ast.Name)}
        scope = vars(sys.modules[cls.__module__])
        self.modules |= {name for name in read if isinstance(scope.get(name), ModuleType)}
        return self.add(cls.__name__, lambda own: text)

    def number(self, name: str, value: float) -> str:
        """The name of a module's number."""
        text = hex(value) if isinstance(value, int) and value > 1 << 32 else repr(value)
        return self.add(name, lambda own: f"{own} = {text}")

    def constant(self, module: ModuleType, name: str) -> str:
        """The name of a module's constant, written as it is there."""
        (value,) = (
            node.value
            for node in ast.parse(inspect.getsource(module)).body
            if isinstance(node, ast.Assign | ast.AnnAssign) and name in assigned_names(node)
        )
        assert value is not None
        value = Folded(self, module.__dict__, None, {}).visit(value)
        return self.add(name, lambda own: neat(f"{own} = {ast.unparse(value)}"))

    def add(self, name: str, text: Callable[[str], str]) -> str:
        """A text under a name of its own; the same text stands there once."""
        own, count = name, 1
        while own in self.taken or self.texts.get(own, text(own)) != text(own):
            count += 1
            own = f"{name}_{count}"
        # What it refers to was added before it.
        self.texts.setdefault(own, text(own))
        return own


def assigned_names(node: ast.Assign | ast.AnnAssign) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [one.id for one in targets if isinstance(one, ast.Name)]


def parameters(given: ast.arguments, left_out: set[str]) -> ast.arguments:
    """A function's parameters without some of them."""
    defaults = [None] * (len(given.args) - len(given.defaults)) + given.defaults
    pairs = [
        (one, default)
        for one, default in zip(given.args, defaults, strict=True)
        if one.arg not in left_out
    ]
    given.args = [one for one, _ in pairs]
    given.defaults = [default for _, default in pairs if default is not None]
    for one in [*given.args, *given.kwonlyargs, *filter(None, [given.vararg])]:
        one.annotation = annotation(one.annotation)
    return given


def written(tree: ast.FunctionDef, name: str) -> str:
    tree.name = name
    return neat(ast.unparse(ast.fix_missing_locations(tree)))


def annotation(node: ast.expr | None) -> ast.expr | None:
    """An annotation that means something without this package, or none."""
    if node is None:
        return None
    if isinstance(node, ast.Name) and node.id in RENAMED:
        return ast.parse(RENAMED[node.id], mode="eval").body
    names = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
    return node if names <= PLAIN else None
