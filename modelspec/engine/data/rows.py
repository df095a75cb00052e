"""Rows: raw columns with random access, whatever they are stored in."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Indices = NDArray[np.int64]


class Rows(Protocol):
    """Samples as raw columns: numbers as they are stored, text cells and JSON values as objects.

    `name` is the file's; `columns` are all that there are; `resident` says that they are in memory
    already.
    """

    name: str
    columns: tuple[str, ...]
    resident: bool

    def __len__(self) -> int: ...

    def take(self, indices: Indices, columns: list[str]) -> dict[str, Array]:
        """Those rows of those columns, each array (len(indices), ...)."""

    def place(self, index: int) -> str:
        """Where a row stands, as messages say it: `rows.csv, line 17`."""


class Arrays:
    """Arrays in memory, or on the disk by way of `StoredArray`."""

    def __init__(self, name: str, arrays: dict[str, Any], resident: bool = True) -> None:
        self.name, self.arrays, self.resident = name, arrays, resident
        self.columns = tuple(arrays)

    def __len__(self) -> int:
        return min((len(array) for array in self.arrays.values()), default=0)

    def take(self, indices: Indices, columns: list[str]) -> dict[str, Array]:
        return {column: self.arrays[column][indices] for column in columns}

    def place(self, index: int) -> str:
        return f"{self.name}, sample {index} (counted from 0)"


class Joined:
    """Several rows, one after the other."""

    def __init__(self, parts: list[Rows]) -> None:
        self.parts = parts
        self.name = f"{parts[0].name} and {len(parts) - 1} more"
        self.columns = parts[0].columns
        self.resident = all(part.resident for part in parts)
        self.ends = np.cumsum([len(part) for part in parts])

    def __len__(self) -> int:
        return int(self.ends[-1])

    def take(self, indices: Indices, columns: list[str]) -> dict[str, Array]:
        home = np.searchsorted(self.ends, indices, side="right")
        order = np.argsort(home, kind="stable")
        taken = [
            self.parts[part].take(indices[home == part] - self.start(part), columns)
            for part in np.unique(home)
        ]
        back = np.argsort(order, kind="stable")
        return {c: np.concatenate([part[c] for part in taken])[back] for c in columns}

    def start(self, part: int) -> int:
        return int(self.ends[part - 1]) if part else 0

    def place(self, index: int) -> str:
        part = bisect_right(self.ends, index)
        return self.parts[part].place(index - self.start(part))
