"""A spec -> the graph: every call's shapes, dtypes and weights, in the order of the calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelspec.language import dtypes, shapes
from modelspec.language.shapes import Clash, Shape
from modelspec.model.advice import on_input
from modelspec.model.env import LOST, Env, flat
from modelspec.model.graph import Graph, Program, Tensor
from modelspec.model.heads import heads
from modelspec.model.parts import Cut
from modelspec.model.reach import ENDLESS
from modelspec.model.spec import Body, Call, Definition, Input, Spec
from modelspec.model.stateful import batches
from modelspec.model.steps import Steps
from modelspec.source.diagnostics import Label, Rejected, Report

MOST_STEPS = 200_000
MOST_PARAMETERS = 10**12


def check(spec: Spec, sizes: Mapping[str, Shape] | None = None) -> Graph:
    """The graph of a spec; raises `Rejected` with every fault found, those of the spec included.

    `sizes` are the shapes that data has, by input, in the place of the declared ones.
    """
    report = Report()
    report.add(spec.faults)
    checker = Checker(spec, report)
    graph = checker.graph
    env = Env()
    for one in spec.body.inputs:
        shape = (sizes or {}).get(one.name, one.shape)
        made = graph.program.tensor(one.name, shape, one.dtype or "float32", one.span)
        env.values[one] = [made]
        graph.program.inputs[one.name] = made.id
    checker.refuse_endless(spec.body)
    checker.calls(spec.body, env, graph.program, "")
    graph.env = env
    for name, ref in spec.body.outputs.items():
        tensor = env.find(ref)
        if tensor is not None:
            graph.program.outputs[name] = tensor.id
    if not report.failed:
        checker.limits()
    heads(graph, report)
    batches(graph, report)
    if graph.heads and not spec.body.inputs:
        report.error(
            "missing-key",
            "a model that is trained has inputs",
            next(iter(graph.heads.values())).span,
            "this depends on none",
            help="inputs: {x: [8]}",
        )
    if report.failed:
        rejected = Rejected(report.errors + report.warnings)
        rejected.graph = graph
        raise rejected
    return graph


class Checker:
    """Walks the calls once, graphs inlined: a shared graph called twice is walked twice."""

    def __init__(self, spec: Spec, report: Report) -> None:
        self.report = report
        self.graph = Graph(spec, Program())
        self.steps = Steps(self)
        self.failed: set[tuple[Any, ...]] = set()  # graphs, with the inputs that do not fit inside

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
        before = len(self.report.errors)
        if definition.body is not None:
            env.inner[call] = inner = Env()
            self.inline(call, definition, arguments, inner, program, name)
            body = definition.body
            made = [inner.find(ref) for ref in body.outputs.values()]
            env.values[call] = [t for t in made if t is not None] if all(made) else []
        elif definition.layer is not None:
            env.values[call] = self.steps.layer(call, definition, arguments, program, name)
        if len(self.report.errors) > before:
            self.graph.faults.setdefault(name, self.report.errors[before])

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
            if not self.enters(call, one, given, bound):
                return
        for one, given in zip(body.inputs, arguments, strict=True):
            # A part's input stands for a tensor of the whole graph.
            inner.values[one.stands_for.origin if isinstance(one, Cut) else one] = [given]
        inputs = (definition, *((t.shape, t.dtype) for t in flat(arguments)))
        if inputs in self.failed:
            return
        before = len(self.report.errors)
        self.calls(body, inner, program, name)
        if len(self.report.errors) > before:
            self.failed.add(inputs)
        for error in self.report.errors[before:]:
            # The fault may lie in the call as well as in the graph: show both.
            error.also += (Label(call.span, f"inside this call of `{definition.title}`"),)

    def enters(self, call: Call, one: Input, given: Tensor, bound: dict[str, Any]) -> bool:
        """Whether a tensor fits a graph's input; words in the input's shape are bound."""
        if one.shape is None:
            return True
        assert given.shape is not None
        if len(given.shape) != len(one.shape):
            return self.stays_out(call, one, "wrong-rank", given)
        for wanted, dim in zip(one.shape, given.shape, strict=True):
            if isinstance(wanted, str):
                wanted = bound.setdefault(wanted, dim)
            try:
                shapes.join(wanted, dim)
            except Clash:
                return self.stays_out(call, one, "wrong-shape", given)
        if one.dtype is not None and dtypes.sort(one.dtype) != dtypes.sort(given.dtype):
            return self.stays_out(call, one, "wrong-dtype", given)
        return True

    def stays_out(self, call: Call, one: Input, code: str, given: Tensor) -> bool:
        """Report a tensor that does not fit a graph's input."""
        of_shape = code != "wrong-dtype"
        wanted = shapes.show(one.shape or ()) if of_shape else one.dtype
        found = shapes.show(given.shape or ()) if of_shape else given.dtype
        help = on_input(call, one.shape or (), given, self.graph.program) if of_shape else ""
        self.report.error(
            code,
            f"input `{one.name}` of `{call.definition.name or 'the graph'}` is {wanted}",
            call.from_span or call.span,
            f"`{given.name}` is {found}",
            also=[(one.span, f"`{one.name}` is declared here")],
            help=help,
        )
        return False

    # -- limits ----------------------------------------------------------------------------

    def refuse_endless(self, body: Body) -> None:
        """A graph called twice runs twice: counted before any is walked."""
        steps = 0
        for call in body.calls:
            steps += call.definition.steps
            if steps > MOST_STEPS:
                self.report.error(
                    "too-large",
                    f"a model runs at most {MOST_STEPS:,} layers",
                    call.span,
                    f"with this, {steps:,}" if steps < ENDLESS else "with this, far more",
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
