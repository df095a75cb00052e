"""CSV and TSV."""

from __future__ import annotations

import csv
from operator import itemgetter
from typing import Any, NoReturn

import numpy as np

from modelspec.engine.data.lines import TextFile
from modelspec.engine.data.rows import Array, Indices
from modelspec.engine.data.wanted import refuse

Cells = list[str]
#: What else stands between cells.
MARKS = (";", "\t", "|", ",")


class DelimitedRows:
    """Rows of text cells, read and parsed as they are asked for."""

    resident = False

    def __init__(self, path: str, delimiter: str, header: bool) -> None:
        self.name = path
        self.file, self.delimiter = TextFile(path, delimiter.encode()), delimiter
        self.skipped = int(header)
        self.width = -1
        if len(self.file):
            first = self.parsed(np.zeros(1, np.int64))[0]
            self.width = len(first)
        else:
            first = []
        self.columns = tuple(first) if header else tuple(map(str, range(len(first))))

    def __len__(self) -> int:
        return max(0, len(self.file) - self.skipped)

    def take(self, indices: Indices, columns: list[str]) -> dict[str, Array]:
        rows = self.parsed(indices + self.skipped)
        return {column: column_of(rows, self.position(column)) for column in columns}

    def position(self, column: str) -> int:
        if self.columns.count(column) > 1:
            refuse(
                "bad-file",
                "a column that is read has a name of its own",
                notes=[f"{self.file.path}: {self.columns.count(column)} are called `{column}`"],
            )
        return self.columns.index(column)

    def place(self, index: int) -> str:
        return self.file.place(index + self.skipped)

    def parsed(self, indices: Indices) -> list[Cells]:
        """The cells of rows of the file, the header counted; raises Rejected."""
        records = self.file.records(indices)
        try:
            texts = [record.decode("utf-8") for record in records]
            rows = list(csv.reader(texts, delimiter=self.delimiter))
        except (UnicodeDecodeError, csv.Error):
            self.refuse_record(records, indices)
        widths = set(map(len, rows))
        if self.width >= 0 and (len(rows) != len(records) or widths - {self.width}):
            self.refuse_ragged(records, indices)
        return rows

    def refuse_record(self, records: list[bytes], indices: Indices) -> NoReturn:
        for record, index in zip(records, indices.tolist(), strict=True):
            try:
                list(csv.reader([record.decode("utf-8")], delimiter=self.delimiter))
            except UnicodeDecodeError as error:
                fact = f"byte 0x{record[error.start]:02x} is not UTF-8"
                help = "save it as UTF-8: `iconv -f UTF-16 -t UTF-8`, or whatever it is in"
            except csv.Error as error:
                lone = "new-line character" in str(error)
                fact = "a carriage return stands outside quotes" if lone else str(error)
                help = "save it with line ends of one kind: `tr '\\r' '\\n'`" if lone else ""
            else:
                continue
            refuse(
                "bad-file",
                "a file of rows is UTF-8 text, with line ends of one kind and quotes around cells",
                notes=[f"{self.file.place(index)}: {fact}"],
                help=[help],
            )
        raise AssertionError("every record is fine")

    def refuse_ragged(self, records: list[bytes], indices: Indices) -> NoReturn:
        for record, index in zip(records, indices.tolist(), strict=True):
            cells = next(csv.reader([record.decode("utf-8")], delimiter=self.delimiter), [])
            if len(cells) != self.width:
                self.refuse_width(index, len(cells))
        raise AssertionError("every row has its width")

    def refuse_width(self, index: int, count: int) -> NoReturn:
        other = "header" if self.skipped else "first row"
        refuse(
            "ragged-row",
            f"every row has as many cells as the {other}",
            notes=[f"{self.file.place(index)}: {cells(count)}, and the {other} has {self.width}"],
            help=[
                "a cell that holds the delimiter stands in quotes"
                if count > self.width
                else self.delimiter_help()
            ],
        )

    def misread(self) -> str:
        """What to do about columns that are not there, where the header is read as it is not."""
        other = next((mark for mark in MARKS if mark in self.columns[0]), "")
        if self.width == 1 and other:
            mark = {"\t": "\\t"}.get(other, other)
            return f'is the delimiter "{mark}"? {{type: CSV, path: ..., delimiter: "{mark}"}}'
        if any(map(is_number, self.columns)) and self.skipped:
            named = "which calls the columns `0`, `1`, ..."
            return f"is there no header? {{type: CSV, path: ..., header: false}}, {named}"
        return ""

    def delimiter_help(self) -> str:
        return "" if self.width > 1 else f"is the delimiter really `{self.delimiter}`?"


def is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def cells(count: int) -> str:
    return "1 cell" if count == 1 else f"{count} cells"


def column_of(rows: list[Cells], position: int) -> Array:
    column = np.empty(len(rows), object)
    column[:] = list(map(itemgetter(position), rows))
    return column


def open_delimited(word: Any, path: str) -> DelimitedRows:
    return DelimitedRows(path, word.delimiter, word.header)
