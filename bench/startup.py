"""How long a command takes, as a whole process, beside bare Python and `import torch`."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

from bench.measure import Side, interleaved, table

ROUNDS = 9
SPEC = "specs/vqa.yaml"
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "python -c 'import torch'": ["-c", "import torch"],
    "modelspec --help": ["-m", "modelspec", "--help"],
    f"modelspec validate {SPEC}": ["-m", "modelspec", "validate", SPEC],
    f"modelspec summary {SPEC}": ["-m", "modelspec", "summary", SPEC],
}


def process(arguments: list[str]) -> Side:
    """A whole process; compiled modules may be kept, as on a user's machine."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}

    def run() -> None:
        subprocess.run(
            [sys.executable, *arguments], env=environment, check=True, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip

    return run


def main() -> None:
    seconds = interleaved({name: process(line) for name, line in COMMANDS.items()}, ROUNDS)
    bare = statistics.median(seconds["python -c pass"])
    rows = [
        [name, f"{statistics.median(each) * 1e3:.0f}", f"{statistics.median(each) / bare:.1f}"]
        for name, each in seconds.items()
    ]
    table(
        "Start (budget: 100 ms where bare Python takes 10)",
        ["command", "ms", "x bare Python"],
        rows,
    )
