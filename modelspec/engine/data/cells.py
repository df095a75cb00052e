"""From raw cells (numbers, texts, JSON values) to arrays of numbers or of classes."""

from __future__ import annotations

import math
from typing import Any, NoReturn

import numpy as np

from modelspec.engine.data.rows import Array
from modelspec.engine.data.wanted import BadCell

FILL = "give it a value, or leave the row out"
WHOLE = 1 << 53  # beyond it, a float no longer tells neighbouring integers apart


def numbers(column: Array) -> Array:
    """The cells as numbers (samples, ...); raises BadCell at the first that is none."""
    if column.dtype.kind in "US":
        column = texts(column)
    if column.dtype.kind == "O":
        column = from_texts(column) if all_texts(column) else from_json(column)
    if column.dtype.kind == "f" and not np.isfinite(column).all():
        at = np.argwhere(~np.isfinite(column))[0]
        raise BadCell("bad-cell", int(at[0]), f"`{column[tuple(at)]}` is not a finite number", FILL)
    return column


def texts(column: Array) -> Array:
    """NumPy's fixed-width texts as Python's."""
    if column.dtype.kind == "S":
        column = np.char.decode(column, "utf-8", "replace")
    return column.astype(object)


def strings(column: Array) -> Array:
    """The cells as texts (samples, ...), in lists of one shape where they stand in lists; raises
    BadCell at the first that is none. An empty text is one.
    """
    column = texts(column) if column.dtype.kind in "US" else column
    if column.dtype.kind != "O":
        help = "numbers are read by an input of a number's dtype; or save them as texts"
        raise BadCell("bad-cell", 0, f"`{column.reshape(-1)[0]}` is a number", help)
    if list in set(map(type, column.tolist())):
        cells = column.tolist()
        column = nested(column)
        if list in set(map(type, column.reshape(-1).tolist())):
            ragged(cells)
    for at, cell in enumerate(column.reshape(-1).tolist()):
        if not isinstance(cell, str):
            position = at // max(1, column[:1].size)
            raise BadCell("bad-cell", position, f"`{shown(str(cell))}` is no text")
    return column


def all_texts(column: Array) -> bool:
    return column.ndim == 1 and set(map(type, column.tolist())) == {str}


def from_texts(column: Array) -> Array:
    """Text cells as float64; as int64 where integers are too large for that."""
    cells = column.tolist()
    try:
        wide = np.fromiter(map(float, cells), np.float64, len(cells))
        if "_" in "".join(cells):  # Python's 1_000
            raise ValueError
    except ValueError:
        not_a_number(cells)
    if len(wide) and np.abs(wide).max() >= WHOLE:
        try:
            return np.fromiter(map(int, cells), np.int64, len(cells))
        except (ValueError, OverflowError):
            return wide
    return wide


def not_a_number(cells: list[str]) -> NoReturn:
    for position, cell in enumerate(cells):
        if not cell.strip():
            raise BadCell("bad-cell", position, "the cell is empty", FILL)
        try:
            float(cell)
        except ValueError:
            wrong = True
        else:
            wrong = "_" in cell
        if wrong:
            help = "for a column of texts, write `encode: Labels` or `encode: OneHot` in its field"
            raise BadCell("bad-cell", position, f"`{shown(cell)}` is not a number", help)
    raise AssertionError("all cells are numbers")


def from_json(column: Array) -> Array:
    """JSON values: numbers, booleans, and lists of them that all have one shape."""
    cells = column.tolist()
    try:
        values = np.array(cells)
    except ValueError:
        ragged(cells)
    if values.dtype.kind in "biuf":
        return values
    for position, cell in enumerate(cells):
        wrong = first_wrong(cell)
        if wrong is not None:
            raise BadCell("bad-cell", position, wrong, FILL if cell is None else "")
    try:
        return np.array([as_numbers(cell) for cell in cells], np.float64)
    except (ValueError, OverflowError):
        ragged(cells)


def as_numbers(cell: Any) -> Any:
    return [as_numbers(item) for item in cell] if isinstance(cell, list) else float(cell)


def first_wrong(cell: Any) -> str | None:
    """What is wrong with a JSON value as a number, if anything."""
    if isinstance(cell, list):
        return next((wrong for wrong in map(first_wrong, cell) if wrong), None)
    if cell is None:
        return "the value is null"
    if isinstance(cell, dict):
        return "the value is an object"
    if isinstance(cell, str):
        try:
            float(cell)
        except ValueError:
            return f"`{shown(cell)}` is not a number"
    return None


def ragged(cells: list[Any]) -> NoReturn:
    """Raises BadCell at the first value whose shape is not the first one's."""
    first = extent(cells[0])
    for position, cell in enumerate(cells):
        if extent(cell) != first or extent(cell) is None:
            raise BadCell(
                "ragged-row",
                position,
                f"the value's shape is {extent(cell) or 'uneven'}, and the first one's {first}",
                "pad the lists to one length",
            )
    raise BadCell("bad-cell", 0, "the value is too large a number")


def extent(cell: Any) -> tuple[int, ...] | None:
    """The shape of nested lists, None where they are uneven."""
    if not isinstance(cell, list):
        return ()
    inner = {extent(item) for item in cell}
    if len(inner) > 1 or None in inner:
        return None
    return (len(cell), *(inner.pop() if inner else ()))  # type: ignore[misc]


def classes(column: Array) -> Array:
    """The cells as classes: texts, numbers or booleans (samples, ...); raises BadCell."""
    if column.dtype.kind in "US":
        column = texts(column)
    if column.dtype.kind != "O":
        return numbers(column)
    kinds = set(map(type, column.reshape(-1).tolist()))
    if list in kinds:
        column = nested(column)
    distinct, inverse = classes_of(column)
    for place, item in enumerate(distinct):
        fact = wrong_class(item)
        if fact:
            raise BadCell("bad-cell", int(np.argwhere(inverse == place)[0][0]), fact, FILL)
    return column


def wrong_class(item: Any) -> str:
    if item is None or (isinstance(item, str) and not item.strip()):
        return "the cell is empty"
    if isinstance(item, float) and not math.isfinite(item):
        return f"`{item}` is no class"
    return ""


def nested(column: Array) -> Array:
    try:
        return np.array(column.tolist(), object)
    except ValueError:
        ragged(column.tolist())


def classes_of(values: Array) -> tuple[list[Any], Array]:
    """The distinct values as Python's own, and for each value its place among them."""
    if values.dtype.kind != "O":
        distinct, inverse = np.unique(values, return_inverse=True)
        return distinct.tolist(), inverse.reshape(values.shape)
    place: dict[Any, int] = {}
    try:
        flat = [place.setdefault(cell, len(place)) for cell in values.reshape(-1).tolist()]
    except TypeError:
        at = [isinstance(cell, list | dict) for cell in values.reshape(-1).tolist()].index(True)
        position = at // max(1, values[:1].size)
        raise BadCell("bad-cell", position, "a class is a text or a number") from None
    return list(place), np.array(flat, np.int64).reshape(values.shape)


def shown(cell: str) -> str:
    """A cell as a message quotes it."""
    line = cell if len(cell) <= 40 else cell[:37] + "..."
    return line.replace("\n", "\\n").replace("\r", "\\r")
