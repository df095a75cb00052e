"""What every test may use: the command line in a process of its own, specs in files, snapshots."""

from __future__ import annotations

import difflib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent

os.environ["KERAS_BACKEND"] = "torch"  # read once, when keras is first imported
if "PYTEST_XDIST_WORKER" in os.environ:  # workers share the machine: one thread each
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = "1"  # read once, when torch or numpy is first imported

# Every run sees the same examples; --hypothesis-profile=nightly looks for new ones.
settings.register_profile("house", deadline=None, derandomize=True)
settings.register_profile("nightly", deadline=None, max_examples=1000, print_blob=True)
settings.load_profile("house")


class Result(NamedTuple):
    """What a run of the command line left: its exit code, stdout and stderr."""

    code: int
    out: str
    err: str


RunCli = Callable[..., Result]


@pytest.fixture
def run_cli(tmp_path: Path) -> RunCli:
    """Run `modelspec ARGS` in a fresh process, in the test's own folder unless `cwd` says."""

    def run(
        *args: str | Path,
        stdin: str | None = None,
        cwd: Path | None = None,
        env: dict[str, str] | None = None,
        timeout: float = 120.0,
    ) -> Result:
        done = subprocess.run(
            [sys.executable, "-c", "from modelspec.cli import main; main()", *map(str, args)],
            input="" if stdin is None else stdin,
            cwd=tmp_path if cwd is None else cwd,
            env=cli_environment() | (env or {}),
            capture_output=True,
            encoding="utf-8",
            timeout=timeout,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    return run


def cli_environment() -> dict[str, str]:
    """The environment of a child: this checkout is importable, and nothing colours its output."""
    child = {k: v for k, v in os.environ.items() if k not in ("FORCE_COLOR", "PYTEST_CURRENT_TEST")}
    paths = [str(ROOT), child.get("PYTHONPATH", "")]
    return child | {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "PYTHONUTF8": "1",
        "NO_COLOR": "1",
        "COLUMNS": "100",
    }


@pytest.fixture
def spec(tmp_path: Path) -> Callable[..., Path]:
    """Write a spec's text to a file in the test's folder, and hand out its path."""

    def write(text: str, name: str = "spec.yaml") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def snapshot(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Hold text against `snapshots/NAME` beside the test; --update-snapshots accepts the text."""
    accept = request.config.getoption("--update-snapshots")

    def hold(name: str, text: str) -> None:
        path = request.path.parent / "snapshots" / name
        if accept:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"no snapshot {path}; `make snapshots` writes it"
        kept = path.read_text(encoding="utf-8")
        diff = difflib.unified_diff(kept.splitlines(), text.splitlines(), name, "now", lineterm="")
        assert kept == text, "\n".join(["`make snapshots` accepts this change", *diff])

    return hold


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Have a measured figure printed at the end of the run: a line, or one of several seconds."""

    def record(text: str, seconds: float | None = None) -> None:
        request.node.user_properties.append((f"figure {text}", seconds))

    return record


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures that tests have measured; of several times their number and the longest."""
    found: dict[str, list[float | None]] = {}
    for report in terminalreporter.getreports("passed"):
        for name, value in getattr(report, "user_properties", ()):
            if name.startswith("figure ") and report.when == "call":
                found.setdefault(name.removeprefix("figure "), []).append(value)
    if found:
        terminalreporter.section("figures")
    for text, values in sorted(found.items()):
        times = [value for value in values if value is not None]
        longest = f": {len(times)}, the longest in {max(times) * 1e3:.1f} ms" if times else ""
        terminalreporter.line(text + longest)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --update-snapshots."""
    parser.addoption(
        "--update-snapshots", action="store_true", help="write snapshots anew, run only their tests"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip GPU tests where there is no GPU; with --update-snapshots keep snapshot tests alone."""
    if config.getoption("--update-snapshots"):
        items[:] = [item for item in items if "snapshot" in getattr(item, "fixturenames", ())]
    wants_gpu = [item for item in items if item.get_closest_marker("gpu")]
    if wants_gpu and not has_gpu():
        for item in wants_gpu:
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))


def has_gpu() -> bool:
    """Whether torch sees a CUDA device; asked only where a GPU test was collected."""
    import torch

    return torch.cuda.is_available()
