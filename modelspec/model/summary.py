"""What a graph is, in rows and totals: `modelspec summary`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelspec.language import shapes
from modelspec.language.dtypes import BYTES
from modelspec.language.shapes import Shape
from modelspec.model.graph import Graph, Program, Step, Tensor
from modelspec.model.spec import Body, Call, Definition, Ref


class Row:
    """One line of a summary: a call, an input, or what a wrapper holds.

    `path` leads to it through the graphs it was called in; `seen` says that its weights were
    counted in a row above.
    """

    __slots__ = ("depth", "name", "outputs", "parameters", "path", "seen", "sources", "type")

    def __init__(self, depth: int, path: str, name: str, type: str) -> None:
        self.depth, self.path, self.name, self.type = depth, path, name, type
        self.outputs: list[Shape] = []
        self.parameters = 0
        self.sources: list[str] = []
        self.seen = False


class Summary:
    """Rows and totals of a graph. A total is None where a size is unknown."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.rows = list(Walk(graph).rows())
        self.parameters = graph.parameters
        self.trainable = graph.trainable_parameters
        self.weight_bytes = sum(
            (shapes.size(weight.shape) or 0) * BYTES[weight.dtype or "float32"]
            for weight in graph.weights().values()
        )
        self.activation_bytes = activations(graph.program)
        self.operations = total(step.flops for step in graph.program.steps)

    @property
    def frozen(self) -> int:
        return self.parameters - self.trainable


class Walk:
    """Goes through the calls as they were written: graphs with what is inside, shared ones once."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.steps: dict[str, Step] = {}
        self.tensors: dict[str, list[Tensor]] = {}
        self.seen: set[Definition] = set()
        self.shown: set[str] = set()  # the owners whose weights stand in a row
        self.collect(graph.program)

    def collect(self, program: Program) -> None:
        for step in program.steps:
            self.steps.setdefault(step.name, step)
            self.tensors.setdefault(step.name, [program.tensors[id] for id in step.outputs])
            if step.body is not None:
                self.collect(step.body)

    def rows(self) -> Iterator[Row]:
        for one in self.graph.spec.body.inputs:
            row = Row(0, one.name, one.name, "Input")
            row.outputs = [one.shape or ()]
            yield row
        yield from self.body(self.graph.spec.body, "", 0)

    def body(self, body: Body, path: str, depth: int) -> Iterator[Row]:
        for call in body.calls:
            name = f"{path}.{call.name}" if path else call.name
            row = Row(depth, name, call.name, titled(call.definition, self.steps.get(name)))
            row.outputs = self.outputs(call, name)
            row.sources = [reference(ref) for ref in call.refs()]
            yield from self.definition(call.definition, row, name)

    def definition(self, definition: Definition, row: Row, path: str) -> Iterator[Row]:
        """The row of one call, and of what is inside where it was not shown before."""
        held = owners(definition, self.graph)
        row.parameters = sum(held.values())
        row.seen = bool(held) and self.shown >= held.keys()
        if definition.path in held:
            self.shown.add(definition.path)
        yield row
        if definition in self.seen:
            return
        self.seen.add(definition)
        if definition.body is not None:
            yield from self.body(definition.body, path, row.depth + 1)
        step = self.steps.get(path)
        if step is None or step.body is None:
            return
        for inner in wrapped(definition):
            inside = Row(row.depth + 1, f"{path}.{inner.name}", inner.name, inner.kind)
            inside.outputs = [
                step.body.tensors[id].shape or () for id in step.body.outputs.values()
            ]
            yield from self.definition(inner, inside, path)

    def outputs(self, call: Call, path: str) -> list[Shape]:
        """The shapes that a call gives; a graph's are those of the calls inside it."""
        found = []
        body = call.definition.body
        if body is None:
            return [tensor.shape or () for tensor in self.tensors.get(path, [])]
        for ref in body.outputs.values():
            shape = self.shape(ref, path)
            if shape is not None:
                found.append(shape)
        return found

    def shape(self, ref: Ref, path: str) -> Shape | None:
        if ref.input is not None or not ref.chain:
            return None if ref.input is None else ref.input.shape
        name = ".".join([path, *(call.name for call in ref.chain)])
        last = ref.chain[-1]
        if last.definition.body is not None:
            inner = list(last.definition.body.outputs.values())
            return self.shape(inner[ref.index], name) if ref.index < len(inner) else None
        made = self.tensors.get(name, [])
        return made[ref.index].shape if ref.index < len(made) else None


def wrapped(definition: Definition) -> list[Definition]:
    """The layers or graphs that a wrapper holds."""
    layer = definition.layer
    if layer is None:
        return []
    values = [layer.__dict__.get(key) for key in type(layer).arguments]
    return [value for value in values if isinstance(value, Definition)]


def titled(definition: Definition, step: Step | None) -> str:
    """What a row is of; a wrapper whose inside has no rows of its own says what it holds."""
    inner = ", ".join(one.kind for one in wrapped(definition))
    plain = not inner or (step is not None and step.body is not None)
    return definition.kind if plain else f"{definition.kind}({inner})"


def owners(definition: Definition, graph: Graph) -> dict[str, int]:
    """The parameters of a definition and of all that is inside it, by path."""
    owner = graph.owners.get(definition.path)
    found = {} if owner is None else {owner.path: owner.count}
    if definition.body is not None:
        for call in definition.body.calls:
            found |= owners(call.definition, graph)
    for inner in wrapped(definition):
        found |= owners(inner, graph)
    return found


def reference(ref: Ref) -> str:
    """A tensor by the names of the calls that make it: `vqa.answer`, `lstm.hidden`."""
    if ref.input is not None:
        return ref.input.name
    if not ref.chain:
        return ref.text
    names = [call.name for call in ref.chain]
    if ref.index:
        definition = ref.chain[-1].definition
        if definition.layer is not None:
            names.append(definition.layer.returns()[ref.index])
        elif definition.body is not None:
            names.append(list(definition.body.outputs)[ref.index])
    return ".".join(names)


def total(values: Iterator[int | None]) -> int | None:
    """The sum, or None where one of them is unknown."""
    found = 0
    for value in values:
        if value is None:
            return None
        found += value
    return found


def activations(program: Program, times: int = 1) -> int | None:
    """Memory of every tensor that one sample makes on its way through, in bytes."""
    found = 0
    for tensor in program.tensors:
        if tensor.bytes is None:
            return None
        found += tensor.bytes
    for step in program.steps:
        if step.body is not None:
            steps = time_steps(program, step)
            inside = None if steps is None else activations(step.body, steps)
            if inside is None:
                return None
            found += inside
    return found * times


def time_steps(program: Program, step: Step) -> int | None:
    """How often a wrapper runs what it holds."""
    shape = program.tensors[step.reads()[0]].shape
    first = shape[0] if shape else None
    return first if isinstance(first, int) else None


class Node:
    """One call of a layer that has weights or is called more than once: `encoder@1`."""

    __slots__ = ("inputs", "name", "outputs", "step", "type")

    def __init__(self, name: str, type: str, step: str) -> None:
        self.name, self.type, self.step = name, type, step
        self.inputs: list[tuple[str, Shape]] = []
        self.outputs: list[tuple[str, Shape]] = []


def nodes(graph: Graph) -> list[Node]:
    """Every node, in the order of the calls, with the shapes that it takes and gives."""
    found: list[Node] = []
    _nodes(graph.program, found)
    return found


def _nodes(program: Program, found: list[Node]) -> None:
    for step in program.steps:
        node = Node(f"{step.definition.path}@{step.node}", step.layer.title(), step.name)
        tensors: list[Any] = [program.tensors[id] for id in step.reads()]
        node.inputs = [(tensor.name, tensor.shape or ()) for tensor in tensors]
        made = [program.tensors[id] for id in step.outputs]
        node.outputs = [(tensor.name, tensor.shape or ()) for tensor in made]
        found.append(node)
        if step.body is not None:
            _nodes(step.body, found)
