"""How a tensor came to its shape: the entries that led to it, from the inputs on, or to the fault
that it does not get past.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelspec.language.shapes import Shape
from modelspec.model.env import Env
from modelspec.model.graph import Graph, Program, Step, Tensor
from modelspec.model.spec import Call, Ref
from modelspec.model.summary import reference
from modelspec.source.diagnostics import Diagnostic, Rejected
from modelspec.source.text import Source, Span


class Row:
    """One call, or an input: what it is called on and gives. `fault` is what is wrong with it;
    `reached` says whether it ran at all.
    """

    __slots__ = ("depth", "fault", "given", "made", "name", "reached", "span", "type")

    def __init__(self, name: str, type: str, span: Span, depth: int = 0) -> None:
        self.name, self.type, self.span, self.depth = name, type, span, depth
        self.given: list[tuple[str, Shape | None]] = []
        self.made: list[Shape] = []
        self.fault: Diagnostic | None = None
        self.reached = True


def trace(graph: Graph, name: str) -> list[Row]:
    """The rows of a tensor's story; raises Rejected where nothing has that name."""
    scope = graph.spec.body.scope
    place = Span(Source("--trace", name), 1, 1, 1, len(name) + 1)
    before = len(scope.report.errors)
    ref = scope.tensor(name, place)
    errors = scope.report.errors[before:]
    del scope.report.errors[before:]
    if errors:
        raise Rejected(errors)
    story = Story(graph)
    story.ref(ref, graph.env, graph.program, "")
    return list(story.rows(graph.program, 0))


class Story:
    """Collects what a tensor depends on: tensors that were made, and calls that were not."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.needed: dict[Program, set[int]] = {}
        self.failed: dict[Program, dict[str, Row]] = {}
        self.seen: set[str] = set()

    # -- what it depends on ------------------------------------------------------------------

    def ref(self, ref: Ref, env: Env, program: Program, path: str) -> None:
        """A tensor by its reference, within a graph that was entered by way of `path`."""
        found = env.find(ref)
        if found is not None:
            self.tensor(program, found)
            return
        if not ref.chain:
            self.lost(ref, program, path)
            return
        for call in ref.chain[:-1]:
            if call not in env.inner:
                self.call(call, env, program, path)
                return
            env, path = env.inner[call], joined(path, call)
        self.call(ref.chain[-1], env, program, path)

    def tensor(self, program: Program, tensor: Tensor) -> None:
        """Everything that a tensor was made from."""
        needed = self.needed.setdefault(program, set())
        waiting = [tensor.id]
        while waiting:
            id = waiting.pop()
            if id not in needed:
                needed.add(id)
                at = program.tensors[id].step
                waiting += [] if at is None else program.steps[at].reads()

    def call(self, call: Call, env: Env, program: Program, path: str) -> None:
        """A call that gave nothing: what it is called on, what is inside it, and the call."""
        name = joined(path, call)
        if name in self.seen:
            return
        self.seen.add(name)
        for ref in call.refs():
            self.ref(ref, env, program, path)
        body, inner = call.definition.body, env.inner.get(call)
        if body is not None and inner is not None:
            for ref in body.outputs.values():
                self.ref(ref, inner, program, name)
        failed = self.failed.setdefault(program, {})
        if any(other.startswith(f"{name}.") for other in failed):
            return  # the fault inside it says it
        row = self.row(name, call, env)
        row.fault = self.graph.faults.get(name)
        row.reached = row.fault is not None
        failed[name] = row
        self.wrapped(name)

    def wrapped(self, name: str) -> None:
        """What is inside a wrapper that did not come to its end."""
        if name not in self.graph.unfinished:
            return
        program, env, held = self.graph.unfinished[name]
        body = held.definition.body
        for ref in body.outputs.values() if body is not None and held in env.inner else ():
            self.ref(ref, env.inner[held], program, name)

    def lost(self, ref: Ref, program: Program, path: str) -> None:
        """A name whose entry could not be read."""
        name = f"{path}.{ref.text}" if path else ref.text
        row = Row(name, "", ref.span)
        row.reached = False
        self.failed.setdefault(program, {}).setdefault(name, row)

    def row(self, name: str, call: Call, env: Env) -> Row:
        row = Row(name, call.definition.title, call.span)
        for ref in call.refs():
            tensor = env.find(ref)
            if tensor is not None:
                row.given.append((tensor.name, tensor.shape))
            else:
                row.given.append((reference(ref), None))
        return row

    # -- in order ------------------------------------------------------------------------------

    def rows(self, program: Program, depth: int) -> Iterator[Row]:
        """The inputs, the calls that ran, and those that did not."""
        needed = self.needed.get(program, set())
        for tensor in program.tensors:
            if tensor.id in needed and tensor.step is None:
                row = Row(tensor.name, "Input", tensor.span, depth)
                row.made = [tensor.shape or ()]
                yield row
        entered: set[str] = set()
        for step in program.steps:
            if not needed.isdisjoint(step.outputs):
                if not depth:
                    yield from self.graphs(step, entered)
                yield from self.step(program, step, depth)
        for name, row in self.failed.get(program, {}).items():
            row.depth = depth
            if name in self.graph.unfinished:
                yield from self.rows(self.graph.unfinished[name][0], depth + 1)
            yield row

    def graphs(self, step: Step, entered: set[str]) -> Iterator[Row]:
        """A row for each graph that a step is the first to run in."""
        body: Any = self.graph.spec.body
        path = ""
        for part in step.name.split(".")[:-1]:
            call = next((one for one in body.calls if one.name == part), None) if body else None
            if call is None:
                return
            path, body = joined(path, call), call.definition.body
            if path not in entered:
                entered.add(path)
                row = Row(path, call.definition.title, call.span)
                row.given = [(reference(ref), None) for ref in call.refs()]
                yield row

    def step(self, program: Program, step: Step, depth: int) -> Iterator[Row]:
        """A step that ran, after what ran inside it."""
        if step.body is not None:
            for id in step.body.outputs.values():
                self.tensor(step.body, step.body.tensors[id])
            yield from self.rows(step.body, depth + 1)
        row = Row(step.name, step.layer.title(), step.call.span, depth)
        tensors = [program.tensors[id] for id in step.reads()]
        row.given = [(tensor.name, tensor.shape) for tensor in tensors]
        row.made = [program.tensors[id].shape or () for id in step.outputs]
        yield row


def joined(path: str, call: Call) -> str:
    return f"{path}.{call.name}" if path else call.name
