"""From a checked graph to a Keras model: its layers, and graphs as models inside it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from modelspec.catalog.layers.constants import Constant, Parameter
from modelspec.catalog.layers.wrappers import TimeDistributed
from modelspec.exchange.keras_file.alone import read_alone
from modelspec.exchange.keras_file.calls import arguments, refuse
from modelspec.exchange.keras_file.constants import Constants, table_of
from modelspec.exchange.keras_file.entries import Entries
from modelspec.exchange.keras_file.masks import Masks
from modelspec.exchange.keras_file.operations import Made, Operations
from modelspec.exchange.keras_file.parts import Functional, Node, Part, Plain, Value
from modelspec.exchange.keras_file.words import Unwritten, policy
from modelspec.exchange.walk import Homes, Inline, Scope, Walk
from modelspec.language.operation import Operation
from modelspec.model.graph import Graph, Program, Step, Tensor
from modelspec.model.spec import Call, Definition
from modelspec.source.diagnostics import Report

Shape = tuple[Any, ...]


class Models:
    """All models of a file: what they share while they are written."""

    def __init__(
        self, graph: Graph, entries: Entries, inlined: set[Definition], report: Report
    ) -> None:
        self.graph, self.entries, self.inlined, self.report = graph, entries, inlined, report
        self.homes = Homes()
        self.parts: dict[Definition, Part] = {}
        self.units: dict[Definition, Unit] = {}

    def whole(self) -> Functional:
        """The model of the graph itself."""
        program, body = self.graph.program, self.graph.spec.body
        model, scope = Functional(self.graph.name, None), Scope()
        writing = Writing(self, model, iter(program.steps), program, "")
        for one in body.inputs:
            known = program.tensors[program.inputs[one.name]]
            told = Told(whole_shape(known), known.dtype, False)
            scope.values[one] = [writing.input(one.name, told)]
        writing.calls(body, scope)
        model.outputs = {
            name: writing.end(name, writing.find(ref, scope)) for name, ref in body.outputs.items()
        }
        read_alone(model)
        return model


class Told(NamedTuple):
    """What a model knows of an input: the shape, the dtype, and whether it may have a mask."""

    shape: Shape
    dtype: str
    masked: bool


class Unit(NamedTuple):
    """A graph that was written as a model: what it was called on, how many steps it has."""

    signature: list[Told]
    steps: int


class Writing(Walk):
    """Writes the calls of one model, and of the graphs that are inlined into it."""

    def __init__(
        self, models: Models, model: Functional, steps: Iterator[Step], program: Program,
        prefix: str,
    ) -> None:  # fmt: skip
        self.models, self.model, self.program, self.prefix = models, model, program, prefix
        self.steps = steps
        self.inlined, self.entries = models.inlined, models.entries
        self.masks, self.constants = Masks(model), Constants(model)
        self.mine: set[Part] = set()

    def input(self, name: str, told: Told) -> Value:
        """An input of the model; its batch has a size where layers go on from batch to batch."""
        graph = self.models.graph
        batch = None if graph.stateful is None else graph.batch_size
        config: Plain = {"batch_shape": [batch, *told.shape[1:]], "dtype": told.dtype}
        config |= {"sparse": False, "ragged": False, "optional": False}
        part = self.model.add(name, "keras.layers", "InputLayer", config)
        value = Value(Node(part, [], {}), 0, told.shape, told.dtype)
        value.masked = told.masked
        self.model.inputs.append(value)
        return value

    def end(self, name: str, value: Value) -> Value:
        """An output; an input that goes right through is handed on by a layer."""
        if value.node.part.kind != "InputLayer":
            return value
        config = {"trainable": True, "dtype": policy(value.dtype)}
        part = self.model.add(name, "keras.layers", "Identity", config)
        return Value(Node(part, [value], {}), 0, value.shape, value.dtype)

    def name(self, definition: Definition) -> str:
        """A part's name: its place in the model."""
        owner = self.model.owner
        start = f"{owner.path}." if owner is not None and owner.path else ""
        return definition.path.removeprefix(start).replace(".", "_") or self.model.name

    # -- graphs ---------------------------------------------------------------------------

    def unit(self, call: Call, definition: Definition, given: list[Value]) -> list[Value]:
        """A call of a graph as a call of its model."""
        self.models.homes.home(definition, self.model.owner)
        if any(value.masked for value in given):
            raise Inline(definition)  # Keras loses masks at the end of a model
        signature = [Told(value.shape, value.dtype, False) for value in given]
        known = self.models.units.get(definition)
        if known is None:
            prefix = f"{self.prefix}{call.name}."
            self.write(definition, signature, self.steps, self.program, prefix)
        elif known.signature != signature:
            raise Inline(definition)
        else:
            deque(islice(self.steps, known.steps), 0)
        part = self.called(definition)
        assert part.model is not None
        node = Node(part, [given[0] if len(given) == 1 else given], {})
        made = part.model.outputs.values()
        found = [Value(node, at, one.shape, one.dtype) for at, one in enumerate(made)]
        for value, inside in zip(found, made, strict=True):
            value.masked = inside.masked
        return found

    def write(
        self, definition: Definition, signature: list[Told], steps: Iterator[Step],
        program: Program, prefix: str,
    ) -> None:  # fmt: skip
        """Write the model of a graph."""
        body = definition.body
        assert body is not None
        part = Part(self.name(definition), "keras.src.models.functional", "Functional", {})
        part.model = model = Functional(part.name, definition)
        model.trainable = not definition.frozen
        counted = Counted(steps)
        inside, scope = Writing(self.models, model, counted, program, prefix), Scope()
        given = [
            inside.input(one.name, told) for one, told in zip(body.inputs, signature, strict=True)
        ]
        self.bind(body, given, scope)
        inside.calls(body, scope)
        model.outputs = {name: inside.find(ref, scope) for name, ref in body.outputs.items()}
        if any(value.node.part.kind == "InputLayer" for value in model.outputs.values()):
            raise Inline(definition)
        read_alone(model)
        self.models.parts[definition] = part
        self.models.units[definition] = Unit(signature, counted.count)

    def called(self, definition: Definition) -> Part:
        """The part of a definition, as one of this model."""
        part = self.models.parts[definition]
        if part not in self.mine:
            self.mine.add(part)
            part.name = self.model.names.free(part.name)
            self.model.parts.append(part)
        return part

    # -- layers ---------------------------------------------------------------------------

    def layer(self, call: Call, definition: Definition, arguments: list[Any]) -> list[Value]:
        step = next(self.steps)
        self.models.homes.home(definition, self.model.owner)
        try:
            if isinstance(step.layer, Operation):
                return self.operation(step, arguments)
            refuse(step.layer, arguments)
            if definition not in self.models.parts:
                self.models.parts[definition] = self.part(definition, step, arguments)
            return self.call_of(self.called(definition), step, arguments)
        except Unwritten as unwritten:
            # What comes after it is looked at too: all that is refused is said at once.
            self.refused(step, str(unwritten))
            lost = Node(Part("", "", "", {}), [], {})
            return self.values(step, lost)

    def operation(self, step: Step, given: list[Any]) -> list[Value]:
        name = step.name.removeprefix(self.prefix).replace(".", "_")
        if step.definition.dtype is not None:
            raise Unwritten(
                f"operations have no dtype of their own, and this has {step.definition.dtype}"
            )
        tensors = [self.program.tensors[id] for id in step.outputs]
        made = Made(
            [whole_shape(one) for one in tensors], [self.dtype(step, one) for one in tensors]
        )
        return Operations(self.model).write(name, step.layer, given, made, self.entries.precision)

    def part(self, definition: Definition, step: Step, given: list[Any]) -> Part:
        """What stands for a layer that is called on `given`."""
        name, layer = self.name(definition), step.layer
        if isinstance(layer, Parameter):
            config = self.entries.frame(definition) | table_of(layer)
            self.entries.paths[id(config)] = definition.path
            return Part(name, "keras.layers", "Embedding", config)
        if isinstance(layer, Constant):
            return Part(name, "keras.src.ops.numpy", Constants.kind(self.known(step).dtype), {})
        inside = self.over_time(step, given) if isinstance(layer, TimeDistributed) else self.inner
        config = self.entries.config(definition, inside)
        return Part(name, "keras.layers", type(layer).__name__, config)

    def inner(self, definition: Definition) -> Part:
        """A layer that stands in an argument of another."""
        config = self.entries.config(definition, self.inner)
        kind = type(definition.layer).__name__
        return Part(definition.name or "layer", "keras.layers", kind, config)

    def over_time(self, step: Step, given: list[Any]) -> Callable[[Definition], Part]:
        """Write what TimeDistributed calls: the same object wherever else it stands."""

        def inside(definition: Definition) -> Part:
            if definition in self.models.parts:
                return self.models.parts[definition]
            body = step.body
            assert body is not None
            if definition.body is None:
                self.models.parts[definition] = self.part(definition, body.steps[0], given)
            elif definition in self.inlined:
                raise Unwritten("layers of the graph inside are called from elsewhere too")
            else:
                known = [body.tensors[id] for id in body.inputs.values()]
                told = [
                    Told(whole_shape(one), self.entries.widened(one.dtype), given[0].masked)
                    for one in known
                ]
                self.write(definition, told, iter(body.steps), body, f"{step.name}.")
            return self.models.parts[definition]

        return inside

    def call_of(self, part: Part, step: Step, given: list[Any]) -> list[Value]:
        """One call of a layer, and what it gives."""
        layer = step.layer
        if isinstance(layer, Parameter):
            return [self.constants.parameter(part, layer, self.known(step).dtype)]
        if isinstance(layer, Constant):
            return [self.constants.constant(part, layer, self.known(step).dtype)]
        node = Node(part, *arguments(layer, given))
        self.masks.take(node)
        made = self.values(step, node)
        self.masks.hand_on(layer, node, made)
        return made

    def known(self, step: Step) -> Tensor:
        return self.program.tensors[step.outputs[0]]

    def values(self, step: Step, node: Node) -> list[Value]:
        tensors = [self.program.tensors[id] for id in step.outputs]
        return [
            Value(node, at, whole_shape(one), self.dtype(step, one))
            for at, one in enumerate(tensors)
        ]

    def dtype(self, step: Step, tensor: Tensor) -> str:
        """What a tensor is in Keras: as narrow as the policy of its layer."""
        named = step.definition.dtype is not None or type(step.layer).__name__ == "ops.Cast"
        return tensor.dtype if named else self.entries.widened(tensor.dtype)

    def refused(self, step: Step, why: str) -> None:
        self.models.report.error(
            "cannot-export",
            "a .keras file holds what Keras itself has, and no code",
            step.call.span,
            f"`{step.layer.title()}`: {why}",
            help="`--to python` writes PyTorch, `--to onnx` and `--to pt2` take every layer",
        )


class Counted(Iterator[Step]):
    """Steps, and how many of them were taken."""

    def __init__(self, steps: Iterator[Step]) -> None:
        self.steps, self.count = steps, 0

    def __next__(self) -> Step:
        step = next(self.steps)
        self.count += 1
        return step


def whole_shape(tensor: Tensor) -> Shape:
    """A shape with the batch in front; sizes that are open are None."""
    return (None, *(dim if isinstance(dim, int) else None for dim in tensor.shape or ()))
