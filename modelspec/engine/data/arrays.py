"""NPZ archives and folders of .npy files, read without pickles and with no trust in headers."""

from __future__ import annotations

import math
import os
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, Any, NamedTuple, NoReturn

import numpy as np
from numpy.lib import format as npy

from modelspec.engine.data.rows import Array, Arrays, Indices
from modelspec.engine.data.wanted import refuse
from modelspec.model.machine import physical_memory
from modelspec.source.diagnostics import Rejected, Unreadable

CHUNK = 1 << 24
#: Arrays on the disk up to this many bytes are read at once.
SMALL = 1 << 28


class Header(NamedTuple):
    """What a .npy header declares, and where its numbers start."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    offset: int

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


class StoredArray:
    """An array on the disk, its samples read as they are asked for: memory stays flat."""

    def __init__(self, path: str, header: Header, offset: int) -> None:
        self.path, self.dtype, self.shape, self.offset = path, header.dtype, header.shape, offset
        self.file = os.open(path, os.O_RDONLY)
        self.row = math.prod(header.shape[1:]) * header.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __del__(self) -> None:
        if hasattr(self, "file"):
            os.close(self.file)

    def __getitem__(self, indices: Indices) -> Array:
        out = np.empty((len(indices), *self.shape[1:]), self.dtype)  # (batch, ...)
        view = out.reshape(-1).view(np.uint8).data
        at = 0
        for first, count in runs(indices):
            self.read(view[at : at + count * self.row], self.offset + first * self.row)
            at += count * self.row
        return out

    def read(self, into: memoryview, offset: int) -> None:
        while len(into):
            count = os.preadv(self.file, [into], offset)
            if not count:
                bad_file(self.path, "it ends before its arrays do")
            into, offset = into[count:], offset + count


def runs(indices: Indices) -> Iterator[tuple[int, int]]:
    """Neighbours together: (first, count), in the order of the indices."""
    if not len(indices):
        return
    breaks = np.flatnonzero(np.diff(indices) != 1) + 1
    for start, end in zip([0, *breaks.tolist()], [*breaks.tolist(), len(indices)], strict=True):
        yield int(indices[start]), end - start


def open_npz(path: str, needed: list[str]) -> Arrays:
    """The needed arrays of an archive; big ones that are not compressed stay on the disk."""
    with reading(path, "an .npz archive"), zipfile.ZipFile(path) as archive:
        members = {i.filename.removesuffix(".npy"): i for i in archive.infolist()}
        arrays: dict[str, Any] = {}
        for name in (name for name in needed if name in members):
            with archive.open(members[name]) as stream:
                header = read_header(stream, path, name)
                stored = members[name].compress_type == zipfile.ZIP_STORED
                if header.nbytes > members[name].file_size - header.offset:
                    bad_file(path, f"the array `{name}` declares more than the file holds")
                if stored and header.nbytes > SMALL and not header.fortran:
                    start = data_offset(path, members[name]) + header.offset
                    arrays[name] = stored_array(path, header, start)
                else:
                    refuse_enormous(header.nbytes, path, name)
                    arrays[name] = read_array(stream, header, path, name)
    opened = opened_arrays(path, arrays)
    opened.columns = tuple(members)
    return opened


def open_npy(paths: list[str], needed: list[str]) -> list[Arrays]:
    """One for each folder; .npy files named one by one are a folder together."""
    loose = [path for path in paths if not os.path.isdir(path)]
    groups = [folder_files(path) for path in paths if os.path.isdir(path)]
    if loose:
        groups.insert(0, loose)
    return [open_folder(group, needed) for group in groups]


def folder_files(folder: str) -> list[str]:
    with reading(folder, "a folder of .npy files"):
        listed = sorted(name for name in os.listdir(folder) if name.endswith(".npy"))
    if not listed:
        refuse("bad-file", "a folder of arrays holds .npy files", notes=[f"`{folder}` has none"])
    return [os.path.join(folder, name) for name in listed]


def open_folder(paths: list[str], needed: list[str]) -> Arrays:
    arrays: dict[str, Any] = {}
    named = {os.path.basename(path).removesuffix(".npy"): path for path in paths}
    for name in (name for name in needed if name in named):
        arrays[name] = open_array(named[name], name)
    opened = opened_arrays(os.path.dirname(paths[0]) or ".", arrays)
    opened.columns = tuple(named)
    return opened


def open_array(path: str, name: str) -> Any:
    with reading(path, "a .npy file"), open(path, "rb") as stream:
        header = read_header(stream, path, name)
        if header.nbytes > SMALL and not header.fortran:
            return stored_array(path, header, header.offset)
        if header.nbytes > os.path.getsize(path) - header.offset:
            bad_file(path, "it declares more than it holds")
        return read_array(stream, header, path, name)


def stored_array(path: str, header: Header, offset: int) -> StoredArray:
    if header.nbytes > os.path.getsize(path) - offset:
        bad_file(path, "it declares more than it holds")
    return StoredArray(path, header, offset)


def opened_arrays(path: str, arrays: dict[str, Any]) -> Arrays:
    """The arrays as rows; raises Rejected where they differ in length."""
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        refuse(
            "wrong-samples",
            "the arrays of one source have one length: the number of samples",
            notes=[f"{path}: " + ", ".join(f"`{n}` has {k}" for n, k in lengths.items())],
        )
    resident = not any(isinstance(array, StoredArray) for array in arrays.values())
    return Arrays(path, arrays, resident)


def read_header(stream: IO[bytes], path: str, name: str) -> Header:
    """Parses a .npy header, which is a literal of Python; nothing of it is run."""
    try:
        version = npy.read_magic(stream)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran, dtype = read(stream)
    except (ValueError, EOFError) as error:
        bad_file(path, f"`{name}` is no .npy array ({str(error).splitlines()[0]})")
    if dtype.hasobject:
        refuse(
            "bad-file",
            "an array holds numbers or texts, and no Python objects",
            notes=[f"{path}: the array `{name}` is pickled, and pickles can run code"],
            help=['save it again as numbers or texts: `array.astype("float32")`, `.astype(str)`'],
        )
    if dtype.kind not in "biufUS":
        refuse(
            "bad-file",
            "an array holds numbers, booleans or texts",
            notes=[f"{path}: the array `{name}` holds {dtype}"],
        )
    if any(size < 0 for size in shape):
        bad_file(path, f"`{name}` declares the shape {shape}")
    if not shape:
        refuse(
            "wrong-samples",
            "an array has samples along its first axis",
            notes=[f"{path}: the array `{name}` is a single value"],
        )
    return Header(shape, bool(fortran), dtype, stream.tell())


def read_array(stream: IO[bytes], header: Header, path: str, name: str) -> Array:
    flat = np.empty(math.prod(header.shape), header.dtype)
    into = flat.view(np.uint8).data
    at = 0
    while at < len(into):
        piece = stream.read(min(CHUNK, len(into) - at))
        if not piece:
            bad_file(path, f"it ends before the array `{name}` does")
        into[at : at + len(piece)] = piece
        at += len(piece)
    return flat.reshape(header.shape, order="F" if header.fortran else "C")


def data_offset(path: str, member: zipfile.ZipInfo) -> int:
    """Where a member's bytes start: past its local header, whose two lengths may differ."""
    with open(path, "rb") as file:
        file.seek(member.header_offset)
        local = file.read(30)
    lengths = int.from_bytes(local[26:28], "little") + int.from_bytes(local[28:30], "little")
    return member.header_offset + 30 + lengths


def refuse_enormous(nbytes: int, path: str, name: str) -> None:
    """A few kilobytes of archive can declare terabytes."""
    if nbytes > physical_memory() // 2:
        refuse(
            "too-large",
            "an array that must be unpacked fits in half of the machine's memory",
            notes=[f"{path}: the array `{name}` declares {nbytes / 2**30:,.1f} GiB"],
            help=[
                "save it uncompressed (`numpy.savez`) or as .npy: then it is read piece by piece"
            ],
        )


def bad_file(path: str, fact: str) -> NoReturn:
    refuse("bad-file", f"cannot make sense of `{path}`", notes=[fact])


class reading:  # noqa: N801  (reads as a statement)
    """Turns what goes wrong while a file is read into a message about the file."""

    def __init__(self, path: str, noun: str) -> None:
        self.path, self.noun = path, noun

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, Rejected | Unreadable):
            return
        if isinstance(error, zipfile.BadZipFile | zlib.error | EOFError | NotImplementedError):
            bad_file(self.path, f"it is not {self.noun}, or it is damaged ({error})")
        if isinstance(error, RuntimeError) and "encrypted" in str(error):
            bad_file(self.path, "it is encrypted")
        if isinstance(error, OSError):
            raise Unreadable(self.path, (error.strerror or str(error)).lower()) from None
