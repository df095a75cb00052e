"""Layers that occur in several places of a Keras model, as one set of weights."""

from __future__ import annotations

from typing import Any

from modelspec.exchange.keras.entries import alike
from modelspec.exchange.keras.model import Model, Part
from modelspec.exchange.keras.names import Names


class Sharing:
    """The layers that several graphs of a model hold; each has a name that all of them see.

    Keras numbers a layer that it writes for the second time. Layers inside such a layer are shared
    with it, and have no name of their own here.
    """

    def __init__(self, model: Model) -> None:
        reunite(every(model))
        self.firsts: dict[Any, Part] = {}
        self.names: dict[Any, str] = {}
        self.free = Names(set())
        self.visit(model)

    def visit(self, model: Model) -> None:
        for part in model.parts:
            self.visit_part(part)

    def visit_part(self, part: Part) -> None:
        if part.identity is not None and not part.is_operation:
            first = self.firsts.setdefault((part.identity, part.kind), part)
            if first is not part:
                key = part.identity, part.kind
                if key not in self.names:
                    self.names[key] = self.free.free(first.name)
                return
        if part.model is not None:
            self.visit(part.model)
        if part.wrapped is not None:
            self.visit_part(part.wrapped)

    def name(self, part: Part) -> str | None:
        """The name of a shared layer; None for any other."""
        return self.names.get((part.identity, part.kind))

    def first(self, part: Part) -> Part:
        """The first occurrence of a layer, which is what is written."""
        return self.firsts.get((part.identity, part.kind), part)


def every(model: Model) -> list[Part]:
    """The parts of a model and of those inside, wrapped ones too."""
    found: list[Part] = []
    for part in model.parts:
        found.append(part)
        if part.model is not None:
            found += every(part.model)
        inner = part.wrapped
        if inner is not None:
            found += [inner, *([] if inner.model is None else every(inner.model))]
    return found


def goes_on(model: Model) -> bool:
    """Whether some layer goes on from batch to batch."""
    configs: list[Any] = [part.config for part in every(model)]
    inside = [config.get("layer") for config in configs]
    configs += [one.get("config") for one in inside if isinstance(one, dict)]
    return any(isinstance(one, dict) and one.get("stateful") is True for one in configs)


def reunite(parts: list[Part]) -> None:
    """Give a layer's number to its other occurrence, where Keras wrote it once only: around a
    layer that a wrapper holds, it numbers a copy.
    """
    counts: dict[Any, int] = {}
    unnumbered: dict[tuple[str, str], list[Part]] = {}
    for part in parts:
        if part.identity is not None:
            counts[part.identity] = counts.get(part.identity, 0) + 1
        else:
            unnumbered.setdefault((part.kind, part.name), []).append(part)
    for part in parts:
        if counts.get(part.identity) != 1:
            continue
        for other in unnumbered.get((part.kind, part.name), []):
            if other.identity is None and alike(other.config, part.config):
                other.identity = part.identity
