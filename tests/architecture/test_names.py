"""Modules are named for a thing, and classes do not pile up."""

from __future__ import annotations

import ast

from tests.architecture.package import Module, modules, report

VAGUE = {"utils", "util", "helpers", "helper", "common", "misc"}


def test_no_module_is_named_for_nothing():
    faults = [
        m.name for m in modules() if VAGUE & set(m.dotted.removesuffix(".__init__").split("."))
    ]
    assert not faults, report("name the thing it holds:", faults)


Class = tuple[str, str]  # dotted module, name


def classes() -> dict[Class, list[Class]]:
    """Every class of the package with those of its bases that are defined in the package."""
    defined = {
        (module.dotted, node.name): (module, node)
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef)
    }
    return {
        key: [base for base in bases(module, node) if base in defined]
        for key, (module, node) in defined.items()
    }


def bases(module: Module, node: ast.ClassDef) -> list[Class]:
    origin = {
        alias.asname or alias.name: (statement.module or "", alias.name)
        for statement in ast.walk(module.tree)
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    found = []
    for base in node.bases:
        base = base.value if isinstance(base, ast.Subscript) else base
        if isinstance(base, ast.Name):
            found.append(origin.get(base.id, (module.dotted, base.id)))
        elif isinstance(base, ast.Attribute) and isinstance(base.value, ast.Name):
            package, name = origin.get(base.value.id, ("", base.value.id))
            found.append((f"{package}.{name}", base.attr))
    return found


WORD = ("modelspec.language.word", "Word")


def depth(key: Class, family: dict[Class, list[Class]]) -> int:
    """Classes from here to the root; the roots do not count.

    Roots are the classes on the language's floor, and each group's own kind of `Word`.
    """
    is_root = key[0].startswith("modelspec.language") or WORD in family[key]
    return (not is_root) + max((depth(base, family) for base in family[key]), default=0)


def test_a_class_is_at_most_one_step_from_a_general_one():
    family = classes()
    faults = [f"{m}.{name} is {depth((m, name), family)} deep" for m, name in family
              if depth((m, name), family) > 2]  # fmt: skip
    assert not faults, report("a root, one general class, its variants; no towers:", faults)
