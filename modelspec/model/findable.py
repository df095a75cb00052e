"""The names that a spec holds, for completion: as much as can be read, whether right or wrong."""

from __future__ import annotations

from modelspec.model.files import Files
from modelspec.model.overrides import BadOverride, override
from modelspec.model.resolve import resolve
from modelspec.model.scope import SEGMENT, Scope, Thing
from modelspec.model.spec import Call, Definition, Spec
from modelspec.source.diagnostics import Rejected
from modelspec.source.text import Source
from modelspec.source.tree import Node, parse


def tree_of(source: Source) -> Node | None:
    """The tree of a text, or None where it is no YAML."""
    try:
        return parse(source)
    except Rejected:
        return None


def spec_of(source: Source, settings: tuple[str, ...], allowed: tuple[str, ...]) -> Spec | None:
    """The spec of a text with its names bound, faults and all; None where there is none."""
    tree = tree_of(source)
    if tree is None:
        return None
    try:
        return resolve(override(tree, settings), Files(source, allowed))
    except (Rejected, BadOverride):
        return None


def tensors(spec: Spec, typed: str) -> list[str]:
    """The tensors whose names begin as typed: `encoder@1`, `vision.conv2d`, `lstm.hidden`.

    Of a graph's inside the names come once the graph's own is typed, with its dot.
    """
    above, dot, _ = typed.rpartition(".")
    found: list[str] = []
    if not dot:
        found = within(spec.body.scope)
    else:
        definition = at(spec.body.scope, above.split("."))
        if definition is not None:
            found = [f"{above}.{name}" for name in inside(definition)]
    return [name for name in found if name.startswith(typed)]


def within(scope: Scope) -> list[str]:
    """The tensors of one graph, in the order in which they stand there."""
    found = []
    for name, thing in scope.things.items():
        for own in nodes(scope, name, thing):
            found.append(own)
            definition = definition_of(thing)
            if definition is not None and inside(definition):
                found.append(f"{own}.")
    return found


def nodes(scope: Scope, name: str, thing: Thing) -> list[str]:
    """What a name stands for as a tensor: itself, or each node of a layer with several."""
    if not isinstance(thing, Definition):
        return [name]
    count = len(scope.nodes.get(thing, []))
    return [name] if count == 1 else [f"{name}@{node}" for node in range(count)]


def definition_of(thing: Thing) -> Definition | None:
    if isinstance(thing, Call):
        return thing.definition
    return thing if isinstance(thing, Definition) else None


def inside(definition: Definition) -> list[str]:
    """What follows the dot: the tensors in a graph, or the outputs of a layer with several."""
    if definition.part is not None and definition.body is not None:
        return [call.name for call in definition.body.calls]
    if definition.body is not None:
        return within(definition.body.scope)
    outputs = list(definition.layer.returns()) if definition.layer is not None else []
    return outputs if len(outputs) > 1 else []


def at(scope: Scope, names: list[str]) -> Definition | None:
    """What the names lead to, from graph to graph."""
    found: Definition | None = None
    inner: Scope | None = scope
    for name in names:
        match = SEGMENT.fullmatch(name)
        thing = inner.things.get(match["name"]) if inner is not None and match else None
        found = None if thing is None else definition_of(thing)
        if found is None:
            return None
        inner = found.body.scope if found.body is not None else None
    return found
