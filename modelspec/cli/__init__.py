"""The shell: a command is one short function that loads, calls, writes, and gives an exit code."""

from __future__ import annotations

import gc
import sys

#: A spec's tree only grows while it is read: looking through it for garbage is time lost, and more
#: than twice as much for a spec twice as long.
SELDOM = (200_000, 50, 100)


def main() -> None:
    """The `modelspec` command."""
    from modelspec.cli.shell import run

    gc.set_threshold(*SELDOM)
    sys.exit(run(sys.argv[1:]))
