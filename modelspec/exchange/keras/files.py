"""The files that hold a Keras model: .keras, .json, .h5 and .weights.h5."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from modelspec.exchange.keras.archive import Archive, mapping
from modelspec.exchange.keras.faults import rejected
from modelspec.exchange.keras.hdf5 import Stored
from modelspec.source.diagnostics import Unreadable

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"


class Saved(NamedTuple):
    """What a file holds: the model's description, what it was compiled with, its weights."""

    path: str
    model: dict[str, Any]
    compiled: dict[str, Any] | None
    weights: Stored | None
    version: str
    archive: Archive | None = None


def read(path: str, description: str | None = None) -> Saved:
    """A Keras model of any format; `description` is the JSON that goes with a .weights.h5.

    Raises Unreadable where there is no such file, and Rejected where it is no Keras model.
    """
    for one in (path, description):
        if one is not None and not os.path.isfile(one):
            reason = "a folder, not a file" if os.path.isdir(one) else "no such file"
            raise Unreadable(one, reason)
    if path.endswith(".keras"):
        return of_archive(path)
    if path.endswith(".json"):
        return of_json(path)
    if path.endswith((".h5", ".hdf5")):
        return of_hdf5(path, description)
    raise rejected(
        "not-keras",
        "a Keras model lies in a .keras, .json, .h5 or .weights.h5 file",
        notes=path,
        help="give the file the ending that it was saved with",
    )


def of_archive(path: str) -> Saved:
    archive = Archive(path)
    written = archive.json(CONFIG)
    about = archive.json(METADATA) if METADATA in archive.members else {}
    if WEIGHTS not in archive.members:
        raise rejected("not-keras", f"a .keras file holds {WEIGHTS}", notes=path)
    stored = Stored(archive.stream(WEIGHTS), f"{path}: {WEIGHTS}")
    return Saved(path, written, written.get("compile_config"), stored,
                 str(about.get("keras_version", "3")), archive)  # fmt: skip


def of_json(path: str) -> Saved:
    with open(path, "rb") as stream:
        written = mapping(stream.read(), path)
    return Saved(path, written, written.get("compile_config"), None,
                 str(written.get("keras_version", "")))  # fmt: skip


def of_hdf5(path: str, description: str | None) -> Saved:
    stored = Stored(path, path)
    if description is not None:
        said = of_json(description)
        return Saved(path, said.model, said.compiled, stored, said.version)
    config = stored.text("model_config")
    if config is None:
        raise rejected(
            "not-keras",
            "a file of weights alone does not say which model they belong to",
            notes=path,
            help="`model.to_json()` does: modelspec import model.weights.h5 --spec model.json",
        )
    compiled = stored.text("training_config")
    return Saved(
        path, mapping(config, path), None if compiled is None else mapping(compiled, path), stored,
        stored.text("keras_version") or "",
    )  # fmt: skip
