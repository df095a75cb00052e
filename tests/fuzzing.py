"""Specs damaged at random: `python -m tests.fuzzing 1000000 [SEED]`, or `make fuzz`.

Only our own diagnostics ever come out; what does not keep to that is printed, and ends it.
"""

from __future__ import annotations

import random
import sys
import time

from modelspec.compiler import compile
from modelspec.source.diagnostics import Rejected
from modelspec.source.render import render_all
from modelspec.source.text import Source
from tests.conftest import ROOT

SPECS = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "specs").glob("*.yaml"))]
PIECES = [
    *"{}[]:,-?!&*|>'\"%@`#~ \n\t\\0ab1.é日", ": ", "- ", "\n  ", "${", "}", "<<", "---\n", "null",
    "true", "-1", "0", "1e999", "[null]", "type", "from", "use", "layers", "repeat: 3", "Dense",
    "units", "@0",
]  # fmt: skip


def damaged(rng: random.Random) -> str:
    """A spec with one to four pieces cut, doubled, swapped or put in."""
    text = rng.choice(SPECS)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(text) + 1)
        length = rng.choice((0, 1, 1, 2, 5, 20))
        kind = rng.randrange(5)
        if kind == 0:
            text = text[:at] + text[at + length :]
        elif kind == 1:
            text = text[:at] + rng.choice(PIECES) + text[at + length :]
        elif kind == 2:
            text = text[:at] + text[at : at + length] * 2 + text[at + length :]
        else:
            lines = text.splitlines(keepends=True)
            one, other = rng.randrange(len(lines) or 1), rng.randrange(len(lines) or 1)
            if lines and kind == 3:
                lines[one] = lines[other]
            elif lines:
                words = lines[one].split(" ")
                words[rng.randrange(len(words))] = rng.choice(rng.choice(SPECS).split())
                lines[one] = " ".join(words)
            text = "".join(lines)
    return text


def survives(text: str) -> None:
    """Compile and show what is wrong; anything but our own diagnostics is raised."""
    source = Source("specs/fuzzed.yaml", text)
    try:
        source.refuse_forbidden_characters()
        compile(source)
    except Rejected as rejected:
        for form in ("full", "json"):
            render_all(rejected.diagnostics, form)


def fuzz(count: int, seed: int) -> int:
    """How many damaged specs were survived, all of them; prints the one that was not."""
    rng = random.Random(seed)
    for number in range(count):
        text = damaged(rng)
        try:
            survives(text)
        except Exception:
            print(  # noqa: T201
                f"--- number {number} of seed {seed}:\n{text}\n---", file=sys.stderr
            )
            raise
    return count


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    chosen = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
    survived = fuzz(wanted, chosen)
    print(f"{survived:,} damaged specs of seed {chosen}: only diagnostics came out")  # noqa: T201
