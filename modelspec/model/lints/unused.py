"""Rules on what nothing uses."""

from __future__ import annotations

import re
from collections.abc import Iterator

from modelspec.model.graph import Graph
from modelspec.model.lints.findings import Finding, maker
from modelspec.model.params import Param
from modelspec.model.spec import Body, Call, Definition
from modelspec.source.fixes import respelled
from modelspec.source.suggest import Candidates, did_you_mean


def inputs(graph: Graph) -> Iterator[Finding]:
    """Inputs that nothing reads: of the model, and of graphs in it."""
    program = graph.program
    read = {id for step in program.steps for id in step.reads()} | set(program.outputs.values())
    for one in graph.spec.body.inputs:
        if program.inputs[one.name] not in read:
            yield Finding(
                "unused-input",
                "data is needed for every input, used or not",
                one.span,
                f"nothing reads `{one.name}`",
                by=one,
                help="call a layer on it, or take it away",
            )
    for body in inner(graph):
        refs = [ref for call in body.calls for ref in call.refs()] + list(body.outputs.values())
        used = {ref.input for ref in refs}
        for one in body.inputs:
            if one not in used:
                yield Finding(
                    "unused-input",
                    "every call gives a graph all its inputs, used or not",
                    one.span,
                    f"nothing reads `{one.name}`",
                    by=one,
                    help="call a layer on it, or take it away",
                )


def inner(graph: Graph) -> list[Body]:
    """The graphs inside the model, at any depth and inside wrappers too, each once."""
    return [
        one.body
        for one in everything(graph)
        if one.body is not None and one.part is None and one is not graph.spec.root
    ]


def everything(graph: Graph) -> list[Definition]:
    """Every definition, at any depth, called or not."""
    found: dict[Definition, None] = {}
    waiting: list[Definition] = [graph.spec.root]
    while waiting:
        definition = waiting.pop()
        if definition in found:
            continue
        found[definition] = None
        wrapped = definition.layer.__dict__.values() if definition.layer is not None else ()
        waiting += [one for one in wrapped if isinstance(one, Definition)]
        body = graph.spec.body if definition is graph.spec.root else definition.body
        if body is not None:
            waiting += [call.definition for call in body.calls]
            waiting += body.shared
    return list(found)


def definitions(graph: Graph) -> Iterator[Finding]:
    """Shared layers that nothing calls, blocks that nothing uses, parameters that nothing reads."""
    bodies = [graph.spec.body, *inner(graph)]
    for body in bodies:
        for definition in body.shared:
            if definition.name in body.scope.unread:
                yield Finding(
                    "unused-definition",
                    "a shared layer does nothing until it is called",
                    definition.span,
                    f"nothing calls `{definition.name}`",
                    by=definition,
                    help=f"call it: {{use: {definition.name}, from: ...}}",
                )
    used = {one.block for one in everything(graph) if one.block}
    idle = [
        block for body in bodies for name, block in body.scope.blocks.items() if name not in used
    ]
    for block in idle:
        yield Finding(
            "unused-definition",
            "a block does nothing until a layer has its type",
            block.span,
            f"nothing has `type: {block.name}`",
            by=block,
            help="use it, or take it away",
        )
    waiting = " ".join(line for block in idle for line in block.lines())
    yield from params(bodies, waiting)


def params(bodies: list[Body], waiting: str) -> Iterator[Finding]:
    """Parameters that no `${...}` names; those in a block that waits to be used count as named."""
    declared: dict[Param, None] = {}
    for body in bodies:
        declared |= dict.fromkeys(body.scope.params.declared.values())
    read = {param.span for param in declared if param.used}
    for param in declared:
        if param.span in read or re.search(rf"\$\{{[^}}]*\b{param.name}\b", waiting):
            continue
        yield Finding(
            "unused-definition",
            "a parameter does nothing until `${...}` names it",
            param.span,
            f"nothing reads `{param.name}`",
            help=f"write `${{{param.name}}}` where it belongs, or take it away",
        )


def layers(graph: Graph) -> Iterator[Finding]:
    """Entries that lead to no output: of the model, and of graphs in it."""
    program = graph.program
    needed: set[int] = set()
    waiting = list(program.outputs.values())
    led: set[str] = set()
    calls: set[Call] = set()
    while waiting:
        id = waiting.pop()
        if id in needed:
            continue
        needed.add(id)
        step = maker(program, id)
        if step is not None:
            waiting += step.reads()
            led.add(step.name.split(".")[0])
            calls.add(step.call)
    made = {step.name.split(".")[0] for step in program.steps}
    for call in graph.spec.body.calls:
        if call.name in made and call.name not in led:
            yield idle_layer(call)
    for body in inner(graph):
        leading = leads(body)
        for call in body.calls:
            if call not in leading and not runs(call, calls):
                yield idle_layer(call)


def idle_layer(call: Call) -> Finding:
    return Finding(
        "unused-layer",
        "a layer that leads to no output is computed for nothing",
        call.span,
        f"`{call.name}` leads to no output",
        by=call,
        help=f"make it an output, or take it away: outputs: [{call.name}, ...]",
    )


def leads(body: Body) -> set[Call]:
    """The calls of a graph that its outputs depend on."""
    found: set[Call] = set()
    waiting = [ref.chain[0] for ref in body.outputs.values() if ref.chain]
    while waiting:
        call = waiting.pop()
        if call not in found:
            found.add(call)
            waiting += [ref.chain[0] for ref in call.refs() if ref.chain]
    return found


def runs(call: Call, calls: set[Call]) -> bool:
    """Whether a call, or one inside it, is among those."""
    body = call.definition.body
    return call in calls or (body is not None and any(runs(one, calls) for one in body.calls))


def fields(graph: Graph) -> Iterator[Finding]:
    """Fields of `data` that feed no input and no output."""
    data = graph.spec.data
    if data is None:
        return
    known = [*graph.program.inputs, *graph.program.outputs, "sample_weight"]
    known += [f"{name}.sample_weight" for name in graph.program.outputs]
    words = Candidates(known)
    for name, field in data.fields.items():
        if name not in known:
            near = did_you_mean(name, words)
            yield Finding(
                "unused-field",
                "a field feeds the input or the output of its name",
                field.span,
                f"no input or output is called `{name}`",
                by=data,
                help=near[0] if near else "",
                fix=respelled(name, field.span, words, data.fields),
            )


UNUSED = (inputs, definitions, layers, fields)
