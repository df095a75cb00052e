"""Looking at a spec needs neither torch nor numpy: held in a fresh process, command by command."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import cli_environment

SPEC = """\
inputs:
  image: [28, 28, 1]
blocks:
  conv:
    params: {filters: 8}
    inputs: {x: [null, null, null]}
    layers:
      y: {type: Conv2D, filters: "${filters}", kernel_size: 3, activation: relu}
shared:
  encoder: {type: Dense, units: 16}
layers:
  maps: {type: conv, filters: 4, repeat: 2}
  flat: {type: Flatten}
  code: {use: encoder}
  digit: {type: Dense, units: 10, activation: softmax}
outputs:
  digit: {loss: sparse_categorical_crossentropy, metrics: [accuracy]}
data: {type: Synthetic, samples: 10}
train: {optimizer: {type: Adam, learning_rate: 0.001}, epochs: 1}
"""
LOOK = """
import sys
try:
    STATEMENT
except SystemExit as ended:
    assert not ended.code, ended.code
loaded = sorted({"torch", "numpy", "rich"} & set(sys.modules))
print("LOADED", *loaded, file=sys.stderr)
"""


def loaded_by(statement, cwd):
    done = run_python(LOOK.replace("STATEMENT", statement), cwd)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].removeprefix("LOADED").split())


def run_python(text, cwd):
    return subprocess.run(
        [sys.executable, "-c", text],
        cwd=cwd,
        env=cli_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


@pytest.fixture
def folder(spec):
    return spec(SPEC).parent


FOREIGN = """
import sys
before = {name.split(".")[0] for name in sys.modules}
try:
    sys.argv[1:] = ARGUMENTS
    from modelspec.cli import main
    main()
except SystemExit:
    pass
known = before | set(sys.stdlib_module_names) | {"modelspec", "yaml", "click"}
loaded = {name.split(".")[0] for name in sys.modules} - known
loaded = {name.lstrip("_") for name in loaded}
print("LOADED", *(n for n in sorted(loaded) if not n.startswith("cython")), file=sys.stderr)
"""


@pytest.mark.parametrize("command", ["validate", "summary", "show", "graph"])
@pytest.mark.parametrize("entry", [
    "{type: python, class: 'mine:Layer'}", "{file: mine.py}", "{type: mine.Layer}",
    "{type: Dense, units: 4, weights: mine.py}",
])  # fmt: skip
def test_a_spec_imports_nothing_of_its_own(command, entry, spec):
    path = spec(f"inputs: {{x: [4]}}\nlayers: {{y: {entry}}}\ndata: mine.npz\n")
    (path.parent / "mine.py").write_text("layers: 1\nopen('ran', 'w')\n")
    done = run_python(FOREIGN.replace("ARGUMENTS", repr([command, "spec.yaml"])), path.parent)
    assert done.stderr.splitlines()[-1] == "LOADED"
    assert not (path.parent / "ran").exists()


def test_importing_modelspec_loads_nothing_heavy(folder):
    assert not loaded_by("import modelspec", folder)


def test_checking_a_spec_loads_nothing_heavy(folder):
    assert not loaded_by("import modelspec; modelspec.check('spec.yaml')", folder)


@pytest.mark.parametrize(
    "arguments",
    [
        "--help",
        "validate spec.yaml",
        "validate spec.yaml --format json",
        "summary spec.yaml --nodes",
        "summary spec.yaml --format json",
        "show spec.yaml",
        "graph spec.yaml",
        "layers",
        "layers Conv2D",
        "schema",
        "explain syntax",
        "completion bash",
    ],
)
def test_a_command_that_looks_at_a_spec_loads_nothing_heavy(folder, arguments):
    statement = f"sys.argv[1:] = {arguments.split()!r}; from modelspec.cli import main; main()"
    assert not loaded_by(statement, folder)


@pytest.mark.parametrize("line", ["", "layers C", "predict spec.yaml --at ", "show x --set tr"])
def test_a_tab_loads_nothing_heavy(folder, monkeypatch, line):
    monkeypatch.setenv("_MODELSPEC_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_TYPED", f"modelspec {line}")
    assert not loaded_by("from modelspec.cli import main; main()", folder)
