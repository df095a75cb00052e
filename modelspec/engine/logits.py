"""Outputs whose losses undo their last activation, and so are computed from what it is given."""

from __future__ import annotations

from modelspec.catalog.layers.convolution import Convolution
from modelspec.catalog.layers.core import Dense
from modelspec.language.word import Word
from modelspec.model.graph import Graph


def undone(graph: Graph) -> frozenset[int]:
    """The outputs whose losses all undo the activation that they end in."""
    found = []
    for head in graph.heads.values():
        at = graph.program.tensors[head.tensor].step
        layer = None if at is None else graph.program.steps[at].layer
        if isinstance(layer, Dense | Convolution) and head.losses:
            activation = layer.__dict__["activation"]
            if all(undoes(word, activation) for word in head.losses):
                found.append(head.tensor)
    return frozenset(found)


def undoes(loss: Word, activation: Word | None) -> bool:
    """Whether a loss can be computed from what the activation was given."""
    return (
        type(activation).__name__ == vars(type(loss)).get("undoes")
        and not loss.__dict__["from_logits"]
        and loss.__dict__["axis"] == getattr(activation, "axis", -1) == -1
    )
