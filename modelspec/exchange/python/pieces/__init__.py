"""Plain PyTorch that a file takes along where torch.nn has no module: each piece as it stands.

Their text goes into files that import nothing but torch, so nothing in them refers to this
package, and an activation is `torch.tanh` or any other function of a tensor.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

from modelspec.engine import hashing
from modelspec.engine.layers.augmentation.images import (
    brought_in,
    grid,
    neighbours,
    sampled,
    weighted,
)
from modelspec.engine.layers.augmentation.tone import Tiles, filled, looked_up, tables, tiles_near
from modelspec.exchange.python.pieces import (
    attention,
    hashes,
    images,
    lookups,
    noise,
    recurrence,
    sequences,
    sound,
    warps,
)


def pieces_of(module: ModuleType) -> dict[str, Any]:
    """The classes and functions that a module defines."""
    own = {name: one for name, one in vars(module).items() if callable(one)}
    return {name: one for name, one in own.items() if one.__module__ == module.__name__}


MODULES = (
    hashing, noise, sequences, recurrence, attention, lookups, hashes, images, sound,
    warps,
)  # fmt: skip
#: What is the engine's own and says itself what it does.
ENGINES = (Tiles, filled, looked_up, tables, tiles_near, brought_in, grid, neighbours,
           sampled, weighted)  # fmt: skip
PIECES: Mapping[str, Any] = {
    **{piece.__name__: piece for piece in ENGINES},
    **{name: piece for module in MODULES for name, piece in pieces_of(module).items()},
}
#: Names that pieces refer to and that are no pieces themselves.
CONSTANTS: Mapping[str, str] = {
    "Function": "Function = Callable[[Tensor], Tensor]",
    "Pair": "Pair = tuple[int, int]",
    "Filling": "Filling = tuple[str, str, float]  # interpolation, fill mode, fill value",
    "MASK": "MASK = (1 << 64) - 1",
    "BYTES": "BYTES = (0.0, 255.0)",
    **{
        name: f"{name} = 0x{vars(hashing)[name]:X}"
        for name in ("K0", "K1", "K2", "CROSS_MULTIPLIER", "CROSS_KEY")
    },
}


#: What speaks to our own type checker.
IGNORED = re.compile(r"  # type: ignore\[[\w-]+\]")


class Pieces:
    """The texts of the pieces that a file needs, those that others refer to first, and the
    constants among them.
    """

    def __init__(self, wanted: Iterable[str]) -> None:
        self.texts: dict[str, str] = {}
        self.constants: dict[str, str] = {}
        for name in sorted(wanted):
            self.add(name)

    def add(self, name: str) -> None:
        if name in self.texts:
            return
        text = IGNORED.sub("", inspect.getsource(PIECES[name]).rstrip())
        for other in global_names(text):
            if other in CONSTANTS:
                self.constants[other] = CONSTANTS[other]
            elif other in PIECES and other != name:
                self.add(other)
        self.texts[name] = text


def global_names(text: str) -> list[str]:
    """The names that a text reads and does not set itself."""
    nodes = list(ast.walk(ast.parse(text)))
    own = {node.arg for node in nodes if isinstance(node, ast.arg)}
    own |= {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    read = (node.id for node in nodes if isinstance(node, ast.Name) and node.id not in own)
    return list(dict.fromkeys(read))
