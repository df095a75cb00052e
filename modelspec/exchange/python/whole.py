"""The class of the model itself: what it takes, what it gives, and what training wants of it."""

from __future__ import annotations

from copy import copy
from typing import Any

from modelspec.exchange.python.activations import activated
from modelspec.exchange.python.calls import SPEC, Out, Site, Value, comment
from modelspec.exchange.python.classes import Class, Classes, Passed
from modelspec.exchange.python.generators import written
from modelspec.exchange.python.graphs import Writing
from modelspec.exchange.python.reading import reading, readings, takes
from modelspec.exchange.python.writer import Writer, identifier
from modelspec.exchange.walk import Scope
from modelspec.model.graph import Program, Step, Tensor


class Whole:
    """What the model's own class has besides its layers.

    Tensors that are `parted` are wanted without their last activation too: `logits` has those that
    were made, and the activation. `readings` are the layers over texts: rows go through them before
    they reach the model, and what they give is a parameter.
    """

    def __init__(self, program: Program, writer: Writer, parted: frozenset[int]) -> None:
        self.program, self.writer, self.parted = program, writer, parted
        self.logits: dict[int, tuple[Value, str]] = {}
        self.readings = readings(program)

    def read(self, step: Step) -> Value | str:
        """What a layer over texts gives, a parameter; or what is in the way."""
        found = reading(step, self.program, "")
        if isinstance(found, str):
            return found
        (name,) = (one.name for one in self.readings if one.step is step)
        known = self.program.tensors[step.outputs[0]]
        return Value(known, {SPEC: self.writer.parameter(name)}, None, name)

    def taken(self) -> list[tuple[str, Tensor]]:
        """What the model takes, by name."""
        tensors = self.program.tensors
        inputs = [(n, tensors[id]) for n, id in self.program.inputs.items()]
        read = [(one.name, tensors[one.step.outputs[0]]) for one in self.readings]
        return [(n, known) for n, known in inputs if known.dtype != "string"] + read

    def parts(self, step: Step) -> bool:
        """Whether the step's tensor is wanted without its activation too."""
        return not self.parted.isdisjoint(step.outputs)

    def apart(self, step: Step, site: Site, name: str) -> Out:
        """A layer without its activation, and then that."""
        layer: Any = copy(step.layer)
        layer.__dict__["activation"] = None
        before: Out = written(layer, site)
        (id,), word = step.outputs, step.layer.__dict__["activation"]
        known, wish = self.program.tensors[id], f"{name}_logits"
        token = self.writer.let(before.text, comment(known.shape or (), before.layout), wish)
        value = Value(known, {before.layout: token}, None, wish)
        self.logits[id] = value, activated(site, word, "{}")
        return before._replace(text=activated(site, word, token, before.layout))


def root(classes: Classes, parted: frozenset[int] = frozenset()) -> Class:
    """The class of the model itself, and those of its graphs. Outputs that are `parted` are written
    without their last activation, where the class itself makes them.
    """
    program, body = classes.graph.program, classes.graph.spec.body
    writer, scope = Writer(), Scope()
    for one in body.inputs:
        known = program.tensors[program.inputs[one.name]]
        is_text = known.dtype == "string"
        token = "None" if is_text else writer.parameter(one.name)
        scope.values[one] = [Value(known, {SPEC: token}, None, one.name)]
    walk = Writing(classes, writer, iter(program.steps), program, None)
    whole = walk.whole = Whole(program, writer, parted)
    walk.calls(body, scope)
    for name, ref in body.outputs.items():
        value, id = walk.find(ref, scope), program.outputs[name]
        writer.masked += [name] if value.mask else []
        if id in whole.logits:
            value, writer.undone[name] = whole.logits[id]
        writer.result.append((name, walk.spec_text(value)))
    writer.readings = whole.readings
    writer.takes = takes(program)
    many = len(body.outputs) != 1
    about = ", ".join(shape_of(name, known) for name, known in whole.taken())
    made = ", ".join(shape_of(n, program.tensors[id]) for n, id in program.outputs.items())
    passed = Passed(None, [], [], [])
    return classes.finish(None, classes.graph.name, writer, passed, f"{about} -> {made}", many=many)


def shape_of(name: str, known: Tensor) -> str:
    return f"{identifier(name)} {comment(known.shape or ())}"
