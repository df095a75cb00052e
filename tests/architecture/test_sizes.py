"""Files, functions and lines stay short; what is longer stands here with its reason."""

from __future__ import annotations

import ast

import pytest

from tests.architecture.package import modules, report

FILE, FUNCTION, LINE = 330, 40, 100

# What may be longer, and why: `file` or `file::function`.
LONG_FILES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {}


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from `def` to the end, its docstring left out."""
    first = node.body[0]
    is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    docstring = (first.end_lineno or 0) - first.lineno + 1 if is_docstring else 0
    return (node.end_lineno or 0) - node.lineno + 1 - docstring


def file_lengths() -> dict[str, int]:
    return {module.name: module.text.count("\n") for module in modules()}


def function_lengths() -> dict[str, int]:
    return {
        f"{module.name}::{node.name}": length(node)
        for module in modules()
        for node in module.functions()
    }


@pytest.mark.parametrize(
    ("lengths", "limit", "allowed"),
    [(file_lengths, FILE, LONG_FILES), (function_lengths, FUNCTION, LONG_FUNCTIONS)],
    ids=["files", "functions"],
)
def test_what_is_long_says_why(lengths, limit, allowed):
    long = {name: lines for name, lines in lengths().items() if lines > limit}
    faults = [f"{name}: {lines} lines" for name, lines in long.items() if name not in allowed]
    assert not faults, report(f"over {limit} lines; look for the missing noun:", faults)
    stale = sorted(set(allowed) - set(long))
    assert not stale, report("no longer long, so take it out of the list:", stale)


def test_lines_fit_a_hundred_columns():
    faults = [
        f"{module.name}:{number} has {len(line)}"
        for module in modules()
        for number, line in enumerate(module.text.splitlines(), 1)
        if len(line) > LINE
    ]
    assert not faults, report(f"over {LINE} columns:", faults)
