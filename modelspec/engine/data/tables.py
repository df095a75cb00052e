"""Parquet and Arrow files: columns in groups of rows, of which few are in memory at a time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from modelspec.engine.data.arrays import bad_file
from modelspec.engine.data.rows import Array, Indices
from modelspec.engine.data.wanted import refuse
from modelspec.source.diagnostics import Unreadable

#: Groups of rows that were read stay in memory up to this many bytes, the latest one always.
KEPT = 1 << 27

#: Reads the columns of a group, by its number: an Arrow table.
Reader = Callable[[int, list[str]], Any]


class TableRows:
    """The rows of a file that stand in groups; a group's columns are read as they are asked for."""

    resident = False

    def __init__(self, path: str, columns: list[str], counts: list[int], reader: Reader) -> None:
        self.name, self.columns, self.reader = path, tuple(columns), reader
        self.ends = np.cumsum(counts, dtype=np.int64)  # (groups,)
        self.kept: OrderedDict[tuple[int, tuple[str, ...]], Any] = OrderedDict()

    def __len__(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0

    def take(self, indices: Indices, columns: list[str]) -> dict[str, Array]:
        if not columns:
            return {}
        home = np.searchsorted(self.ends, indices, side="right")
        back = np.argsort(np.argsort(home, kind="stable"), kind="stable")
        pieces = []
        for group in np.unique(home).tolist():
            start = int(self.ends[group - 1]) if group else 0
            with decoding(self.name):
                pieces.append(self.group(group, columns).take(indices[home == group] - start))
        with decoding(self.name):
            whole = arrow().concat_tables(pieces).take(back)
            return {column: values_of(whole.column(column), column, self) for column in columns}

    def group(self, number: int, columns: list[str]) -> Any:
        """The columns of a group, from memory where they were read lately."""
        key = (number, tuple(columns))
        if key not in self.kept:
            self.kept[key] = self.reader(number, columns)
            held = sum(table.nbytes for table in self.kept.values())
            while held > KEPT and len(self.kept) > 1:
                held -= self.kept.popitem(last=False)[1].nbytes
        self.kept.move_to_end(key)
        return self.kept[key]

    def place(self, index: int) -> str:
        return f"{self.name}, row {index} (counted from 0)"


def open_parquet(path: str) -> TableRows:
    """A Parquet file: its groups are the row groups; raises Rejected."""
    arrow()
    import pyarrow.parquet as parquet

    with decoding(path):
        file = parquet.ParquetFile(path)
        counts = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
        return TableRows(
            path,
            distinct(path, file.schema_arrow.names),
            counts,
            lambda group, columns: file.read_row_group(group, columns).select(columns),
        )


def open_arrow(path: str) -> TableRows:
    """An Arrow IPC file, mapped: its groups are the record batches; raises Rejected."""
    pa = arrow()
    with decoding(path):
        file = pa.ipc.open_file(pa.memory_map(path))
        counts = [file.get_batch(i).num_rows for i in range(file.num_record_batches)]
        return TableRows(
            path,
            distinct(path, file.schema.names),
            counts,
            lambda group, columns: pa.table(file.get_batch(group).select(columns)),
        )


def distinct(path: str, names: list[str]) -> list[str]:
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        bad_file(path, f"the column `{twice[0]}` stands there twice")
    return names


def values_of(column: Any, name: str, rows: TableRows) -> Array:
    """A column's values (rows, ...): numbers as they are, all else as Python's objects."""
    kind = column.type
    types = arrow().types
    while is_list(kind):
        kind = kind.value_type
    if types.is_dictionary(kind):
        kind = kind.value_type
    if types.is_decimal(kind) and kind == column.type:
        column, kind = column.cast("float64"), arrow().float64()
    texts = types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
    plain = types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)
    if not (texts or plain or types.is_null(kind)):
        refuse(
            "bad-file",
            "a column holds numbers, booleans or texts, or lists of them",
            notes=[f"{rows.name}: the column `{name}` holds {column.type}"],
            help=["save it as numbers or texts"],
        )
    found = numbers_of(column) if plain else None
    return objects(column) if found is None else found


def is_list(kind: Any) -> bool:
    types = arrow().types
    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


def numbers_of(column: Any) -> Array | None:
    """Numbers (rows, ...); None where some are missing, or lists differ in length."""
    array = column.combine_chunks() if isinstance(column, arrow().ChunkedArray) else column
    if array.null_count:
        return None
    if arrow().types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if not is_list(array.type):
        return np.array(array.to_numpy(zero_copy_only=False))  # torch wants to own it
    inner = array.flatten()
    width, rest = divmod(len(inner), max(1, len(array)))
    lengths = array.value_lengths().to_numpy(zero_copy_only=False)
    if rest or (lengths != width).any():
        return None
    found = numbers_of(inner)
    return None if found is None else found.reshape(len(array), width, *found.shape[1:])


def objects(column: Any) -> Array:
    found = np.empty(len(column), object)
    found[:] = column.to_pylist()
    return found


def arrow() -> Any:
    """pyarrow, which the extra `parquet` brings; raises Rejected."""
    try:
        import pyarrow
        import pyarrow.ipc
        import pyarrow.types
    except ImportError:
        refuse(
            "needs-extra",
            "Parquet and Arrow files need pyarrow, and pyarrow is missing",
            help=["pip install 'modelspec-torch[parquet]'"],
        )
    return pyarrow


class decoding:  # noqa: N801  (reads as a statement)
    """Turns what pyarrow says of a file into a message about it."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, OSError) and error.errno:
            raise Unreadable(self.path, (error.strerror or str(error)).lower()) from None
        if isinstance(error, OSError | arrow().ArrowException):
            fact = (str(error) or "it ends too early").splitlines()[0]
            bad_file(self.path, f"it is no table of its format, or it is damaged ({fact})")
