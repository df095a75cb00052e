"""One function's body with the values of a word in it, without the branches they decide against."""

from __future__ import annotations

import ast
import inspect
import operator
import re
import sys
from collections.abc import Callable
from types import BuiltinFunctionType, ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelspec.exchange.python.training.plain import Plain

COMPARES: dict[type, Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.Gt: operator.gt,
    ast.LtE: operator.le, ast.GtE: operator.ge, ast.Is: operator.is_, ast.IsNot: operator.is_not,
    ast.In: lambda a, b: a in b, ast.NotIn: lambda a, b: a not in b,
}  # fmt: skip
UNKNOWN = object()
#: What a parameter that holds a word, or a layer, is called.
WORDS = ("word", "p")


class Folded(ast.NodeTransformer):
    """One function's body with the word's values in it."""

    def __init__(self, plain: Plain, scope: dict[str, Any], word: Any, known: Any) -> None:
        self.plain, self.globals, self.word = plain, scope, word
        self.known: dict[str, Any] = known  # local names that are values
        self.depth = 0  # how many statements it is in that may run or not

    # -- statements -------------------------------------------------------------------------

    def block(self, body: list[ast.stmt]) -> list[ast.stmt]:
        """Statements, without those that are never reached."""
        made: list[ast.stmt] = []
        for statement in body:
            made += self.statement(statement)
            if made and isinstance(made[-1], ast.Return):
                break
        return made

    def statement(self, node: ast.stmt) -> list[ast.stmt]:
        match node:
            case ast.If():
                node.test = self.visit(node.test)
                value = constant(node.test)
                if value is not UNKNOWN:
                    return self.block(node.body if value else node.orelse)
                return self.undecided(node)
            case ast.For() | ast.While() | ast.With():
                return self.undecided(node)
            case ast.AnnAssign(target=target, value=ast.expr() as given):
                return self.assigned(ast.Assign([target], given, lineno=node.lineno))
            case ast.Assign(targets=[_]):
                return self.assigned(node)
            case ast.AugAssign(target=ast.Name(id=name)) if name in self.known:
                value = literal(self.known.pop(name))
                begun = ast.Assign([ast.Name(name, ast.Store())], value, lineno=node.lineno)
                return [begun, self.visit(node)]
            case ast.Assert():
                return []
        return [self.visit(node)]

    def assigned(self, node: ast.Assign) -> list[ast.stmt]:
        """An assignment, or nothing where its value can stand wherever the name is read."""
        (target,), node.value = node.targets, self.visit(node.value)
        if isinstance(target, ast.Name):
            self.known.pop(target.id, None)
            value = constant(node.value)
            if value is not UNKNOWN and value not in ([], {}) and not self.depth:
                self.known[target.id] = value
                return []
        return [node]

    def undecided(self, node: Any) -> list[ast.stmt]:
        """A statement whose blocks may run or not: what they assign is known no more."""
        inside = [one for part in (node.body, getattr(node, "orelse", [])) for one in part]
        changed = {
            one.id
            for statement in inside
            for one in ast.walk(statement)
            if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store) and one.id in self.known
        }
        before: list[ast.stmt] = [
            ast.Assign([ast.Name(name, ast.Store())], literal(self.known.pop(name)), lineno=0)
            for name in sorted(changed)
        ]
        self.depth += 1
        for field in ("test", "iter", "items"):
            value = getattr(node, field, None)
            if isinstance(value, ast.expr):
                setattr(node, field, self.visit(value))
        node.body, node.orelse = self.block(node.body), self.block(getattr(node, "orelse", []))
        self.depth -= 1
        return [*before, node]

    # -- expressions ------------------------------------------------------------------------

    def visit_Name(self, node: ast.Name) -> Any:
        if node.id in self.known:
            return literal(self.known[node.id])
        found = self.globals.get(node.id, UNKNOWN)
        if inspect.isfunction(found):
            return ast.Name(self.plain.take(found), ast.Load())
        if isinstance(found, type) and found.__module__.startswith("modelspec."):
            return ast.Name(self.plain.taken_class(found), ast.Load())
        if isinstance(found, ModuleType):
            self.plain.modules.add(node.id)
        elif isinstance(found, BuiltinFunctionType):
            origin = found.__module__.removeprefix("_")
            self.plain.imports.add(f"from {origin} import {node.id}")
        elif isinstance(found, int | float) and not isinstance(found, bool):
            return ast.Name(self.plain.number(node.id, found), ast.Load())
        elif isinstance(found, str):
            return literal(found)
        elif isinstance(found, dict | list | re.Pattern):
            home = sys.modules[self.globals["__name__"]]
            return ast.Name(self.plain.constant(home, node.id), ast.Load())
        return node

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        if is_word(node.value) and self.word is not None:
            return literal(getattr(self.word, node.attr))
        return self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> Any:
        if is_dict_of_word(node.value):  # word.__dict__[name]
            return literal(self.word.__dict__[constant(self.visit(node.slice))])
        node = self.generic_visit(node)  # type: ignore[assignment]
        key = constant(node.slice)
        if isinstance(node.value, ast.Dict) and key is not UNKNOWN:
            keys = [constant(one) for one in node.value.keys if one is not None]
            return node.value.values[keys.index(key)]
        return node

    def visit_Call(self, node: ast.Call) -> Any:
        called = node.func
        if isinstance(called, ast.Name) and called.id == "isinstance" and is_word(node.args[0]):
            return ast.Constant(isinstance(self.word, self.classes(node.args[1])))
        if (
            isinstance(called, ast.Attribute)
            and called.attr == "get"
            and is_dict_of_word(called.value)
        ):  # word.__dict__.get(name, default)
            name, *default = (constant(one) for one in node.args)
            return literal(self.word.__dict__.get(name, *default))
        if isinstance(called, ast.Name) and called.id == "finished":
            return finished(*(self.visit(one) for one in node.args))
        found = self.globals.get(called.id) if isinstance(called, ast.Name) else None
        if inspect.isfunction(found):
            return self.helper(found, node)
        node = self.generic_visit(node)  # type: ignore[assignment]
        if isinstance(node.func, ast.Attribute) and node.func.attr == "upper":
            text = constant(node.func.value)
            return node if text is UNKNOWN else ast.Constant(text.upper())
        return node

    def helper(self, function: Any, node: ast.Call) -> ast.expr:
        """A call of the engine's function: what decides its branches stands in that, too."""
        names = list(inspect.signature(function).parameters)
        given: list[ast.expr] = []
        word, fixed = None, dict[str, Any]()
        if function in self.plain.open or any(isinstance(one, ast.Starred) for one in node.args):
            return self.generic_visit(node)  # type: ignore[return-value]
        for name, one in zip(names, node.args, strict=False):
            is_given = is_word(one) and self.word is not None
            value = UNKNOWN if is_given else constant(made := self.visit(one))
            if is_given:
                word = self.word
            elif value is None or isinstance(value, str | bool) or repr(value) == "0.0":
                fixed[name] = value
            else:
                given.append(made)
        name = self.plain.take(function, word, **fixed)
        if given and identity(self.plain.texts[name]):
            del self.plain.texts[name]
            return given[0]
        keywords = [ast.keyword(one.arg, self.visit(one.value)) for one in node.keywords]
        return ast.Call(ast.Name(name, ast.Load()), given, keywords)

    def classes(self, node: ast.expr) -> Any:
        """The class that an expression such as `words.Precision` names."""
        if isinstance(node, ast.Attribute):
            return vars(self.globals[node.value.id])[node.attr]  # type: ignore[attr-defined]
        return self.globals[node.id]  # type: ignore[attr-defined]

    def visit_IfExp(self, node: ast.IfExp) -> Any:
        test = self.visit(node.test)
        value = constant(test)
        if value is not UNKNOWN:
            return self.visit(node.body if value else node.orelse)
        return ast.IfExp(test, self.visit(node.body), self.visit(node.orelse))

    def visit_BoolOp(self, node: ast.BoolOp) -> Any:
        is_and, left = isinstance(node.op, ast.And), []
        for one in map(self.visit, node.values):
            value = constant(one)
            if value is UNKNOWN:
                left.append(one)
            elif bool(value) is not is_and:
                return one if not left else ast.BoolOp(node.op, [*left, one])
        if not left:
            return one
        return left[0] if len(left) == 1 else ast.BoolOp(node.op, left)

    def visit_Compare(self, node: ast.Compare) -> Any:
        node = self.generic_visit(node)  # type: ignore[assignment]
        values = [constant(one) for one in (node.left, *node.comparators)]
        if UNKNOWN in values:
            return node
        pairs = zip(node.ops, values, values[1:], strict=False)
        return ast.Constant(all(COMPARES[type(op)](a, b) for op, a, b in pairs))

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        node = self.generic_visit(node)  # type: ignore[assignment]
        value = constant(node.operand)
        if isinstance(node.op, ast.Not) and value is not UNKNOWN:
            return ast.Constant(not value)
        return node


def finished(values: ast.expr, how: ast.expr) -> ast.expr:
    """The engine's helper of that name, where the reduction is known."""
    if constant(how) == "mean":
        return ast.Call(ast.Attribute(values, "mean", ast.Load()), [], [])
    return values


def is_dict_of_word(node: Any) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "__dict__" and is_word(node.value)


def is_word(node: Any) -> bool:
    return isinstance(node, ast.Name) and node.id in WORDS


def literal(value: Any) -> ast.expr:
    return ast.parse(repr(value), mode="eval").body


def constant(node: ast.expr) -> Any:
    """The value of an expression of constants alone, UNKNOWN for others."""
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError):
        return UNKNOWN


def identity(text: str) -> bool:
    """Whether a function gives its argument back, and does nothing else."""
    tree = ast.parse(text).body[0]
    assert isinstance(tree, ast.FunctionDef)
    last = tree.body[-1]
    return (
        isinstance(last, ast.Return)
        and isinstance(last.value, ast.Name)
        and last.value.id == tree.args.args[0].arg
        and not any(isinstance(one, ast.Assign | ast.AugAssign) for one in tree.body)
    )
