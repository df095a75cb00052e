"""Predictions as JSON Lines, CSV, NPZ or Parquet."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO

import numpy as np

from modelspec.engine.data.rows import Array
from modelspec.engine.data.tables import arrow

Outputs = dict[str, Array]  # by output, each (rows, ...)

#: The ending of a path -> the format that it stands for.
ENDINGS = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".npz": "npz", ".parquet": "parquet",
}  # fmt: skip


def write_rows(target: str | BinaryIO, batches: Iterable[Outputs], format: str) -> int:
    """Writes batches of outputs as `jsonl`, `csv`, `npz` or `parquet`, and says how many rows
    there were.

    JSONL has an object a row, CSV a column a number (`score`, or `score_0`, `score_1`, ... along
    the axes), NPZ an array an output, Parquet a column an output, with lists where it has axes,
    and a row group a batch. A stream is flushed after every batch; a file appears whole,
    under its name, when the last row is written. Raises OSError where it cannot be written.
    """
    write = WRITERS[format]
    if not isinstance(target, str):
        return write(target, batches)
    if os.path.exists(target) and not os.path.isfile(target):  # a pipe, a device
        with open(target, "wb") as stream:
            return write(stream, batches)
    place = os.path.realpath(target)
    aside = f"{place}.{os.getpid()}.part"
    try:
        with open(aside, "wb") as stream:
            count = write(stream, batches)
        os.replace(aside, place)
    except OSError as error:
        raise type(error)(error.errno, error.strerror, target) from None
    finally:
        if os.path.exists(aside):
            os.remove(aside)
    return count


def write_jsonl(stream: BinaryIO, batches: Iterable[Outputs]) -> int:
    count = 0
    for batch in batches:
        columns = [plain(values) for values in batch.values()]
        for row in zip(*columns, strict=True):
            line = json.dumps(dict(zip(batch, row, strict=True)), ensure_ascii=False)
            stream.write(line.encode() + b"\n")
            count += 1
        stream.flush()
    return count


def write_csv(stream: BinaryIO, batches: Iterable[Outputs]) -> int:
    count = 0
    for batch in batches:
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        if not count:
            table.writerow([name for output in batch for name in headings(output, batch[output])])
        flat = [values.reshape(len(values), -1) for values in batch.values()]
        columns = [column for values in flat for column in plain(values.T)]
        table.writerows(zip(*columns, strict=True))
        count += len(flat[0])
        stream.write(text.getvalue().encode())
        stream.flush()
    return count


def write_npz(stream: BinaryIO, batches: Iterable[Outputs]) -> int:
    parts: dict[str, list[Array]] = {}
    for batch in batches:
        for name, values in batch.items():
            parts.setdefault(name, []).append(values)
    arrays = {name: texts(np.concatenate(pieces)) for name, pieces in parts.items()}
    whole = io.BytesIO()  # a pipe cannot be sought in
    np.savez(whole, **arrays)  # type: ignore[arg-type]
    stream.write(whole.getbuffer())
    stream.flush()
    return min(map(len, arrays.values()), default=0)


def write_parquet(stream: BinaryIO, batches: Iterable[Outputs]) -> int:
    pyarrow, count, table = arrow(), 0, None
    from pyarrow.parquet import ParquetWriter

    for batch in batches:
        columns = {name: nested(pyarrow, texts(values)) for name, values in batch.items()}
        rows = pyarrow.table(columns)
        if table is None:
            table = ParquetWriter(stream, rows.schema)
        table.write_table(rows)
        count += rows.num_rows
    if table is not None:
        table.close()
    stream.flush()
    return count


def nested(pyarrow: Any, values: Array) -> Any:
    """An array (rows, ...) as a column: lists of a fixed size, one inside the other."""
    column = pyarrow.array(values.reshape(-1))
    for size in reversed(values.shape[1:]):
        column = pyarrow.FixedSizeListArray.from_arrays(column, size)
    return column


def texts(values: Array) -> Array:
    """Names of classes as NumPy's texts: objects would be pickled."""
    return values.astype(str) if values.dtype.kind == "O" else values


def headings(output: str, values: Array) -> Iterator[str]:
    """A name for each number of a row: none is added to an output of one number."""
    shape = values.shape[1:]
    for place in np.ndindex(shape):
        yield output if values[:1].size <= 1 else "_".join([output, *map(str, place)])


def plain(values: Array) -> list[Any]:
    """Python's own values, floats as short as they can be; what is not finite is None."""
    if values.dtype.kind != "f":
        return list(values.tolist())
    if values.dtype.itemsize < 8:  # 0.1 and not 0.10000000149011612
        values = values.astype("U32").astype(np.float64)
    if np.isfinite(values).all():
        return list(values.tolist())
    objects = values.astype(object)
    objects[~np.isfinite(values)] = None
    return list(objects.tolist())


WRITERS: dict[str, Callable[[BinaryIO, Iterable[Outputs]], int]] = {
    "jsonl": write_jsonl,
    "csv": write_csv,
    "npz": write_npz,
    "parquet": write_parquet,
}
