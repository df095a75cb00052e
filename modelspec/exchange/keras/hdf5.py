"""HDF5 files read with care: what lies in them is data, all of it in the file itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

from modelspec.exchange.keras.faults import rejected

MOST_OBJECTS = 500_000
DEEPEST = 60
#: A compressed tensor may be this many times its size in the file; weights shrink little.
MOST_RATIO = 1100
MOST_EXPANDED = 1 << 28

Array = np.ndarray[Any, Any]


class Stored:
    """The tensors of an HDF5 file by their paths; each is read when it is asked for."""

    def __init__(self, file: str | BinaryIO, path: str) -> None:
        h5py = imported()
        self.path = path
        try:
            self.file = h5py.File(file, "r")
        except OSError:
            raise rejected("bad-archive", "a file of Keras weights is an HDF5 file", notes=path,
                           help="it may be cut short; save the model again") from None  # fmt: skip
        self.sets: dict[str, Any] = {}
        self.groups: dict[str, Any] = {}
        self.h5py = h5py
        try:
            self.walk()
        except (RuntimeError, KeyError, OSError, ValueError) as error:
            raise self.refused(f"it is damaged ({error})") from None

    def refused(self, what: str) -> Exception:
        return rejected(
            "bad-archive",
            "the weights of a Keras model are plain tensors in one file",
            notes=f"{self.path}: {what}",
            help="load the model in Keras and save it again",
        )

    def walk(self) -> None:
        """Look at every object without reading a tensor; what is no plain tensor is refused."""
        seen: set[Any] = set()
        waiting: list[tuple[str, Any, int]] = [("", self.file, 0)]
        while waiting:
            path, group, depth = waiting.pop()
            address = self.h5py.h5o.get_info(group.id).addr
            if address in seen or depth > DEEPEST:
                raise self.refused(f"the group `{path}` lies inside itself, or too deep")
            seen.add(address)
            self.groups[path] = group
            for name in group:
                inner = f"{path}/{name}" if path else str(name)
                link = group.get(name, getlink=True)
                if not isinstance(link, self.h5py.HardLink):
                    raise self.refused(f"`{inner}` is a link, not a tensor")
                found = group[name]
                if isinstance(found, self.h5py.Group):
                    waiting.append((inner, found, depth + 1))
                elif isinstance(found, self.h5py.Dataset):
                    self.look(inner, found)
                    self.sets[inner] = found
                if len(self.sets) + len(seen) > MOST_OBJECTS:
                    raise self.refused(f"it holds more than {MOST_OBJECTS:,} objects")

    def look(self, path: str, found: Any) -> None:
        """Refuse a tensor that lies elsewhere, or is larger than what is there for it."""
        if found.is_virtual or found.id.get_create_plist().get_external_count():
            raise self.refused(f"`{path}` lies in another file")
        if found.dtype.kind not in "fiubVc":
            return
        size = found.dtype.itemsize
        for dim in found.shape or ():
            size *= int(dim)
        stored = int(found.id.get_storage_size())
        packed = found.compression is not None or bool(found.chunks)
        allowed = max(stored, min(stored * MOST_RATIO, MOST_EXPANDED)) if packed else stored
        if size > allowed and size > stored:
            raise self.refused(
                f"`{path}` has a shape of {size:,} bytes, and {stored:,} are in the file"
            )

    def tensor(self, path: str) -> Array:
        """One tensor."""
        found = self.sets[path]
        try:
            value: Array = np.asarray(found[()])
        except (OSError, RuntimeError) as error:
            raise self.refused(f"`{path}` cannot be read ({error})") from None
        if value.dtype.kind == "V" and value.dtype.itemsize == 2:  # bfloat16
            bits = value.view(np.uint16).astype(np.uint32) << 16
            value = bits.view(np.float32).reshape(value.shape)
        if value.dtype.kind not in "fiub" or value.dtype.itemsize > 8:
            raise self.refused(f"`{path}` holds {found.dtype}, and a weight is of plain numbers")
        return value

    def shape(self, path: str) -> tuple[int, ...]:
        return tuple(int(dim) for dim in self.sets[path].shape)

    def names(self, path: str, key: str) -> list[str]:
        """An attribute that holds texts, which Keras splits where it is long."""
        attributes = self.groups[path].attrs
        keys = [key] if key in attributes else []
        while f"{key}{len(keys)}" in attributes:
            keys.append(f"{key}{len(keys)}")
        listed = [np.atleast_1d(self.attribute(path, one)).tolist() for one in keys]
        return [self.decoded(one, key) for each in listed for one in each]

    def text(self, key: str) -> str | None:
        """An attribute of the file that is a text."""
        if key not in self.file.attrs:
            return None
        return self.decoded(self.attribute("", key), key)

    def attribute(self, path: str, key: str) -> Any:
        try:
            return self.groups[path].attrs[key]
        except (OSError, RuntimeError, TypeError, ValueError) as error:
            raise self.refused(f"its attribute `{key}` cannot be read ({error})") from None

    def decoded(self, value: Any, key: str) -> str:
        """A text of an attribute."""
        try:
            text = value.decode("utf-8") if isinstance(value, bytes) else value
        except UnicodeDecodeError:
            text = None
        if not isinstance(text, str):
            raise self.refused(f"its attribute `{key}` is no text")
        return text

    def under(self, path: str) -> Iterator[str]:
        """The tensors below a group."""
        start = f"{path}/" if path else ""
        return (name for name in self.sets if name.startswith(start))


def imported() -> Any:
    """h5py, which the extra `keras` brings."""
    try:
        import h5py
    except ImportError:
        raise rejected(
            "needs-extra",
            "the weights of Keras models are HDF5 files, which h5py reads",
            help="pip install 'modelspec-torch[keras]'",
        ) from None
    return h5py
