"""The command line in this process: quick, and with what it wrote."""

from __future__ import annotations

import io
import signal
import sys

import pytest

from tests.conftest import Result


@pytest.fixture
def modelspec(tmp_path, monkeypatch, capfdbinary):
    """Run `modelspec ARGS` in the test's own folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def run(*args, stdin=""):
        from modelspec.cli.shell import run

        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        capfdbinary.readouterr()
        code = run([str(arg) for arg in args])
        sys.stdout.flush()
        out, err = capfdbinary.readouterr()
        return Result(code, out.decode(), err.decode())

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)
