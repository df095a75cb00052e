"""Specs damaged at random: `python -m tests.fuzz.damage 1000000 [SEED]`, or `make fuzz`.

Only our own diagnostics ever come out, each case within a tenth of a second and 100 MB; what does
not keep to that is printed, and ends it.
"""

from __future__ import annotations

import random
import re
import resource
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable

from modelspec.compiler import compile
from modelspec.model.graph import Graph
from modelspec.source.diagnostics import Rejected
from modelspec.source.render import render_all
from modelspec.source.text import Source
from tests.conftest import ROOT, cli_environment

SECONDS, BYTES = 0.1, 100_000_000  # what a case may take
LAYER = 2 / 10_000  # seconds more for each layer: `repeat: 2000` makes many of a short text
ROOM = 10_000  # bytes more for each layer
TRIES = 5  # the machine may be busy: the quickest of so many counts
SHARD = 2500  # eight of them in the suite
TRACED = 100  # every so many cases the memory is traced, which takes time
SPECS = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "specs").glob("*.yaml"))]
PIECES = [
    *"{}[]:,-?!&*|>'\"%@`#~ \n\t\\0ab1.é日", ": ", "- ", "\n  ", "${", "}", "<<", "---\n", "null",
    "true", "-1", "0", "1e999", "[null]", "type", "from", "use", "layers", "repeat: 3", "Dense",
    "units", "@0",
]  # fmt: skip
WORD = re.compile(r"\$\{[^}]*\}|[\w.@-]+|\[[^][]*\]|\{[^{}]*\}")
WORDS = sorted({word for text in SPECS for word in WORD.findall(re.sub("#.*", "", text))})
ODD = [
    "null", "true", "-1", "0", "1e999", "[]", "{}", '""', "9999999999", "-0.5", "~", "[null]",
    '"${1}"', '"${width}"', "x", "[1, [2]]", "{a: 1}", "{type: Dense}", "'a b'", "x.y", "x@1",
]  # fmt: skip


def damaged(rng: random.Random) -> str:
    """A spec with a few pieces cut, doubled, swapped or put in: in half of the cases whole words,
    so that it stays YAML and the compiler reads far into it.
    """
    text = rng.choice(SPECS)
    change = reworded if rng.random() < 0.5 else broken
    for _ in range(rng.randint(1, 4)):
        text = change(rng, text)
    return text


def reworded(rng: random.Random, text: str) -> str:
    """The text with one word, list or mapping replaced, or two of them swapped."""
    places = [m.span() for m in WORD.finditer(text)]
    if not places:
        return text
    start, stop = rng.choice(places)
    if rng.random() < 0.2:
        again, end = rng.choice(places)
        if stop <= again:
            return text[:start] + text[again:end] + text[stop:again] + text[start:stop] + text[end:]
    return text[:start] + rng.choice(rng.choice((WORDS, WORDS, ODD))) + text[stop:]


def broken(rng: random.Random, text: str) -> str:
    """The text with characters or lines cut, doubled, replaced or put in."""
    at = rng.randrange(len(text) + 1)
    length = rng.choice((0, 1, 1, 2, 5, 20))
    kind = rng.randrange(5)
    if kind == 0:
        return text[:at] + text[at + length :]
    if kind == 1:
        return text[:at] + rng.choice(PIECES) + text[at + length :]
    if kind == 2:
        return text[:at] + text[at : at + length] * 2 + text[at + length :]
    lines = text.splitlines(keepends=True)
    if not lines:
        return text
    one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    if kind == 3:
        lines[one] = lines[other]
    else:
        words = lines[one].split(" ")
        words[rng.randrange(len(words))] = rng.choice(rng.choice(SPECS).split())
        lines[one] = " ".join(words)
    return "".join(lines)


def survives(text: str) -> int:
    """Compile and show what is wrong; anything but our own diagnostics is raised. How many layers
    there are.
    """
    source = Source("specs/fuzzed.yaml", text)
    graph: Graph | None = None
    try:
        source.refuse_forbidden_characters()
        graph = compile(source)
        render_all(graph.warnings, "full")
    except Rejected as rejected:
        graph = rejected.graph
        for form in ("full", "json"):
            render_all(rejected.diagnostics, form)
    return 0 if graph is None else sum(call.definition.steps for call in graph.spec.body.calls)


def quickly(text: str) -> tuple[float, int]:
    """How long `survives` takes, the quickest of a few times where it is too long, and for how many
    layers; what many of them may take is left out.
    """
    for _ in range(TRIES):
        begin = time.process_time()
        layers = survives(text)
        took = time.process_time() - begin - LAYER * layers
        if took < SECONDS:
            return took, layers
    raise AssertionError(f"this takes more than {SECONDS} s")


def sparingly(text: str) -> int:
    """The most memory that `survives` holds."""
    tracemalloc.start()
    try:
        survives(text)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < BYTES, f"this takes {most:,} bytes"
    return most


def fuzz(count: int, seed: int) -> tuple[float, int]:
    """Survive so many damaged specs; the longest time and the most memory that one took."""
    rng = random.Random(seed)
    for text in SPECS:  # what is imported once is no case's time
        survives(text)
    before = peak()
    longest, most, largest = 0.0, 0, 0
    for number in range(count):
        text = damaged(rng)
        try:
            took, layers = quickly(text)
            longest, largest = max(longest, took), max(largest, layers)
            if number % TRACED == 0:
                most = max(most, sparingly(text))
            grown = peak() - before
            assert grown < BYTES + ROOM * largest, f"the process has grown by {grown:,} bytes"
        except BaseException:
            print(  # noqa: T201
                f"--- number {number} of seed {seed}:\n{text}\n---", file=sys.stderr
            )
            raise
    return longest, most


def a_shard_survives(seed: int, figure: Callable[..., None]) -> None:
    """An eighth of the twenty thousand, in a process of its own: a signal would end that one."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.damage", str(SHARD), str(seed)],
        cwd=ROOT,
        env=cli_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    figure(done.stdout.strip())


def peak() -> int:
    """The most memory that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    chosen = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
    seconds, size = fuzz(wanted, chosen)
    print(  # noqa: T201
        f"{wanted:,} damaged specs of seed {chosen}: only diagnostics came out, the longest in "
        f"{seconds * 1e3:.0f} ms, the largest in {size / 1e6:.1f} MB"
    )
