"""A spec is data: nothing in the package runs text, reads pickles, or reaches for names at will."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.architecture.package import FLOORS, Module, modules, report

FORBIDDEN_IMPORTS = {"pickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}
FORBIDDEN_NAMES = {"eval", "exec", "__import__"}
FORBIDDEN_ATTRIBUTES = {
    ("torch", "load"): "reads pickles; weights are safetensors",
    ("torch", "save"): "writes pickles; weights are safetensors",
    ("yaml", "load"): "builds objects; source/ reads libyaml's events",
    ("yaml", "unsafe_load"): "builds objects; source/ reads libyaml's events",
    ("yaml", "full_load"): "builds objects; source/ reads libyaml's events",
    ("os", "system"): "runs a shell",
}

# `getattr` and the like with a computed name, on floors 0 to 3: where, and why it is safe.
COMPUTED_NAMES: dict[str, str] = {
    "modelspec/language/word.py::Word.__init_subclass__": "the class's own declared arguments",
}

# Modules imported by a computed name: where, and why it is safe.
COMPUTED_IMPORTS: dict[str, str] = {
    "modelspec/catalog/words.py::find": "a family's name, out of catalog/index.py's own table",
    "modelspec/engine/lowering.py::lowering": "the family that declares the layer's class",
    "modelspec/cli/shell.py::Commands.get_command": "a name out of the shell's own list",
    "modelspec/engine/foreign.py::python_class": "the user's own code, under --trust-code alone",
}


def test_nothing_runs_text_or_reads_pickles():
    faults = []
    for module in modules():
        for target, line, _ in module.imports():
            if target.split(".")[0] in FORBIDDEN_IMPORTS:
                faults.append(f"{module.name}:{line} imports {target}")
        for node in ast.walk(module.tree):
            fault = forbidden(node)
            if fault:
                faults.append(f"{module.name}:{node.lineno} {fault}")  # type: ignore[attr-defined]
    assert not faults, report("a spec is data, and so is a checkpoint:", faults)


def forbidden(node: ast.AST) -> str:
    if isinstance(node, ast.Name) and node.id in FORBIDDEN_NAMES:
        return f"uses `{node.id}`"
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        reason = FORBIDDEN_ATTRIBUTES.get((node.value.id, node.attr))
        return f"uses {node.value.id}.{node.attr}: {reason}" if reason else ""
    if isinstance(node, ast.keyword) and node.arg in ("allow_pickle", "shell"):
        is_off = isinstance(node.value, ast.Constant) and node.value.value is False
        return "" if is_off else f"passes {node.arg}"
    return ""


def test_attributes_are_reached_by_names_that_stand_in_the_source():
    found = {
        place: f"{place} (line {line})"
        for module in modules()
        if FLOORS[module.part] <= 3
        for place, line in calls(module, {"getattr", "setattr", "delattr"}, position=1)
    }
    check_against(found, COMPUTED_NAMES, "COMPUTED_NAMES")


def test_modules_are_imported_by_names_that_stand_in_the_source():
    found = {
        place: f"{place} (line {line})"
        for module in modules()
        for place, line in calls(module, {"import_module"}, position=0)
    }
    check_against(found, COMPUTED_IMPORTS, "COMPUTED_IMPORTS")


def check_against(found: dict[str, str], allowed: dict[str, str], table: str) -> None:
    faults = [text for place, text in found.items() if place not in allowed]
    assert not faults, report(f"a computed name; if it is safe, say why in {table}:", faults)
    stale = sorted(set(allowed) - set(found))
    assert not stale, report(f"no longer there, so take it out of {table}:", stale)


def calls(module: Module, functions: set[str], position: int) -> Iterator[tuple[str, int]]:
    """Calls of `functions` whose argument at `position` is no constant, as `file::function`."""
    yield from _calls(module.tree, functions, position, f"{module.name}::")


def _calls(
    node: ast.AST, functions: set[str], position: int, place: str
) -> Iterator[tuple[str, int]]:
    for child in ast.iter_child_nodes(node):
        inside = place
        if isinstance(child, ast.FunctionDef | ast.ClassDef):
            inside = place + ("" if place.endswith("::") else ".") + child.name
        if isinstance(child, ast.Call) and called(child) in functions:
            argument = child.args[position] if len(child.args) > position else None
            if not isinstance(argument, ast.Constant):
                yield inside, child.lineno
        yield from _calls(child, functions, position, inside)


def called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Name):
        return node.func.id
    return node.func.attr if isinstance(node.func, ast.Attribute) else ""
