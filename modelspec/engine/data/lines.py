"""Text files as rows with random access: where each row starts, eight bytes a row."""

from __future__ import annotations

import os
import re
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from modelspec.engine.data.arrays import bad_file, reading, runs
from modelspec.engine.data.rows import Indices

CHUNK = 1 << 22
LONGEST = 1 << 28  # bytes of one row
NEWLINE, RETURN, SPACE, QUOTE = 10, 13, 32, 34
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
CLOSING = re.compile(rb'(?:[^"]|"")*+"')


class TextFile:
    """The rows of a text file; blank lines are none. Quoted cells may hold line ends.

    `delimiter` is that between cells; None means that every line is a row.
    """

    def __init__(self, path: str, delimiter: bytes | None) -> None:
        self.path = path
        with reading(path, "a text file"), open(path, "rb") as file:
            self.size = os.fstat(file.fileno()).st_size
            self.starts = Scan(path, delimiter).starts(file)
            self.file = os.open(path, os.O_RDONLY)

    def __len__(self) -> int:
        return len(self.starts)

    def __del__(self) -> None:
        if hasattr(self, "file"):
            os.close(self.file)

    def records(self, indices: Indices) -> list[bytes]:
        """The rows without their line ends; neighbours are read at once."""
        found: list[bytes] = []
        for first, count in runs(indices):
            bounds = self.starts[first : first + count + 1]
            last = self.size if first + count == len(self.starts) else int(bounds[-1])
            data = os.pread(self.file, last - int(bounds[0]), int(bounds[0]))
            if len(data) < last - int(bounds[0]):
                bad_file(self.path, "it has become shorter while it was read")
            edges = [*(bounds[:count] - bounds[0]).tolist(), len(data)]
            found += [data[edges[i] : edges[i + 1]].rstrip(b"\r\n") for i in range(count)]
        return found

    def line(self, index: int) -> int:
        """The number of the line that a row starts on, from 1."""
        at, end, count = 0, int(self.starts[index]), 1
        while at < end:
            data = os.pread(self.file, min(CHUNK, end - at), at)
            if not data:
                break
            count += data.count(b"\n")
            at += len(data)
        return count

    def place(self, index: int) -> str:
        return f"{self.path}, line {self.line(index)}"


class Scan:
    """One pass over a file that finds where its rows start."""

    def __init__(self, path: str, delimiter: bytes | None) -> None:
        self.path, self.delimiter = path, delimiter
        self.opening = None if delimiter is None else re.compile(re.escape(delimiter) + b'"')
        self.inside = False  # a quoted cell

    def starts(self, file: BinaryIO) -> NDArray[np.int64]:
        offset = len(BYTE_ORDER_MARK) if file.read(3) == BYTE_ORDER_MARK else 0
        file.seek(offset)
        found, rest = [np.empty(0, np.int64)], b""
        while chunk := file.read(CHUNK):
            whole = rest + chunk
            cut = whole.rfind(b"\n") + 1
            found.append(self.block(whole[:cut]) + offset)
            rest, offset = whole[cut:], offset + cut
            if len(rest) > LONGEST:
                bad_file(self.path, f"a line is longer than {LONGEST >> 20} MiB")
        found.append(self.block(rest) + offset)
        if self.inside:
            line = self.opened(file)
            bad_file(self.path, f"a quoted cell of line {line} is open at the end of the file")
        return np.concatenate(found)

    def block(self, data: bytes) -> NDArray[np.int64]:
        """Where rows start in whole lines."""
        if not data:
            return np.empty(0, np.int64)
        codes = np.frombuffer(data, np.uint8)
        ends = np.flatnonzero(codes == NEWLINE)
        if codes[-1] != NEWLINE:
            ends = np.append(ends, len(data))
        starts = np.concatenate([[0], ends[:-1] + 1])
        lengths = ends - starts
        blank = (lengths == 0) | ((lengths == 1) & (codes[starts] == RETURN))
        if self.opening is None:  # spaces are nothing, where they are no cell
            for line in np.flatnonzero(~blank & (codes[starts] <= SPACE)).tolist():
                blank[line] = not data[starts[line] : ends[line]].strip()
        if self.opening is None or not (self.inside or b'"' in data):
            starting: Indices = starts[~blank]
        else:
            starting = starts[~(blank | self.continued(data, codes, starts, ends))]
        return starting

    def continued(
        self, data: bytes, codes: NDArray[np.uint8], starts: Indices, ends: Indices
    ) -> NDArray[np.bool_]:
        """Which lines begin inside a quoted cell; only lines with quotes can change that."""
        quotes = np.flatnonzero(codes == QUOTE)
        inside = np.zeros(len(starts), bool)
        done = 0
        for line in np.unique(np.searchsorted(ends, quotes)).tolist():
            inside[done : line + 1] = self.inside
            done = line + 1
            self.inside = self.ends_inside(data[starts[line] : ends[line]])
        inside[done:] = self.inside
        return inside

    def opened(self, file: BinaryIO) -> int:
        """The number of the line on which the last quoted cell opens, from 1."""
        again, number = Scan(self.path, self.delimiter), 0
        file.seek(0)
        for at, line in enumerate(file, 1):
            before = again.inside
            again.inside = again.ends_inside(line) if b'"' in line else before
            if again.inside and not before:
                number = at
        return number

    def ends_inside(self, line: bytes) -> bool:
        """Whether a quoted cell is open at the end; a quote opens one at its start alone."""
        assert self.opening is not None
        at, inside = 0, self.inside
        if not inside and line.startswith(b'"'):
            at, inside = 1, True
        while True:
            if inside:
                closing = CLOSING.match(line, at)
                if closing is None:
                    return True
                at = closing.end()
            opening = self.opening.search(line, at)
            if opening is None:
                return False
            at, inside = opening.end(), True
