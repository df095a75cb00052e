"""Every code that a diagnostic may carry stands in a test that shows it."""

from __future__ import annotations

import ast

from tests.architecture.package import PACKAGE, ROOT, modules, report

CODES = PACKAGE / "source" / "codes.py"


def codes() -> set[str]:
    from modelspec.source.codes import CODES

    return set(CODES)


def test_every_code_appears_in_a_test():
    here = ROOT / "tests" / "architecture"
    texts = [
        path.read_text(encoding="utf-8")
        for path in (ROOT / "tests").rglob("*")
        if path.suffix in {".py", ".txt", ".yaml", ".md"} and here not in path.parents
    ]
    missing = sorted(code for code in codes() if not any(quoted(code, text) for text in texts))
    assert not missing, report("codes that no test shows:", missing)


def quoted(code: str, text: str) -> bool:
    """As a string, or as a message prints it: `error[code]`."""
    return any(f"{a}{code}{b}" in text for a, b in ('""', "''", "[]"))


def test_every_code_is_raised_somewhere():
    texts = {
        node.value
        for module in modules()
        if module.path != CODES
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    unused = sorted(codes() - texts)
    assert not unused, report(
        "codes that nothing reports; delete them or the test is a lie:", unused
    )
