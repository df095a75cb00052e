"""`validate` on generated specs: seconds for 10,000 layers, and the ratio for twice as many."""

from __future__ import annotations

import os
import statistics
import tempfile
from collections.abc import Callable

from bench.measure import interleaved, table
from bench.startup import process

ROUNDS = 3
SIZE = 10_000


def chain(layers: int) -> str:
    """One Dense after the other."""
    lines = [f"  dense_{i}: {{type: Dense, units: 8, activation: relu}}" for i in range(layers)]
    return head() + "layers:\n" + "\n".join(lines) + "\n"


def nodes(layers: int) -> str:
    """One shared layer, called again and again on what it gave before."""
    lines = ["  node_0: {use: encoder, from: x}"]
    lines += [f"  node_{i}: {{use: encoder, from: node_{i - 1}}}" for i in range(1, layers)]
    shared = "shared:\n  encoder: {type: Dense, units: 8}\n"
    return head() + shared + "layers:\n" + "\n".join(lines) + "\n"


def blocks(layers: int) -> str:
    """A residual block of four layers, repeated."""
    block = (
        "blocks:\n  residual:\n    params: {units: 8}\n    inputs: {x: [null]}\n    layers:\n"
        "      a: {type: Dense, units: '${units}', activation: relu}\n"
        "      b: {type: Dense, units: '${units}'}\n"
        "      c: {type: Add, from: [b, x]}\n"
        "      d: {type: Activation, activation: relu}\n"
    )
    return head() + block + f"layers:\n  body: {{type: residual, repeat: {layers // 4}}}\n"


def head() -> str:
    return "inputs: {x: [8]}\n"


KINDS: dict[str, Callable[[int], str]] = {"chain": chain, "shared nodes": nodes, "blocks": blocks}


def main() -> None:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for kind, make in KINDS.items():
            sides = {}
            for size in (SIZE, 2 * SIZE):
                path = os.path.join(folder, f"{make.__name__}_{size}.yaml")
                with open(path, "w") as stream:
                    stream.write(make(size))
                sides[str(size)] = process(["-m", "modelspec", "validate", path])
            seconds = interleaved(sides, ROUNDS)
            once, twice = (statistics.median(each) for each in seconds.values())
            rows.append([kind, f"{once:.2f}", f"{twice:.2f}", f"{twice / once:.2f}"])
    table(
        "validate at scale (budget: 10,000 layers in 2 s, twice the layers at most 2.2 times that)",
        ["spec", "10,000 (s)", "20,000 (s)", "ratio"],
        rows,
    )
