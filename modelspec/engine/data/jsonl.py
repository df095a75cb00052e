"""JSON Lines: one object a line."""

from __future__ import annotations

import json
from typing import Any, NoReturn

import numpy as np

from modelspec.engine.data.lines import TextFile
from modelspec.engine.data.rows import Array, Indices, Rows
from modelspec.engine.data.wanted import refuse

EXAMPLE = 'such as {"name": 1.5, "other": [1, 2]}'


class JsonRows:
    """The lines of a file; the columns are the keys of the first."""

    resident = False

    def __init__(self, path: str) -> None:
        self.name = path
        self.file = TextFile(path, None)
        self.columns: tuple[str, ...] = ()
        if len(self.file):
            self.columns = tuple(parsed(self.file.records(np.zeros(1, np.int64))[0], self, 0))

    def __len__(self) -> int:
        return len(self.file)

    def take(self, indices: Indices, columns: list[str]) -> dict[str, Array]:
        return taken(self.file.records(indices), indices, columns, self)

    def place(self, index: int) -> str:
        return self.file.place(index)


def taken(
    records: list[bytes], indices: Indices, columns: list[str], rows: Rows
) -> dict[str, Array]:
    """The values under some keys, as objects; raises Rejected."""
    found = {column: np.empty(len(records), object) for column in columns}
    for at, (record, index) in enumerate(zip(records, indices.tolist(), strict=True)):
        values = parsed(record, rows, index)
        for column, array in found.items():
            if column not in values:
                refuse_key(column, values, rows.place(index))
            array[at] = values[column]
    return found


def parsed(record: bytes, rows: Rows, index: int) -> dict[str, Any]:
    try:
        values = json.loads(record)
    except UnicodeDecodeError as error:
        fact = f"byte 0x{record[error.start]:02x} is not UTF-8"
    except json.JSONDecodeError as error:
        fact = f"{error.msg[0].lower()}{error.msg[1:]}, at column {error.colno}"
    except RecursionError:
        fact = "lists are nested too deep"
    except ValueError:
        fact = "a number has thousands of digits"
    else:
        if isinstance(values, dict):
            return values
        fact = "this is no object"
    whole = record.startswith(b"[") and index == 0
    return refuse(
        "bad-file",
        "every line is one JSON object",
        notes=[f"{rows.place(index)}: {fact}"],
        help=["`jq -c '.[]'` makes lines of a JSON array" if whole else EXAMPLE],
    )


def refuse_key(column: str, values: dict[str, Any], place: str) -> NoReturn:
    known = ", ".join(f"`{key}`" for key in values)
    refuse(
        "missing-column",
        "every line has the keys that are read",
        notes=[f"{place}, column `{column}`: the object has {known or 'no keys'}"],
        help=["give it on every line, or leave the line out"],
    )
