"""A file imports from its own floor or a lower one, and heavy packages stay where they belong."""

from __future__ import annotations

import sys

from tests.architecture.package import FLOORS, Module, modules, report

# Which third-party package may be imported where. What is not listed is imported nowhere.
ENGINE = {"engine", "exchange"}
HOMES = {
    "torch": ENGINE,
    "numpy": ENGINE,
    "safetensors": ENGINE,
    "pyarrow": ENGINE,
    "PIL": ENGINE,
    "h5py": {"exchange"},
    "keras": {"exchange"},
    "onnx": {"exchange"},
    "onnxruntime": {"exchange"},
    "onnxscript": {"exchange"},
    "yaml": {"source"},
    "click": {"cli"},
    "rich": {"cli"},
}
# Optional, or slow to load: only inside the functions that need them.
LAZY = {"rich", "pyarrow", "PIL", "h5py", "keras", "onnx", "onnxruntime"}

# Imports that go up after all: from which file, what, and why.
UPWARD: dict[tuple[str, str], str] = {
    ("modelspec/model/steps.py", "modelspec.engine.foreign"): (
        "a class of torch.nn has no declaration: torch itself finds its shape, on the meta "
        "device, and only a spec that names one pays for it"
    ),
}


def floor(dotted: str) -> int:
    parts = dotted.split(".")
    return FLOORS[parts[1] if len(parts) > 1 else "__init__"]


def test_every_part_of_the_package_stands_on_a_floor():
    strays = sorted({module.part for module in modules()} - set(FLOORS))
    assert not strays, f"say in tests/architecture/package.py which floor these are on: {strays}"


def test_a_file_imports_from_its_own_floor_or_lower():
    found = {
        (module.name, target): f"{module.name}:{line} imports {target}"
        for module in modules()
        for target, line, _ in module.imports()
        if target.split(".")[0] == "modelspec" and floor(target) > FLOORS[module.part]
    }
    faults = [text for place, text in found.items() if place not in UPWARD]
    assert not faults, report("imports go down, never up:", faults)
    stale = [f"{place}: {target}" for place, target in set(UPWARD) - set(found)]
    assert not stale, report("no longer there, so take it out of UPWARD:", stale)


def test_imports_that_go_up_wait_until_they_are_needed():
    faults = [
        f"{module.name}:{line} imports {target}"
        for module in modules()
        for target, line, lazy in module.imports()
        if (module.name, target) in UPWARD and not lazy
    ]
    assert not faults, report("only inside the function that needs it:", faults)


def test_third_party_packages_are_imported_in_their_homes_alone():
    faults = []
    for module in modules():
        for target, line, lazy in module.imports():
            root = target.split(".")[0].removeprefix("_")
            fault = misplaced(module, root, lazy)
            if fault:
                faults.append(f"{module.name}:{line} imports {target}: {fault}")
    assert not faults, report("third-party packages have homes:", faults)


def misplaced(module: Module, root: str, lazy: bool) -> str:
    if root in ("modelspec", "__future__", "") or root in sys.stdlib_module_names:
        return ""
    if f"_{root}" in sys.stdlib_module_names:
        return ""
    if module.part not in HOMES.get(root, set()):
        return f"its home is {', '.join(sorted(HOMES.get(root, set()))) or 'nowhere'}"
    if root in LAZY and not lazy:
        return "only inside the function that needs it"
    return ""
