"""From a checked graph to classes: graphs of the spec as classes of their own, where they can be.

A graph is written into its caller instead (inlined) where a class would not say the same: one of
its layers is called from elsewhere too, a tensor inside it is used outside, or its calls differ in
shapes or masks. Writing finds that out as it goes, and then begins again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from modelspec.catalog.layers.wrappers import TimeDistributed
from modelspec.catalog.words import snake
from modelspec.exchange.python import activations, ops, plain, pooling, sequences, spatial
from modelspec.exchange.python.calls import (
    SPEC,
    Out,
    Site,
    Unwritten,
    Value,
    comment,
    expression,
)
from modelspec.exchange.python.classes import Class, Classes
from modelspec.exchange.python.writer import Writer
from modelspec.exchange.walk import Inline, Scope, Walk
from modelspec.model.graph import Program, Step
from modelspec.model.spec import Body, Call, Definition
from modelspec.source.diagnostics import Report

GENERATORS: dict[type, Any] = {
    **plain.GENERATORS, **activations.GENERATORS, **spatial.GENERATORS, **pooling.GENERATORS,
    **sequences.GENERATORS, **ops.GENERATORS,
}  # fmt: skip


class Writing(Walk):
    """Writes the calls of one class, and of the graphs that are inlined into it."""

    def __init__(self, classes: Classes, writer: Writer, steps: Iterator[Step], program: Program,
                 owner: Definition | None) -> None:  # fmt: skip
        self.classes, self.writer, self.steps = classes, writer, steps
        self.program, self.owner, self.inlined = program, owner, classes.inlined

    def spec_text(self, value: Value) -> str:
        return expression(self.writer, value)

    # -- graphs ---------------------------------------------------------------------------

    def unit(self, call: Call, definition: Definition, given: list[Value]) -> list[Value]:
        """A call of a graph as a call of its class."""
        self.classes.homes.home(definition, self.owner)
        signature = [(v.known.shape, v.known.dtype, v.mask is not None) for v in given]
        body = definition.body
        assert body is not None
        if definition not in self.classes.made:
            outputs = self.write(call, definition, body, given, signature)
        else:
            outputs = self.pass_over(definition, body, given)
        made = self.classes.made[definition]
        if made.signature != signature:
            raise Inline(definition)
        attribute = self.writer.attribute(
            definition, definition.name or call.name, f"{made.name}()", made.writer.state()
        )
        masks = [value.mask for value in given if value.mask]
        read = ", ".join([self.spec_text(value) for value in given] + masks)
        wishes = [self.wish(call, definition, at) for at in range(len(outputs))]
        text = f"self.{attribute}({read})"
        if len(outputs) == 1:
            note = comment(outputs[0].shape)
            tokens = [self.writer.let(text, note, wishes[0], attribute)]
        else:
            tokens = self.writer.several(text, "", wishes)
        return [
            Value(one.known, {SPEC: token}, None if mask is None else masks[mask], wish)
            for one, token, mask, wish in zip(outputs, tokens, made.masks, wishes, strict=True)
        ]

    def write(self, call: Call, definition: Definition, body: Body, given: list[Value],
              signature: Any) -> list[Value]:  # fmt: skip
        """Write the class of a graph; the values that it gives, as the class has them."""
        writer, scope = Writer(), Scope()
        inside = []
        for one, value in zip(body.inputs, given, strict=True):
            inside.append(Value(value.known, {SPEC: writer.parameter(one.name)}, None, one.name))
        masks = []
        for one, value, inner in zip(body.inputs, given, inside, strict=True):
            if value.mask:
                inner.mask = writer.parameter(f"{one.name}_mask")
                masks.append(inner.mask)
        self.bind(body, inside, scope)
        walk = Writing(self.classes, writer, self.steps, self.program, definition)
        walk.calls(body, scope)
        outputs = [walk.find(ref, scope) for ref in body.outputs.values()]
        if any(value.mask and value.mask not in masks for value in outputs):
            raise Inline(definition)
        writer.result = [("", walk.spec_text(value)) for value in outputs]
        kept = [None if value.mask is None else masks.index(value.mask) for value in outputs]
        name = definition.block or definition.name or call.name
        self.classes.finish(definition, name, writer, kept, signature)
        return outputs

    def pass_over(self, definition: Definition, body: Body, given: list[Value]) -> list[Value]:
        """The values of a further call, whose class is there: its steps are walked for shapes."""
        writer, scope = Writer(), Scope()
        inside = [Value(v.known, {SPEC: writer.parameter("x")}, v.mask) for v in given]
        self.bind(body, inside, scope)
        quiet = Classes(self.classes.graph, self.classes.weights, self.classes.inlined, Report())
        walk = Writing(quiet, writer, self.steps, self.program, definition)
        walk.calls(body, scope)
        return [walk.find(ref, scope) for ref in body.outputs.values()]

    @staticmethod
    def wish(call: Call, definition: Definition, at: int) -> str:
        """What a value would like to be called: `~name` where the name says nothing."""
        kind = definition.layer
        names = list(kind.returns()) if kind is not None else list(
            definition.body.outputs if definition.body else ()
        )  # fmt: skip
        name = call.name if at == 0 else f"{call.name}_{names[at]}"
        usual = re.fullmatch(r"(.*?)(_\d+)?", call.name)
        base = snake(type(kind).__name__) if kind is not None else snake(definition.block or "")
        is_usual = usual is not None and usual[1] in (base, base.replace(".", "_"), "torch_module")
        return f"~{name}" if is_usual or not call.name else name

    # -- layers ---------------------------------------------------------------------------

    def layer(self, call: Call, definition: Definition, arguments: list[Any]) -> list[Value]:
        step = next(self.steps)
        self.classes.homes.home(definition, self.owner)
        start = f"{definition.path}." if definition.path else ""
        owner = self.classes.graph.owners.get(definition.path)
        names = [] if owner is None else [weight.name for weight in owner.weights]
        weights = {name: self.classes.weights[start + name] for name in names}
        site = Site(self.writer, step, arguments, weights, self.classes.pieces)
        site.name = definition.name or call.name
        outs: Any
        try:
            if definition.dtype not in (None, "float32"):
                raise Unwritten(f"it computes in {definition.dtype}")
            if owner is not None and owner.carried:
                raise Unwritten("it goes on from the call before")
            if isinstance(step.layer, TimeDistributed):
                outs = self.over_time(step, site, call)
            elif type(step.layer) not in GENERATORS:
                raise Unwritten("it has no counterpart yet")
            else:
                outs = GENERATORS[type(step.layer)](step.layer, site)
        except Unwritten as unwritten:
            # What comes after it is looked at too: all that is refused is said at once.
            self.refuse(step, str(unwritten))
            outs = [Out("None", mask=None) for _ in step.outputs]
        return self.made(call, definition, step, site, outs if isinstance(outs, list) else [outs])

    def made(self, call: Call, definition: Definition, step: Step, site: Site,
             outs: list[Out]) -> list[Value]:  # fmt: skip
        values = []
        for at, (id, out) in enumerate(zip(step.outputs, outs, strict=True)):
            known, wish = self.program.tensors[id], self.wish(call, definition, at)
            note = comment(known.shape or (), out.layout)
            token = self.writer.let(out.text, note, wish)
            mask: Any = out.mask
            if mask is True:
                mask = self.passed(step, site) if step.layer.masking == "pass" else None
            values.append(Value(known, {out.layout: token}, mask, wish.lstrip("~")))
        return values

    @staticmethod
    def passed(step: Step, site: Site) -> str | None:
        given = [
            one for each in site.inputs for one in (each if isinstance(each, list) else [each])
        ]
        return next((value.mask for value in given if value is not None and value.mask), None)

    def refuse(self, step: Step, why: str) -> None:
        self.classes.report.error(
            "cannot-export",
            "a layer is written as plain PyTorch",
            step.call.span,
            f"`{step.layer.title()}`: {why}",
            help="`--to pt2` and `--to onnx` take every layer",
        )

    def over_time(self, step: Step, site: Site, call: Call) -> list[Out]:
        """What TimeDistributed wraps, called once on all steps of all samples."""
        body, wrapper = step.body, step.layer
        assert body is not None
        inner: Definition = wrapper.__dict__["layer"]
        if site.mask() is not None and len(site.shape()) != 2:
            raise Unwritten("its input has a mask, and more axes than (time, features)")
        (id,) = body.inputs.values()
        x = site.x()
        flat = self.writer.let(f"{x}.flatten(0, 1)", comment(body.tensors[id].shape or ()))
        value = Value(body.tensors[id], {SPEC: flat}, None)
        held = Call(inner.name or call.name, inner, call.span)
        ports = held.layer.ports() if held.layer is not None else [None]
        given: list[Any] = [
            None if port is not None and port.optional
            else [value] if port is not None and port.many else value
            for port in ports
        ]  # fmt: skip
        walk = Writing(self.classes, self.writer, iter(body.steps), body, self.owner)
        scope = Scope()
        walk.call(held, inner, given, scope)
        time = step_time(site)
        split = f"(-1, {time})" if time is not None else f"{x}.shape[:2]"
        return [
            Out(f"{self.spec_text(value)}.unflatten(0, {split})", mask=site.mask())
            for value in scope.values[held]
        ]


def step_time(site: Site) -> int | None:
    """How many steps, where the spec knows."""
    first = site.shape()[0]
    return first if isinstance(first, int) else None


def root(classes: Classes) -> Class:
    """The class of the model itself, and those of its graphs."""
    program, body = classes.graph.program, classes.graph.spec.body
    writer, scope = Writer(), Scope()
    for one in body.inputs:
        known = program.tensors[program.inputs[one.name]]
        scope.values[one] = [Value(known, {SPEC: writer.parameter(one.name)}, None, one.name)]
    walk = Writing(classes, writer, iter(program.steps), program, None)
    walk.calls(body, scope)
    for name, ref in body.outputs.items():
        writer.result.append((name, walk.spec_text(walk.find(ref, scope))))
    many = len(body.outputs) != 1
    return classes.finish(None, classes.graph.name, writer, [], None, many=many)
