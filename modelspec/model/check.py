"""A spec -> the graph: every call's shapes, dtypes and weights, in the order of the calls."""

from __future__ import annotations

from typing import Any

from modelspec.language import dtypes, shapes
from modelspec.language.layer import Layer, Port, Reject, Weight
from modelspec.language.shapes import Clash, Shape
from modelspec.model.calls import ports_of
from modelspec.model.graph import Graph, Owner, Program, Step, Tensor
from modelspec.model.heads import heads
from modelspec.model.parts import Cut
from modelspec.model.spec import Body, Call, Definition, Input, Ref, Spec
from modelspec.source.diagnostics import Rejected, Report
from modelspec.source.text import Span

MOST_STEPS = 200_000
MOST_PARAMETERS = 10**12


def check(spec: Spec) -> Graph:
    """The graph of a spec; raises `Rejected` with every fault found."""
    report = Report()
    checker = Checker(spec, report)
    graph = checker.graph
    env = Env()
    for one in spec.body.inputs:
        made = graph.program.tensor(one.name, one.shape, one.dtype or "float32", one.span)
        env.values[one] = [made]
        graph.program.inputs[one.name] = made.id
    checker.calls(spec.body, env, graph.program, "")
    graph.env = env
    for name, ref in spec.body.outputs.items():
        tensor = env.find(ref)
        if tensor is not None:
            graph.program.outputs[name] = tensor.id
    if not report.failed:
        checker.limits()
    heads(graph, report)
    report.raise_if_errors()
    return graph


class Env:
    """What the names of one body stand for during one call of it."""

    __slots__ = ("inner", "values")

    def __init__(self) -> None:
        self.values: dict[Call | Input | tuple[Call, int], list[Tensor]] = {}
        self.inner: dict[Call, Env] = {}

    def find(self, ref: Ref) -> Tensor | None:
        """The tensor of a reference; None where an error was reported."""
        if ref.input is not None:
            found = self.values.get(ref.input)
            return found[0] if found else None
        if not ref.chain:
            return None
        env = self
        for call in ref.chain[:-1]:
            if call not in env.inner:
                return None
            env = env.inner[call]
        last = ref.chain[-1]
        cut = env.values.get((last, ref.index))
        if cut is not None:
            return cut[0]
        made = env.values.get(last, [])
        return made[ref.index] if ref.index < len(made) else None


class Checker:
    """Walks the calls once, graphs inlined: a shared graph called twice is walked twice."""

    def __init__(self, spec: Spec, report: Report) -> None:
        self.report = report
        self.graph = Graph(spec, Program())
        self.nodes: dict[Definition, int] = {}
        self.count = 0

    def calls(self, body: Body, env: Env, program: Program, path: str) -> None:
        for call in body.calls:
            name = f"{path}.{call.name}" if path else call.name
            self.call(call, call.definition, self.arguments(call, env), env, program, name)

    def arguments(self, call: Call, env: Env) -> list[Any]:
        found: list[Any] = []
        for argument in call.arguments:
            if isinstance(argument, list):
                found.append([env.find(ref) for ref in argument])
            else:
                found.append(None if argument is None else env.find(argument) or LOST)
        return found

    def call(
        self,
        call: Call,
        definition: Definition,
        arguments: list[Any],
        env: Env,
        program: Program,
        name: str,
    ) -> None:
        """One call: its tensors go to `env`, its steps to `program`."""
        if any(a is LOST or (isinstance(a, list) and None in a) for a in arguments) or any(
            t.shape is None for t in flat(arguments)
        ):
            return
        if definition.body is not None:
            env.inner[call] = inner = Env()
            self.inline(call, definition, arguments, inner, program, name)
            body = definition.body
            made = [inner.find(ref) for ref in body.outputs.values()]
            env.values[call] = [t for t in made if t is not None] if all(made) else []
        elif definition.layer is not None:
            env.values[call] = self.layer(call, definition, arguments, program, name)

    # -- graphs ----------------------------------------------------------------------------

    def inline(
        self,
        call: Call,
        definition: Definition,
        arguments: list[Any],
        inner: Env,
        program: Program,
        name: str,
    ) -> None:
        """A graph's calls, on these tensors."""
        body = definition.body
        assert body is not None
        bound: dict[str, Any] = {}
        for one, given in zip(body.inputs, arguments, strict=True):
            if not self.enters(call, definition, one, given, bound):
                return
        for one, given in zip(body.inputs, arguments, strict=True):
            if isinstance(one, Cut) and one.stands_for.input is None:
                inner.values[one.stands_for.chain[0], one.stands_for.index] = [given]
            else:
                inner.values[one.stands_for.input if isinstance(one, Cut) else one] = [given]  # type: ignore[index]
        self.calls(body, inner, program, name)

    def enters(
        self, call: Call, definition: Definition, one: Input, given: Tensor, bound: dict[str, Any]
    ) -> bool:
        """Whether a tensor fits a graph's input; words in the input's shape are bound."""
        if one.shape is None:
            return True
        assert given.shape is not None
        what = definition.name or "the graph"
        if len(given.shape) != len(one.shape):
            self.report.error(
                "wrong-rank",
                f"input `{one.name}` of `{what}` is {shapes.show(one.shape)}",
                call.from_span or call.span,
                f"`{given.name}` is {shapes.show(given.shape)}",
                also=[(one.span, f"`{one.name}` is declared here")],
            )
            return False
        for wanted, dim in zip(one.shape, given.shape, strict=True):
            if isinstance(wanted, str):
                wanted = bound.setdefault(wanted, dim)
            try:
                shapes.join(wanted, dim)
            except Clash:
                self.report.error(
                    "wrong-shape",
                    f"input `{one.name}` of `{what}` is {shapes.show(one.shape)}",
                    call.from_span or call.span,
                    f"`{given.name}` is {shapes.show(given.shape)}",
                    also=[(one.span, f"`{one.name}` is declared here")],
                )
                return False
        if one.dtype is not None and dtypes.is_float(one.dtype) != dtypes.is_float(given.dtype):
            self.report.error(
                "wrong-dtype",
                f"input `{one.name}` of `{what}` is {one.dtype}",
                call.from_span or call.span,
                f"`{given.name}` is {given.dtype}",
                also=[(one.span, f"`{one.name}` is declared here")],
            )
            return False
        return True

    # -- layers ----------------------------------------------------------------------------

    def layer(
        self,
        call: Call,
        definition: Definition,
        arguments: list[Any],
        program: Program,
        name: str,
    ) -> list[Tensor]:
        """One layer's step; its outputs, none where an error was reported."""
        layer = definition.layer
        assert layer is not None
        self.tally(call.span)
        ports = ports_of(definition)
        if not all(
            self.fits(call, layer, port, tensor)
            for port, given in zip(ports, arguments, strict=True)
            for tensor in (given if isinstance(given, list) else [given])
            if tensor is not None
        ):
            return []
        step = Step(name, call, definition, definition.dtype or "float32")
        inputs = [each(given, lambda t: t.shape) for given in arguments]
        kinds = [each(given, lambda t: t.dtype) for given in arguments]
        try:
            outputs = self.outputs(step, layer, inputs, arguments, call)
            if outputs is None:
                return []
            weights = [] if getattr(layer, "foreign", False) else list(layer.weights(*inputs))
            step.flops = self.flops(step, layer, outputs, inputs)
        except Reject as rejected:
            self.rejected(rejected, call, definition, arguments)
            return []
        except Clash as clash:
            self.clash(clash, call, arguments)
            return []
        compute = layer.dtypes(step.compute, *kinds)
        if getattr(layer, "foreign", False):
            outputs, compute, weights = self.foreign(layer, inputs, kinds, call) or ([], [], [])
            if not outputs:
                return []
        if not self.own(definition, weights, call, arguments):
            return []
        step.inputs = [each(given, lambda t: t.id) for given in arguments]
        step.node = self.nodes.get(definition, 0)
        self.nodes[definition] = step.node + 1
        names = layer.returns()
        made = [
            program.tensor(
                name if at == 0 else f"{name}.{names[at]}",
                shape,
                dtype,
                call.span,
                len(program.steps),
            )
            for at, (shape, dtype) in enumerate(zip(outputs, compute, strict=True))
        ]
        step.outputs = [tensor.id for tensor in made]
        program.steps.append(step)
        return made

    def fits(self, call: Call, layer: Layer, port: Port, tensor: Tensor) -> bool:
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
                help=self.rank_help(port, tensor),
            )
            return False
        if not dtypes.accepts(port.accepts, tensor.dtype):
            self.report.error(
                "wrong-dtype",
                f"{subject} takes {port.accepts} tensors",
                call.from_span or call.span,
                f"`{tensor.name}` is {tensor.dtype}",
                also=[(tensor.span, f"`{tensor.name}` is {tensor.dtype}")],
            )
            return False
        return True

    @staticmethod
    def rank_help(port: Port, tensor: Tensor) -> str:
        rank, wanted = len(tensor.shape or ()), len(port.axes)
        if wanted == 1 and rank > 1:
            return "put {type: Flatten} in between, or a pooling over the other axes"
        if "time" in port.axes and rank == wanted - 1:
            return (
                "the layer before gives one vector: with `return_sequences: true` a recurrent "
                "layer gives one for each step"
            )
        if rank == wanted - 1:
            return "insert {type: Reshape, target_shape: [...]} with the axis that is missing"
        return "insert {type: Reshape, target_shape: [...]}"

    def outputs(
        self, step: Step, layer: Layer, inputs: list[Any], given: list[Any], call: Call
    ) -> list[Shape] | None:
        """The shapes that a layer gives; a wrapper's come from its body."""
        if getattr(layer, "foreign", False):
            return [()]
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
        ports = ports_of(inner)
        if sum(not port.optional for port in ports) != 1:
            self.report.error(
                "wrong-inputs",
                f"`{layer.title()}` wraps a layer with one input",
                call.span,
                f"`{inner.kind}` has {len(ports)}",
            )
            return None
        arguments: list[Any] = [inside if not port.optional else None for port in ports]
        self.call(held, inner, [[a] if p.many else a for p, a in zip(ports, arguments, strict=True)],
                  env, body, step.name)  # fmt: skip
        tensors = env.values.get(held, [])
        if not tensors or len(self.report.errors) > before:
            return None
        body.outputs = {tensor.name: tensor.id for tensor in tensors}
        outer = wrapper.outer(*inputs, [tensor.shape for tensor in tensors])
        return outer if isinstance(outer, list) else [outer]

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

    def foreign(
        self, layer: Layer, inputs: list[Any], kinds: list[Any], call: Call
    ) -> tuple[list[Shape], list[str], list[Weight]] | None:
        """A torch module's shapes, found on torch's meta device: the one place where checking
        needs torch, and only for a spec that holds such a layer."""
        from importlib import import_module

        describe = import_module("modelspec.engine.foreign").describe
        try:
            outputs, made, weights = describe(layer, inputs, kinds)
        except Reject as rejected:
            self.rejected(rejected, call, call.definition, [])
            return None
        return (
            list(outputs),
            [(call.definition.dtype or "float32") if dtypes.is_float(d) else d for d in made],
            [Weight(n, s, "zeros", trainable=t, dtype=d) for n, s, t, d in weights],
        )

    # -- weights ---------------------------------------------------------------------------

    def own(
        self, definition: Definition, weights: list[Weight], call: Call, given: list[Any]
    ) -> bool:
        """Fix the weights of a definition at its first call, and hold later calls to them."""
        if not weights:
            return True
        for weight in weights:
            if not all(isinstance(dim, int) for dim in weight.shape):
                self.report.error(
                    "wrong-shape",
                    f"`{definition.kind}` needs to know the sizes that its weights depend on",
                    call.from_span or call.span,
                    f"`{weight.name}` would be {shapes.show(weight.shape)}",
                    also=[(t.span, f"`{t.name}` is {shapes.show(t.shape or ())}") for t in flat(given)],
                    help="give that dimension a number where the tensor is declared",
                )
                return False
        first = self.graph.owners.get(definition.path)
        seen = [shapes.show(t.shape or ()) for t in flat(given)]
        if first is None:
            self.graph.owners[definition.path] = Owner(definition, weights, call, seen)
            return True
        for old, new in zip(first.weights, weights, strict=True):
            if old.shape != new.shape:
                self.report.error(
                    "weights-differ",
                    f"every call of `{definition.name}` uses the same weights",
                    call.span,
                    f"on {', '.join(seen)} its `{new.name}` would be {shapes.show(new.shape)}",
                    also=[
                        (
                            first.call.span,
                            f"on {', '.join(first.shapes)} this fixed it as {shapes.show(old.shape)}",
                        )
                    ],
                    help="give this call a layer of its own, or make the inputs alike",
                )
                return False
        return True

    # -- limits and messages ---------------------------------------------------------------

    def tally(self, span: Span) -> None:
        self.count += 1
        if self.count > MOST_STEPS:
            self.report.error(
                "too-large", f"a model runs at most {MOST_STEPS:,} layers", span, "one too many"
            )
            raise Rejected(self.report.errors)

    def limits(self) -> None:
        for owner in self.graph.owners.values():
            if owner.count > MOST_PARAMETERS:
                self.report.error(
                    "too-large",
                    f"a layer holds at most {MOST_PARAMETERS:,} parameters",
                    owner.call.span,
                    f"this would hold {owner.count:,}",
                )

    def rejected(
        self, rejected: Reject, call: Call, definition: Definition, given: list[Any]
    ) -> None:
        spans = definition.layer.__dict__.get("spans", {}) if definition.layer else {}
        place = spans.get(rejected.argument) or call.from_span or call.span
        code = "rejected-argument" if rejected.argument else "shapes-differ"
        self.report.error(
            code,
            f"`{definition.kind}`: {rejected.message}",
            place,
            f"`{rejected.argument}`" if rejected.argument in spans else "",
            also=[(t.span, f"`{t.name}` is {shapes.show(t.shape or ())}") for t in flat(given)][:6],
            help=rejected.help or (),
        )

    def clash(self, clash: Clash, call: Call, given: list[Any]) -> None:
        self.report.error(
            "shapes-differ",
            f"the inputs of `{call.definition.kind}` have shapes that go together",
            call.from_span or call.span,
            str(clash),
            also=[(t.span, f"`{t.name}` is {shapes.show(t.shape or ())}") for t in flat(given)][:6],
        )


#: Stands for a tensor whose making failed: what depends on it is passed over in silence.
LOST: Any = object()


def each(given: Any, take: Any) -> Any:
    """`take` of a tensor, of each of a list, or None."""
    if isinstance(given, list):
        return [take(tensor) for tensor in given]
    return None if given is None else take(given)


def flat(arguments: list[Any]) -> list[Tensor]:
    """The tensors of a call's arguments, in order."""
    found: list[Tensor] = []
    for given in arguments:
        if isinstance(given, list):
            found += given
        elif given is not None:
            found.append(given)
    return found
