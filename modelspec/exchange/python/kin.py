"""Graphs that are made alike: from one block, or of like entries, which is what a run keeps."""

from __future__ import annotations

from collections import Counter

from modelspec.model.spec import Body, Definition


def kin_of(body: Body) -> dict[Definition, str]:
    """What a graph has in common with others of a model, for each that was made from a block or
    has another like it.
    """
    found: dict[Definition, str] = {}
    note(body, found)
    counts = Counter(found.values())
    return {one: kin for one, kin in found.items() if one.block or counts[kin] > 1}


def note(body: Body, found: dict[Definition, str]) -> str:
    """What the graphs in a body are made of, and the body itself: its entries by name and kind."""
    made = []
    for call in body.calls:
        inside, layer = call.definition.body, call.definition.layer
        kind = type(layer).__name__
        if inside is not None:
            kind = found.get(call.definition) or f"({note(inside, found)})"
            found[call.definition] = call.definition.block or kind
        made.append(f"{call.name}: {kind}")
    return ", ".join(made)
