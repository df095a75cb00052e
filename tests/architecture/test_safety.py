"""A spec is data: nothing in the package runs text, reads pickles, or reaches for names at will."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.package import Module, modules, report

# What builds objects from bytes, runs other programs, runs texts and files, or reaches out.
FORBIDDEN_IMPORTS = {
    "pickle", "_pickle", "marshal", "shelve", "dbm", "dill", "cloudpickle", "joblib",
    "subprocess", "pty", "multiprocessing", "ctypes", "cffi",
    "code", "codeop", "runpy", "zipimport", "imp", "pdb", "timeit", "doctest",
    "socket", "http", "ftplib", "requests", "xmlrpc",
}  # fmt: skip
FORBIDDEN_NAMES = {"eval", "exec", "__import__", "__builtins__", "globals", "locals", "breakpoint"}
FORBIDDEN_ATTRIBUTES = {
    ("torch", "load"): "reads pickles; weights are safetensors",
    ("torch", "save"): "writes pickles; weights are safetensors",
    ("yaml", "load"): "builds objects; source/ reads libyaml's events",
    ("yaml", "unsafe_load"): "builds objects; source/ reads libyaml's events",
    ("yaml", "full_load"): "builds objects; source/ reads libyaml's events",
    ("yaml", "load_all"): "builds objects; source/ reads libyaml's events",
    ("os", "system"): "runs a shell",
    ("os", "popen"): "runs a shell",
    ("builtins", "eval"): "runs text",
    ("builtins", "exec"): "runs text",
    ("builtins", "compile"): "makes code of text",
    ("hub", "load"): "downloads code and runs it",
    ("jit", "load"): "runs the file's own code",
    ("request", "urlopen"): "reaches out",
    ("util", "spec_from_file_location"): "imports a file",
    ("machinery", "SourceFileLoader"): "imports a file",
    ("types", "FunctionType"): "makes a function of code",
    ("types", "CodeType"): "makes code",
}
FORBIDDEN_BEGINNINGS = {"os": ("exec", "spawn", "posix_spawn", "fork")}

DTYPE = "a dtype's name, out of the list in language/dtypes.py"

# `getattr` and the like with a computed name: where, and why it is safe.
COMPUTED_NAMES: dict[str, str] = {
    "modelspec/language/word.py::Word.__init_subclass__": "the class's own declared arguments",
    "modelspec/engine/checkpoint.py::Checkpoint.tensor": "one of its three parts, by the caller",
    "modelspec/engine/checkpoint.py::Checkpoint.refuse_others": "one of its three parts",
    "modelspec/engine/data/feed.py::as_float": DTYPE,
    "modelspec/engine/foreign.py::Probe.__init__": DTYPE,
    "modelspec/engine/metrics.py::begin": DTYPE,
    "modelspec/engine/operations.py::declared": DTYPE,
    "modelspec/engine/operations.py::torch_dtype": DTYPE,
    "modelspec/exchange/random_inputs.py::random_inputs": DTYPE,
    "modelspec/exchange/python/": "a word's arguments and dtypes, by the file's own tables",
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
            if is_forbidden(target):
                faults.append(f"{module.name}:{line} imports {target}")
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
                faults += [f"{module.name} imports {name}" for name in names if is_forbidden(name)]
            fault = forbidden(node)
            if fault:
                faults.append(f"{module.name}:{node.lineno} {fault}")  # type: ignore[attr-defined]
    assert not faults, report("a spec is data, and so is a checkpoint:", faults)


def test_compile_is_the_compiler_never_pythons_own():
    faults = [
        f"{module.name}:{node.lineno} makes code of text"
        for module in modules()
        if "compile" not in defined(module)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and called(node) == "compile"
        if isinstance(node.func, ast.Name)
    ]
    assert not faults, report("a spec is data:", faults)


def defined(module: Module) -> set[str]:
    """The names that a module defines or imports from the package."""
    found = {node.name for node in module.functions()}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("modelspec"):
            found |= {alias.asname or alias.name for alias in node.names}
    return found


SEEN = """
eval("1")
exec("1")
import pickle
import subprocess as s
import runpy
from os import system
from yaml import load
os.system("ls")
os.execvp("ls", [])
torch.load("x")
torch.hub.load("x", "y")
yaml.load("x")
np.load("x", allow_pickle=True)
__builtins__["eval"]
importlib.util.spec_from_file_location("x")
"""


@pytest.mark.parametrize("line", SEEN.strip().split("\n"))
def test_what_is_refused_is_seen(line):
    tree = ast.parse(line)
    assert any(map(forbidden, ast.walk(tree))) or any(
        is_forbidden(target)
        for node in ast.walk(tree)
        for target in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [f"{node.module}.{alias.name}" for alias in node.names]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    )


def is_forbidden(target: str) -> bool:
    """Whether a module, or a name of one, is never imported."""
    home, _, name = target.rpartition(".")
    return target.split(".")[0] in FORBIDDEN_IMPORTS or (home, name) in FORBIDDEN_ATTRIBUTES


def forbidden(node: ast.AST) -> str:
    if isinstance(node, ast.Name) and node.id in FORBIDDEN_NAMES:
        return f"uses `{node.id}`"
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        reason = FORBIDDEN_ATTRIBUTES.get((node.value.id, node.attr), "")
        if node.attr.startswith(FORBIDDEN_BEGINNINGS.get(node.value.id, ("-",))):
            reason = "starts a process"
        return f"uses {node.value.id}.{node.attr}: {reason}" if reason else ""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute):
        reason = FORBIDDEN_ATTRIBUTES.get((node.value.attr, node.attr), "")
        return f"uses {node.value.attr}.{node.attr}: {reason}" if reason else ""
    if isinstance(node, ast.keyword) and node.arg in ("allow_pickle", "shell"):
        is_off = isinstance(node.value, ast.Constant) and node.value.value is False
        return "" if is_off else f"passes {node.arg}"
    return ""


def test_attributes_are_reached_by_names_that_stand_in_the_source():
    found = {
        place: f"{place} (line {line})"
        for module in modules()
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
    folders = tuple(place for place in allowed if place.endswith("/"))
    faults = [
        text
        for place, text in found.items()
        if place not in allowed and not place.startswith(folders or ("-",))
    ]
    assert not faults, report(f"a computed name; if it is safe, say why in {table}:", faults)
    stale = sorted(place for place in allowed if not any(one.startswith(place) for one in found))
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
