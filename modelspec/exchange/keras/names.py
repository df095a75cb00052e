"""Keras's names, made legal, and one for one thing in each graph."""

from __future__ import annotations

import re

ODD = re.compile(r"[^\w-]+")


def legal(name: str) -> str:
    """A name with the characters that a spec's names may have."""
    made = ODD.sub("_", name).strip("_") or "layer"
    return f"_{made}" if not re.match(r"[^\W\d]", made) else made


class Names:
    """The names of one graph; those of layers that every graph sees are taken from the start."""

    def __init__(self, taken: set[str]) -> None:
        self.taken = set(taken)
        self.counts: dict[str, int] = {}

    def free(self, wanted: str) -> str:
        """`wanted`, legal, or with a number behind it where that is taken."""
        base = name = legal(wanted)
        count = self.counts.get(base, 1)
        while name in self.taken:
            count += 1
            name = f"{base}_{count}"
        self.counts[base] = count
        self.taken.add(name)
        return name
