"""From a checked graph to classes: graphs of the spec as classes of their own, where they can be.

A graph is written into its caller instead (inlined) where a class would not say the same: one of
its layers is called from elsewhere too, a tensor inside it is used outside, or its calls differ in
shapes or masks. Writing finds that out as it goes, and then begins again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from modelspec.catalog.layers.wrappers import TimeDistributed
from modelspec.catalog.words import snake
from modelspec.exchange.python.calls import (
    FIRST,
    SPEC,
    Again,
    Mask,
    Out,
    Site,
    Unwritten,
    Value,
    comment,
    expression,
)
from modelspec.exchange.python.classes import Classes, Passed
from modelspec.exchange.python.generators import written
from modelspec.exchange.python.reading import reads_texts
from modelspec.exchange.python.values import ON_TEXTS
from modelspec.exchange.python.writer import Writer
from modelspec.exchange.walk import Inline, Scope, Walk
from modelspec.model.graph import Program, Step
from modelspec.model.spec import Body, Call, Definition

if TYPE_CHECKING:
    from modelspec.exchange.python.whole import Whole


class Writing(Walk):
    """Writes the calls of one class, and of the graphs that are inlined into it."""

    def __init__(self, classes: Classes, writer: Writer, steps: Iterator[Step], program: Program,
                 owner: Definition | None) -> None:  # fmt: skip
        self.classes, self.writer, self.steps = classes, writer, steps
        self.program, self.owner, self.inlined = program, owner, classes.inlined
        self.whole: Whole | None = None  # for the model's own class

    def spec_text(self, value: Value) -> str:
        return expression(self.writer, value)

    # -- graphs ---------------------------------------------------------------------------

    def unit(self, call: Call, definition: Definition, given: list[Value]) -> list[Value]:
        """A call of a graph as a call of its class."""
        self.classes.homes.home(definition, self.owner)
        signature = [(v.known.shape, v.known.dtype, axes_of(v.mask)) for v in given]
        body = definition.body
        assert body is not None
        if definition not in self.classes.made:
            outputs = self.write(call, definition, body, given, signature)
        else:
            outputs = self.pass_over(definition, body, given)
        made = self.classes.made[definition]
        passed = made.passed
        if passed.signature != signature:
            raise Inline(definition)
        attribute = self.writer.attribute(
            definition, definition.name or call.name, f"{made.name}()", made.writer.state()
        )
        masks = [value.mask for value in given if value.mask]
        read = [
            expression(self.writer, value, layout)
            for value, layout in zip(given, passed.takes, strict=True)
        ]
        wishes = [self.wish(call, definition, at) for at in range(len(outputs))]
        text = f"self.{attribute}({', '.join([*read, *map(str, masks)])})"
        if len(outputs) == 1:
            note = comment(outputs[0].shape, passed.gives[0])
            tokens = [self.writer.let(text, note, wishes[0], attribute)]
        else:
            tokens = self.writer.several(text, "", wishes)
        kept = [None if mask is None else masks[mask] for mask in passed.masks]
        return [
            Value(one.known, {layout: token}, mask, wish)
            for one, layout, token, mask, wish in zip(
                outputs, passed.gives, tokens, kept, wishes, strict=True
            )
        ]

    def write(self, call: Call, definition: Definition, body: Body, given: list[Value],
              signature: Any) -> list[Value]:  # fmt: skip
        """Write the class of a graph; the values that it gives, as the class has them."""
        writer, scope = Writer(), Scope()
        inside = self.parameters(writer, definition, body, given)
        takes = [next(iter(value.tokens)) for value in inside]
        masks = [value.mask for value in inside if value.mask]
        about = shapes(inside, takes)
        self.bind(body, inside, scope)
        walk = Writing(self.classes, writer, self.steps, self.program, definition)
        walk.calls(body, scope)
        kin = self.classes.kin.get(definition)
        if kin and any(writer.turns(one) for one in writer.parameters):
            # The caller turns the images, so that all classes that are made alike stay so.
            self.classes.file.turned.add(kin)
            raise Again
        outputs = [walk.find(ref, scope) for ref in body.outputs.values()]
        if any(value.mask and value.mask not in masks for value in outputs):
            raise Inline(definition)
        gives = [SPEC if SPEC in value.tokens else FIRST for value in outputs]
        for value, layout in zip(outputs, gives, strict=True):
            writer.result.append(("", expression(writer, value, layout)))
        kept = [None if value.mask is None else masks.index(value.mask) for value in outputs]
        name = definition.block or (definition.name or call.name).removesuffix("_1")
        passed = Passed(signature, takes, gives, kept)
        about = f"{about} -> {shapes(outputs, gives)}"
        self.classes.finish(definition, name, writer, passed, about)
        return outputs

    def parameters(self, writer: Writer, definition: Definition, body: Body,
                   given: list[Value]) -> list[Value]:  # fmt: skip
        """What a class is given, as it has it: its inputs, then the masks that they have."""
        inside, turned = [], self.classes.kin.get(definition) in self.classes.file.turned
        for one, value in zip(body.inputs, given, strict=True):
            is_turned = turned and len(value.shape) > 1
            layout = FIRST if FIRST in value.tokens or is_turned else SPEC
            inside.append(Value(value.known, {layout: writer.parameter(one.name)}, None, one.name))
        for one, value, inner in zip(body.inputs, given, inside, strict=True):
            if value.mask:
                inner.mask = Mask(writer.parameter(f"{one.name}_mask"), value.mask.axes)
        return inside

    def pass_over(self, definition: Definition, body: Body, given: list[Value]) -> list[Value]:
        """The values of a further call, whose class is there: its steps are walked for shapes."""
        writer, scope = Writer(), Scope()
        inside = [Value(v.known, {SPEC: writer.parameter("x")}, v.mask) for v in given]
        self.bind(body, inside, scope)
        walk = Writing(self.classes.aside(), writer, self.steps, self.program, definition)
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
        if self.whole is not None and reads_texts(step, self.program):
            return [self.read(self.whole, step)]
        start = f"{definition.path}." if definition.path else ""
        owner = self.classes.graph.owners.get(definition.path)
        names = [] if owner is None else [weight.name for weight in owner.weights]
        weights = {name: self.classes.weights[start + name] for name in names}
        site = Site(self.writer, step, arguments, weights, self.classes.file)
        outs: Any
        try:
            if owner is not None and owner.carried:
                raise Unwritten(
                    "it goes on from the call before",
                    "hand the states on yourself: `return_state`, and `initial_state` as an input",
                )
            if isinstance(step.layer, TimeDistributed):
                outs = self.over_time(step, site, call)
            else:
                outs = self.generated(step, site, call)
        except Unwritten as unwritten:
            # What comes after it is looked at too: all that is refused is said at once.
            self.refuse(step, unwritten)
            outs = [Out("None", mask=None) for _ in step.outputs]
        return self.made(call, definition, step, site, outs if isinstance(outs, list) else [outs])

    def read(self, whole: Whole, step: Step) -> Value:
        """A layer over texts."""
        found = whole.read(step)
        if isinstance(found, Value):
            return found
        self.refuse(step, Unwritten(found, ON_TEXTS))
        return Value(self.program.tensors[step.outputs[0]], {SPEC: "None"}, None)

    def generated(self, step: Step, site: Site, call: Call) -> Any:
        """What the layer's generator gives."""
        if self.whole is not None and self.whole.parts(step):
            return self.whole.apart(step, site, self.wish(call, step.definition, 0))
        return written(step.layer, site)

    def made(self, call: Call, definition: Definition, step: Step, site: Site,
             outs: list[Out]) -> list[Value]:  # fmt: skip
        values = []
        for at, (id, out) in enumerate(zip(step.outputs, outs, strict=True)):
            known, wish = self.program.tensors[id], self.wish(call, definition, at)
            note = comment(known.shape or (), out.layout)
            token = self.writer.named(out.text, note, wish)
            mask: Any = out.mask
            if mask is True:
                mask = self.passed(step, site) if step.layer.masking == "pass" else None
            values.append(Value(known, {out.layout: token}, mask, wish.lstrip("~")))
        return values

    @staticmethod
    def passed(step: Step, site: Site) -> Mask | None:
        given = [
            one for each in site.inputs for one in (each if isinstance(each, list) else [each])
        ]
        return next((value.mask for value in given if value is not None and value.mask), None)

    def refuse(self, step: Step, unwritten: Unwritten) -> None:
        self.classes.report.error(
            "cannot-export",
            "a layer is written as plain PyTorch",
            step.call.span,
            f"`{step.layer.title()}`: {unwritten}",
            help=unwritten.help,
        )

    def over_time(self, step: Step, site: Site, call: Call) -> list[Out]:
        """What TimeDistributed wraps, called once on all steps of all samples."""
        body, wrapper = step.body, step.layer
        assert body is not None
        inner: Definition = wrapper.__dict__["layer"]
        (id,) = body.inputs.values()
        x, mask = site.x(), site.mask()
        flat = self.writer.let(f"{x}.flatten(0, 1)", comment(body.tensors[id].shape or ()))
        value = Value(body.tensors[id], {SPEC: flat}, None)
        if mask is not None and mask.axes > 1:
            value.mask = site.mask_of(f"{mask}.flatten(0, 1)", mask.axes - 1)
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
        first = site.shape()[0]
        split = f"(-1, {first})" if isinstance(first, int) else f"{x}.shape[:2]"
        return [
            Out(f"{self.spec_text(one)}.unflatten(0, {split})", mask=self.handed_on(site, one))
            for one in scope.values[held]
        ]

    @staticmethod
    def handed_on(site: Site, value: Value) -> Mask | None:
        """The mask of what comes out: where the layer has read the axes that a mask has beyond
        time, a step is there if any part of it was.
        """
        mask = site.mask()
        if mask is None or mask.axes <= 1 or mask.axes < len(value.shape) + 1:
            return mask
        return site.mask_of(f"{mask}.flatten(2).any(2)")


def shapes(values: list[Value], layouts: list[str]) -> str:
    pairs = zip(values, layouts, strict=True)
    return ", ".join(comment(value.shape, layout) for value, layout in pairs)


def axes_of(mask: Mask | None) -> int | None:
    return None if mask is None else mask.axes
