"""The shell: a command is one short function that loads, calls, writes, and gives an exit code."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """The `modelspec` command."""
    if None in (sys.stdin, sys.stdout, sys.stderr):
        open_streams()
    from modelspec.cli.shell import run

    sys.exit(run(sys.argv[1:]))


def open_streams() -> None:
    """What the shell has closed (`>&-`) is /dev/null: no file that is opened takes its number."""
    while os.open(os.devnull, os.O_RDWR) < 3:
        pass
    sys.stdin = sys.stdin or os.fdopen(0, encoding="utf-8")
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8")
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8")
