"""The shell: a command is one short function that loads, calls, writes, and gives an exit code."""

from __future__ import annotations

import sys


def main() -> None:
    """The `modelspec` command."""
    from modelspec.cli.shell import run

    sys.exit(run(sys.argv[1:]))
