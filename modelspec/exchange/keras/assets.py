"""Vocabularies that lie in a Keras archive as files beside the weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelspec.exchange.keras.archive import Archive
from modelspec.exchange.keras.hdf5 import Stored
from modelspec.exchange.keras.model import LOOKUPS, Model, Part
from modelspec.exchange.keras.places import kept
from modelspec.model.graph import Graph, Program

#: A vocabulary's file has at most so many bytes.
MOST_BYTES = 200_000_000


def read_vocabularies(model: Model, archive: Archive, stored: Stored) -> None:
    """Give each lookup of a model the vocabulary that the archive keeps for it.

    Raises Rejected where a file is no vocabulary.
    """
    for part, place in lookups(model, ""):
        name = f"assets/{place}/vocabulary.txt"
        if part.config.get("vocabulary") is None and name in archive.members:
            part.learnt = {"vocabulary": tokens(part, archive, name)}
            rarity = f"{place}/vars/idf_weights"
            if rarity in stored.sets:
                part.learnt["idf_weights"] = stored.tensor(rarity).tolist()


def lookups(model: Model, prefix: str) -> Iterator[tuple[Part, str]]:
    """The lookups of a model and of those inside, and where an archive keeps each."""
    for part, name in kept(model):
        place = f"{prefix}layers/{name}"
        if part.model is not None:
            yield from lookups(part.model, f"{place}/")
        elif part.kind in LOOKUPS:
            yield part, place


def tokens(part: Part, archive: Archive, name: str) -> list[Any]:
    """The lines of a vocabulary, as Keras reads them."""
    size = archive.members[name].file_size
    if size > MOST_BYTES:
        raise archive.refused(f"`{name}` has {size:,} bytes")
    try:
        lines = archive.read(name).decode("utf-8").splitlines()
    except UnicodeDecodeError:
        raise archive.refused(f"`{name}` is no UTF-8 text") from None
    while lines and not lines[-1]:
        lines.pop()
    if part.kind != "IntegerLookup":
        return lines
    try:
        return [int(line) for line in lines]
    except ValueError:
        raise archive.refused(f"`{name}` is a vocabulary of integers, one a line") from None


def learnt(graph: Graph, found: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What a run keeps of its vocabularies, by the paths of their layers: reserved tokens left out.

    Raises Rejected where a vocabulary cannot be looked up in.
    """
    made: dict[str, dict[str, Any]] = {}
    for path, layer in layers(graph.program):
        if path in found and path not in made:
            words = found[path]["vocabulary"]
            layer.check_vocabulary(words)
            made[path] = {"vocabulary": layer.tokens(words)}
            if "idf_weights" in found[path]:
                count = len(made[path]["vocabulary"])
                start = len(words) - count
                made[path]["idf_weights"] = found[path]["idf_weights"][start : start + count]
    return made


def layers(program: Program) -> Iterator[tuple[str, Any]]:
    for step in program.steps:
        yield step.definition.path, step.layer
        if step.body is not None:
            yield from layers(step.body)
