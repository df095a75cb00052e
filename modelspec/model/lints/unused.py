"""Rules on what nothing uses."""

from __future__ import annotations

from collections.abc import Iterator

from modelspec.model.graph import Graph
from modelspec.model.lints.findings import Finding, maker
from modelspec.model.spec import Definition
from modelspec.source.suggest import Candidates, did_you_mean


def inputs(graph: Graph) -> Iterator[Finding]:
    """Inputs that nothing reads."""
    program = graph.program
    read = {id for step in program.steps for id in step.reads()} | set(program.outputs.values())
    for one in graph.spec.body.inputs:
        if program.inputs[one.name] not in read:
            yield Finding(
                "unused-input",
                "data is needed for every input, used or not",
                one.span,
                f"nothing reads `{one.name}`",
                help="call a layer on it, or take it away",
            )


def definitions(graph: Graph) -> Iterator[Finding]:
    """Shared layers that nothing calls, blocks that nothing uses."""
    scope = graph.spec.body.scope
    for definition in graph.spec.body.shared:
        if definition.name in scope.unread:
            yield Finding(
                "unused-definition",
                "a shared layer does nothing until it is called",
                definition.span,
                f"nothing calls `{definition.name}`",
                by=definition,
                help=f"call it: {{use: {definition.name}, from: ...}}",
            )
    used = blocks_used(graph)
    for name, block in scope.blocks.items():
        if name not in used:
            yield Finding(
                "unused-definition",
                "a block does nothing until a layer has its type",
                block.span,
                f"nothing has `type: {name}`",
                help="use it, or take it away",
            )


def blocks_used(graph: Graph) -> set[str]:
    """The blocks that some definition was made from, at any depth."""
    found: set[str] = set()
    waiting: list[Definition] = [graph.spec.root]
    waiting += [call.definition for call in graph.spec.body.calls]
    waiting += graph.spec.body.shared
    seen: set[Definition] = set()
    while waiting:
        definition = waiting.pop()
        if definition in seen:
            continue
        seen.add(definition)
        if definition.block:
            found.add(definition.block)
        wrapped = definition.layer.__dict__.values() if definition.layer is not None else ()
        waiting += [one for one in wrapped if isinstance(one, Definition)]
        if definition.body is not None:
            waiting += [call.definition for call in definition.body.calls]
            waiting += definition.body.shared
    return found


def layers(graph: Graph) -> Iterator[Finding]:
    """Entries of the model itself that lead to no output."""
    program = graph.program
    needed: set[int] = set()
    waiting = list(program.outputs.values())
    while waiting:
        id = waiting.pop()
        if id in needed:
            continue
        needed.add(id)
        step = maker(program, id)
        if step is not None:
            waiting += step.reads()
    led = {
        step.name.split(".")[0]
        for step in program.steps
        if any(id in needed for id in step.outputs)
    }
    for call in graph.spec.body.calls:
        if call.name not in led and call.definition.body is None:
            yield Finding(
                "unused-layer",
                "a layer that leads to no output is computed for nothing",
                call.span,
                f"`{call.name}` leads to no output",
                by=call,
                help=f"make it an output, or take it away: outputs: [{call.name}, ...]",
            )


def fields(graph: Graph) -> Iterator[Finding]:
    """Fields of `data` that feed no input and no output."""
    if graph.spec.data is None:
        return
    known = {*graph.program.inputs, *graph.program.outputs, "sample_weight"}
    known |= {f"{name}.sample_weight" for name in graph.program.outputs}
    words = Candidates(sorted(known))
    for name, field in graph.spec.data.fields.items():
        if name not in known:
            near = did_you_mean(name, words)
            yield Finding(
                "unused-field",
                "a field feeds the input or the output of its name",
                field.span,
                f"no input or output is called `{name}`",
                help=near[0] if near else "",
            )


UNUSED = (inputs, definitions, layers, fields)
