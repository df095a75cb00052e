"""The package's own source, parsed once: what the tests of this folder look at."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "modelspec"

FLOORS = {
    "source": 0,
    "language": 1,
    "catalog": 2,
    "model": 3,
    "compiler": 3,  # the five lines that call the stages
    "engine": 4,
    "exchange": 4,
    "cli": 5,
    "__init__": 5,  # the Python interface: lazy, and a sibling of the command line
    "__main__": 5,
    "data_sets": 4,
}


class Import(NamedTuple):
    """One imported module: its dotted name, where, and whether it is inside a function."""

    target: str
    line: int
    lazy: bool


class Module:
    """A parsed file of the package."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.relative_to(ROOT).as_posix()
        self.text = path.read_text(encoding="utf-8")
        self.tree = ast.parse(self.text, self.name)

    @property
    def part(self) -> str:
        """The folder or file directly under modelspec/ that it belongs to."""
        return Path(self.name).parts[1].removesuffix(".py")

    @property
    def dotted(self) -> str:
        """`modelspec.catalog.words` for modelspec/catalog/words.py, as an import names it."""
        return self.name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    def imports(self) -> Iterator[Import]:
        """Every import, also those inside functions and under TYPE_CHECKING."""
        yield from _imports(self, self.tree, lazy=False)

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node


def _imports(module: Module, node: ast.AST, lazy: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, child.lineno, lazy)
        elif isinstance(child, ast.ImportFrom):
            for target in _targets(module, child):
                yield Import(target, child.lineno, lazy)
        elif isinstance(child, ast.Call) and _names_a_module(child):
            yield Import(child.args[0].value, child.lineno, lazy)  # type: ignore[attr-defined]
        inside = lazy or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from _imports(module, child, inside)


def _names_a_module(node: ast.Call) -> bool:
    """Whether it is `import_module("name")`: an import like any other."""
    called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    return called == "import_module" and bool(node.args) and isinstance(node.args[0], ast.Constant)


def _targets(module: Module, node: ast.ImportFrom) -> list[str]:
    """What `from base import names` imports: names that are modules count as themselves."""
    base = node.module or ""
    if node.level:
        is_package = module.path.name == "__init__.py"
        parts = module.dotted.split(".")
        parts = parts[: len(parts) - node.level + (1 if is_package else 0)]
        base = ".".join([*parts, *filter(None, [node.module])])
    if base.split(".")[0] != "modelspec":
        return [base]
    return [f"{base}.{name.name}" if is_module(f"{base}.{name.name}") else base
            for name in node.names]  # fmt: skip


def is_module(dotted: str) -> bool:
    path = ROOT.joinpath(*dotted.split("."))
    return path.with_suffix(".py").exists() or path.is_dir()


@cache
def modules() -> list[Module]:
    """Every module of the package, in the order of their names."""
    return [Module(path) for path in sorted(PACKAGE.rglob("*.py"))]


def report(rule: str, faults: list[str]) -> str:
    """What a failing test prints: the rule, then a fault a line."""
    return "\n  ".join([rule, *faults])
