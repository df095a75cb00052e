"""`python -m bench [startup] [scale] [training] [importing]`: all of them where none is named."""

from __future__ import annotations

import importlib
import sys

PARTS = ("startup", "scale", "training", "importing")


def main() -> None:
    for part in sys.argv[1:] or PARTS:
        if part not in PARTS:
            sys.exit(f"bench: no part `{part}`; there are {', '.join(PARTS)}")
        importlib.import_module(f"bench.{part}").main()


if __name__ == "__main__":
    main()
