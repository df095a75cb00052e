"""One layer's step: what it is called on, what it gives, the weights it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from modelspec.catalog.words import bind
from modelspec.language import dtypes, shapes
from modelspec.language.layer import Layer, Port, Reject, Weight
from modelspec.language.shapes import Clash, Shape
from modelspec.model.advice import joined, on_join, on_rank
from modelspec.model.calls import ports_of
from modelspec.model.env import Env, each, flat
from modelspec.model.graph import Owner, Program, Step, Tensor
from modelspec.model.spec import Call, Definition

if TYPE_CHECKING:
    from modelspec.model.check import Checker
    from modelspec.source.text import Span


class Made(NamedTuple):
    """What a layer gives for certain inputs."""

    shapes: list[Shape]
    dtypes: list[str]
    weights: list[Weight]
    carried: list[Weight]


class Steps:
    """Makes the steps of a graph, one a call of a layer."""

    def __init__(self, checker: Checker) -> None:
        self.checker, self.report, self.graph = checker, checker.report, checker.graph
        self.nodes: dict[Definition, int] = {}

    def layer(
        self,
        call: Call,
        definition: Definition,
        arguments: list[Any],
        program: Program,
        name: str,
    ) -> list[Tensor]:
        """One layer's step; its outputs, none where an error was reported."""
        layer = call.layer
        assert layer is not None
        ports = ports_of(call)
        if not all(
            self.fits(call, layer, port, tensor, program)
            for port, given in zip(ports, arguments, strict=True)
            for tensor in (given if isinstance(given, list) else [given])
            if tensor is not None
        ):
            return []
        step = Step(name, call, definition, definition.dtype or "float32")
        made = self.made(step, call, arguments, program)
        if made is None or not self.own(definition, made, call, arguments):
            return []
        return self.put(step, arguments, made, program)

    def made(self, step: Step, call: Call, arguments: list[Any], program: Program) -> Made | None:
        """What the layer gives for these inputs; None after reporting why it cannot."""
        layer = step.layer
        inputs = [each(given, lambda t: t.shape) for given in arguments]
        kinds = [each(given, lambda t: t.dtype) for given in arguments]
        try:
            if getattr(layer, "foreign", False):
                step.flops = None  # nobody has counted them
                return self.foreign(layer, inputs, kinds, step.compute)
            outputs = self.outputs(step, layer, inputs, arguments, call)
            if outputs is None:
                return None
            penalty = getattr(layer, "activity_regularizer", None)
            if penalty is not None:
                penalty.check_activity(outputs)
            step.flops = self.flops(step, layer, outputs, inputs)
            return Made(
                outputs,
                self.dtypes(step, kinds),
                list(layer.weights(*inputs)),
                list(layer.carried(*inputs)),
            )
        except Reject as rejected:
            self.rejected(rejected, call, step.definition, arguments, program)
        except Clash as clash:
            self.clash(clash, call, arguments, program)
        return None

    @staticmethod
    def dtypes(step: Step, kinds: list[Any]) -> list[str]:
        """The dtypes that a layer gives; a wrapper's are what its body gives."""
        body = step.body
        if body is None:
            return step.layer.dtypes(step.compute, *kinds)
        return [body.tensors[id].dtype for id in body.outputs.values()]

    def put(self, step: Step, arguments: list[Any], made: Made, program: Program) -> list[Tensor]:
        """Add the step to the program, with the tensors that it makes."""
        step.inputs = [each(given, lambda t: t.id) for given in arguments]
        step.node = self.nodes.get(step.definition, 0)
        self.nodes[step.definition] = step.node + 1
        names = [step.name, *(f"{step.name}.{name}" for name in step.layer.returns()[1:])]
        tensors = [
            program.tensor(name, shape, dtype, step.call.span, len(program.steps))
            for name, shape, dtype in zip(names, made.shapes, made.dtypes, strict=True)
        ]
        step.outputs = [tensor.id for tensor in tensors]
        program.steps.append(step)
        return tensors

    def fits(self, call: Call, layer: Layer, port: Port, tensor: Tensor, program: Program) -> bool:
        """Whether a tensor has the rank and the dtype that a port takes."""
        assert tensor.shape is not None
        what = f"`{layer.title()}`"
        subject = what if len(layer.ports()) == 1 else f"`{port.name}` of {what}"
        also = [(tensor.span, f"`{tensor.name}` is {shapes.show(tensor.shape)}")]
        if not port.fits(len(tensor.shape)):
            self.report.error(
                "wrong-rank",
                f"{subject} takes ({', '.join(port.axes)})",
                call.from_span or call.span,
                f"given {shapes.show(tensor.shape)}",
                also=also,
                help=on_rank(call, port, tensor, program),
            )
            return False
        if not dtypes.accepts(port.accepts, tensor.dtype):
            self.report.error(
                "wrong-dtype",
                f"{subject} takes {dtypes.described(port.accepts)}",
                call.from_span or call.span,
                f"`{tensor.name}` is {tensor.dtype}",
                also=[(tensor.span, f"`{tensor.name}` is {tensor.dtype}")],
            )
            return False
        return True

    def outputs(
        self, step: Step, layer: Layer, inputs: list[Any], given: list[Any], call: Call
    ) -> list[Shape] | None:
        """The shapes that a layer gives; a wrapper's come from its body."""
        if not getattr(layer, "wraps", False):
            made = layer.shape(*inputs)
            return made if isinstance(made, list) else [made]
        wrapper: Any = layer
        inner: Definition = wrapper.layer
        step.body = body = Program()
        first = given[0]
        inside = body.tensor(f"{first.name}[t]", wrapper.inner(*inputs), first.dtype, first.span)
        body.inputs["x"] = inside.id
        env = Env()
        held = Call(inner.name, inner, call.span)
        held.from_span = call.from_span
        before = len(self.report.errors)
        ports = ports_of(held)
        if sum(not port.optional for port in ports) != 1:
            self.report.error(
                "wrong-inputs",
                f"`{layer.title()}` wraps a layer with one input",
                call.span,
                f"`{inner.title}` has {len(ports)}",
            )
            return None
        arguments: list[Any] = [
            None if port.optional else [inside] if port.many else inside for port in ports
        ]
        self.checker.call(held, inner, arguments, env, body, step.name)
        tensors = env.values.get(held, [])
        if not tensors or len(self.report.errors) > before:
            self.graph.unfinished[step.name] = (body, env, held)
            return None
        if self.learns(layer, body, call):
            return None
        body.outputs = {tensor.name: tensor.id for tensor in tensors}
        outer = wrapper.outer(*inputs, [tensor.shape for tensor in tensors])
        return outer if isinstance(outer, list) else [outer]

    def learns(self, wrapper: Layer, body: Program, call: Call) -> bool:
        """Whether a layer inside a wrapper learns from the training data, after reporting it."""
        found = next((step.layer for step in body.steps if step.layer.adapts), None)
        if found is None:
            return False
        self.report.error(
            "wrong-inputs",
            f"`{wrapper.title()}` wraps no layer that learns from the training data",
            call.span,
            f"`{found.title()}` does",
            help=f"call it before `{wrapper.title()}`, or give it what it would learn",
        )
        return True

    def flops(
        self, step: Step, layer: Layer, outputs: list[Shape], inputs: list[Any]
    ) -> int | None:
        if step.body is None:
            return layer.flops(outputs[0], *inputs)
        inside = [inner.flops for inner in step.body.steps]
        times = inputs[0][0]
        if None in inside or not isinstance(times, int):
            return None
        return times * sum(one or 0 for one in inside)

    @staticmethod
    def foreign(layer: Layer, inputs: list[Any], kinds: list[Any], compute: str) -> Made:
        """A torch module's shapes, found on torch's meta device.

        The one place where checking needs torch, and only for a spec that holds such a layer.
        """
        from importlib import import_module

        describe = import_module("modelspec.engine.foreign").describe
        zeros: Any = bind("initializers", "zeros")  # never asked: the module starts itself
        outputs, made, weights = describe(layer, inputs, kinds)
        return Made(
            list(outputs),
            [compute if dtypes.is_float(dtype) else dtype for dtype in made],
            [Weight(n, s, zeros, trainable=t, dtype=d) for n, s, t, d in weights],
            [],
        )

    # -- weights ---------------------------------------------------------------------------

    def own(self, definition: Definition, made: Made, call: Call, given: list[Any]) -> bool:
        """Fix the weights of a definition at its first call, and hold later calls to them."""
        weights = made.weights
        if not weights:
            return True
        for weight in weights:
            if not all(isinstance(dim, int) for dim in weight.shape):
                self.report.error(
                    "wrong-shape",
                    f"`{definition.kind}` needs to know the sizes that its weights depend on",
                    call.from_span or call.span,
                    f"`{weight.name}` would be {shapes.show(weight.shape)}",
                    also=seen(given),
                    help="give that dimension a number where the tensor is declared",
                )
                return False
        first = self.graph.owners.get(definition.path)
        if first is None:
            if not all(self.starts(weight, definition, call) for weight in weights):
                return False
            shown = [shapes.show(t.shape or ()) for t in flat(given)]
            self.graph.owners[definition.path] = Owner(
                definition, weights, made.carried, call, shown
            )
            return True
        return all(
            old.shape == new.shape or self.differs(first, old, new, call, given)
            for old, new in zip(first.weights + first.carried, weights + made.carried, strict=True)
        )

    def starts(self, weight: Weight, definition: Definition, call: Call) -> bool:
        """Whether the words that a weight is given to can take its shape."""
        words: dict[str, Any] = {
            "initializer": weight.initializer,
            "regularizer": weight.regularizer,
            "constraint": weight.constraint,
        }
        for kind, word in words.items():
            misfit = None if word is None else word.misfit(weight.shape)
            if misfit is not None:
                spans: Any = definition.layer.__dict__.get("spans", {}) if definition.layer else {}
                self.report.error(
                    "rejected-argument",
                    f"`{definition.kind}`: {misfit.message}",
                    spans.get(f"{weight.name}_{kind}", call.span),
                    f"of `{weight.name}`",
                    help=misfit.help or (),
                )
                return False
        return True

    def differs(self, first: Owner, old: Weight, new: Weight, call: Call, given: list[Any]) -> bool:
        """Report a call that would need other weights than the first one."""
        now = ", ".join(shapes.show(t.shape or ()) for t in flat(given))
        before = f"on {', '.join(first.shapes)} this fixed it as {shapes.show(old.shape)}"
        self.report.error(
            "weights-differ",
            f"every call of `{first.definition.name}` uses the same weights",
            call.span,
            f"on {now} its `{new.name}` would be {shapes.show(new.shape)}",
            also=[(first.call.span, before)],
            help="give this call a layer of its own, or make the inputs alike",
        )
        return False

    def rejected(
        self,
        rejected: Reject,
        call: Call,
        definition: Definition,
        given: list[Any],
        program: Program,
    ) -> None:
        spans = definition.layer.__dict__.get("spans", {}) if definition.layer else {}
        place = spans.get(rejected.argument) or call.from_span or call.span
        # A default that several inputs do not go with is about the inputs.
        argued = rejected.argument in spans or len(flat(given)) == 1
        named = rejected.argument in spans and rejected.argument != "type"
        self.report.error(
            "rejected-argument" if rejected.argument and argued else "shapes-differ",
            f"`{definition.kind}`: {rejected.message}",
            place,
            f"`{rejected.argument}`" if named else "",
            also=[] if rejected.argument == "type" else seen(given),
            help=([] if argued else on_join(joined(call, given), program)) or rejected.help or (),
        )

    def clash(self, clash: Clash, call: Call, given: list[Any], program: Program) -> None:
        self.report.error(
            "shapes-differ",
            f"the inputs of `{call.definition.kind}` have shapes that go together",
            call.from_span or call.span,
            str(clash),
            also=seen(given),
            help=on_join(joined(call, given), program),
        )


def seen(given: list[Any]) -> list[tuple[Span, str]]:
    """The tensors of a call with their shapes, as labels."""
    labels = [(t.span, f"`{t.name}` is {shapes.show(t.shape or ())}") for t in flat(given)]
    return list(dict.fromkeys(labels))[:6]
