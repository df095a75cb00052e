"""Keras archives: zip files of JSON and weights, of which nothing is taken on trust."""

from __future__ import annotations

import io
import json
import posixpath
import zipfile
from typing import Any

from modelspec.exchange.keras.faults import rejected

MOST_MEMBERS = 10_000
MOST_JSON = 200_000_000
#: A member larger than this is not 100 times its size in the archive.
SUSPECT, MOST_RATIO = 4_000_000, 100
DEEPEST = 250


class Archive:
    """The members of a .keras file, looked at before any is read."""

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            self.zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, ValueError, NotImplementedError):
            raise rejected(
                "not-keras", "a .keras file is a zip archive", notes=path,
                help="it may be cut short, or of another kind: rename a .h5 file to .h5",
            ) from None  # fmt: skip
        self.members: dict[str, zipfile.ZipInfo] = {}
        listed = self.zip.infolist()
        if len(listed) > MOST_MEMBERS:
            raise self.refused(f"it has {len(listed):,} members")
        for member in listed:
            self.look(member)

    def refused(self, what: str) -> Exception:
        return rejected(
            "bad-archive", "an archive holds what Keras puts there, and no tricks",
            notes=f"{self.path}: {what}", help="load the model in Keras and save it again",
        )  # fmt: skip

    def look(self, member: zipfile.ZipInfo) -> None:
        name = member.filename.replace("\\", "/")
        if name.startswith("/") or ":" in name or ".." in posixpath.normpath(name).split("/"):
            raise self.refused(f"`{member.filename}` leads out of it")
        if name in self.members:
            raise self.refused(f"`{member.filename}` is in it twice")
        if member.flag_bits & 1:
            raise self.refused(f"`{member.filename}` is encrypted")
        if member.file_size > SUSPECT and member.file_size > MOST_RATIO * member.compress_size:
            raise self.refused(
                f"`{member.filename}` grows from {member.compress_size:,} to "
                f"{member.file_size:,} bytes"
            )
        self.members[name] = member

    def read(self, name: str) -> bytes:
        """A member's bytes."""
        try:
            return self.zip.read(self.members[name])
        except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
            raise self.refused(f"`{name}` cannot be read ({error})") from None

    def json(self, name: str) -> dict[str, Any]:
        if name not in self.members:
            raise rejected("not-keras", f"a .keras file holds {name}", notes=self.path)
        if self.members[name].file_size > MOST_JSON:
            raise self.refused(f"`{name}` has {self.members[name].file_size:,} bytes")
        return mapping(self.read(name), f"{self.path}: {name}")

    def stream(self, name: str) -> io.BytesIO:
        return io.BytesIO(self.read(name))


def mapping(text: str | bytes, where: str) -> dict[str, Any]:
    """A JSON object; raises Rejected where it is none, or nested too deep."""
    raw = text.encode() if isinstance(text, str) else text
    if depth(raw) > DEEPEST:
        raise rejected(
            "bad-archive", f"a model is nested at most {DEEPEST} levels deep", notes=where
        )
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise rejected("not-keras", "a Keras model is described in JSON",
                       notes=f"{where}: {error}") from None  # fmt: skip
    if not isinstance(found, dict):
        raise rejected("not-keras", "a Keras model is described by a JSON object", notes=where)
    return found


def depth(raw: bytes) -> int:
    """How deep brackets are nested, those in texts left out."""
    level = deepest = 0
    for part in raw.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2]:
        for bracket in part.translate(None, NO_BRACKET):
            level += 1 if bracket in OPENING else -1
            deepest = max(deepest, level)
    return deepest


OPENING = b"[{"
NO_BRACKET = bytes(sorted(set(range(256)) - set(b"[]{}")))
