"""What layers learnt from the training data before training began.

Numbers are among the weights, with a `count` of the samples they were learnt from; vocabularies are
kept beside them, as plain JSON by the layer's path.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor

from modelspec.model.graph import Graph, Program, Step
from modelspec.model.spec import Definition
from modelspec.source.diagnostics import Rejected, Report, Unreadable

if TYPE_CHECKING:
    from modelspec.engine.vocabulary import Vocabulary

#: A run's file of vocabularies.
LEARNT = "learnt.json"

State = dict[str, Any]


class Learnt:
    """Vocabularies by the paths of their layers, each made ready once."""

    def __init__(self, states: Mapping[str, State]) -> None:
        self.states = states
        self.ready: dict[str, Vocabulary | None] = {}

    def vocabulary(self, definition: Definition) -> Vocabulary | None:
        """A layer's vocabulary; None where it has learnt none yet. Raises Rejected."""
        from modelspec.engine.vocabulary import vocabulary_of

        path = definition.path
        if self.ready.get(path) is None:
            self.ready[path] = vocabulary_of(definition, self.states.get(path))
        return self.ready[path]


def steps_of(program: Program) -> Iterator[Step]:
    """Every step, those inside wrappers included."""
    for step in program.steps:
        yield step
        if step.body is not None:
            yield from steps_of(step.body)


def adapting(graph: Graph) -> dict[str, Definition]:
    """The layers that learn from the training data, by path."""
    return {
        step.definition.path: step.definition
        for step in steps_of(graph.program)
        if step.layer.adapts
    }


def unadapted(
    graph: Graph, weights: Mapping[str, Tensor], states: Mapping[str, State]
) -> dict[str, Definition]:
    """The layers that still have to learn."""
    return {
        path: definition
        for path, definition in adapting(graph).items()
        if path not in states and not counted(graph, path, weights)
    }


def counted(graph: Graph, path: str, weights: Mapping[str, Tensor]) -> bool:
    """Whether the weights of a layer hold what it learnt."""
    return path in graph.owners and bool(weights[f"{path}.count" if path else "count"] > 0)


def refuse_unadapted(
    graph: Graph, weights: Mapping[str, Tensor], states: Mapping[str, State]
) -> None:
    """Raise Rejected where a layer has not learnt from data yet."""
    left = unadapted(graph, weights, states)
    if left:
        raise not_adapted({path: definition.layer for path, definition in left.items()})


def complete(
    graph: Graph, weights: Mapping[str, Tensor], states: Mapping[str, State]
) -> dict[str, State]:
    """All vocabularies that a run keeps: those that were learnt, and those that lie in files.
    Raises Rejected where a layer has not learnt yet.
    """
    refuse_unadapted(graph, weights, states)
    return {**filed(graph), **states}


def filed(graph: Graph) -> dict[str, State]:
    """Vocabularies that lie in files, by the paths of their layers: a file may change."""
    learnt, found = Learnt({}), dict[str, State]()
    for step in steps_of(graph.program):
        if isinstance(step.layer.__dict__.get("vocabulary"), str):
            vocabulary = learnt.vocabulary(step.definition)
            assert vocabulary is not None
            found[step.definition.path] = {"vocabulary": vocabulary.tokens}
    return found


def not_adapted(layers: Mapping[str, Any]) -> Rejected:
    """The error of layers, by path, that have learnt nothing yet."""
    report = Report()
    for path, layer in layers.items():
        report.error(
            "not-adapted",
            f"{layer.called()} learns from the training data before it is used",
            layer.__dict__.get("span"),
            f"`{path}` has learnt nothing yet",
            help="`modelspec train` lets it learn, and keeps what it learnt with the run",
        )
    return Rejected(report.errors)


def read_states(folder: str) -> dict[str, State]:
    """What the layers of a run learnt; raises Unreadable."""
    from modelspec.engine.checkpoint import read_json

    path = os.path.join(folder, LEARNT)
    if not os.path.exists(path):
        return {}
    states = read_json(path)
    for layer, state in states.items():
        if not whole(state):
            raise Unreadable(path, f"damaged: `{layer}` is no vocabulary")
    return states


def whole(state: Any) -> bool:
    """Whether this is a vocabulary: tokens, and for `tf_idf` a weight for each."""
    tokens = state.get("vocabulary") if isinstance(state, dict) else None
    if not isinstance(tokens, list) or not all(isinstance(one, str | int) for one in tokens):
        return False
    rarity = state.get("idf_weights", [0.0] * len(tokens))
    return (
        isinstance(rarity, list)
        and len(rarity) == len(tokens)
        and all(isinstance(one, float | int) for one in rarity)
    )


def brought(graph: Graph) -> dict[str, State]:
    """Vocabularies that come with the runs which `weights:` entries of the spec name."""
    from modelspec.engine.weights import with_weights

    found: dict[str, State] = {}
    for definition in with_weights(graph):
        prefix = (definition.part or definition).path
        start = f"{prefix}." if prefix else ""
        for path, state in read_states(str(definition.weights)).items():
            if start + path in adapting(graph):
                found[start + path] = state
    return found
