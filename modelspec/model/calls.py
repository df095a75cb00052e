"""What an entry is called on: `from`, bound to the callee's own inputs."""

from __future__ import annotations

from modelspec.language.layer import Port
from modelspec.model.scope import Scope
from modelspec.model.spec import Call, Input, Ref
from modelspec.source.diagnostics import Report
from modelspec.source.fixes import respelled
from modelspec.source.suggest import did_you_mean
from modelspec.source.text import Span
from modelspec.source.tree import Mapping, Node, Scalar, Sequence


def ports_of(call: Call) -> list[Port]:
    """What a call is made on: a layer's ports, or a graph's inputs."""
    if call.layer is not None:
        return list(call.layer.ports())
    if call.definition.body is not None:
        return [Port(one.name, "...", "any") for one in call.definition.body.inputs]
    return []


class Binder:
    """Binds the tensors of one call."""

    def __init__(self, report: Report, scope: Scope) -> None:
        self.report, self.scope = report, scope

    def bind(self, call: Call, written: Node | None, previous: Ref | None, name: Span) -> None:
        """Fill `call.arguments`; what is wrong is reported, and leaves broken Refs."""
        definition = call.definition
        if definition.layer is None and definition.body is None:
            return
        ports = ports_of(call)
        if written is not None and not ports:
            self.sourceless(call, written)
        elif written is None:
            self.implied(call, ports, previous, name)
        elif isinstance(written, Mapping):
            call.from_span = written.span
            self.by_name(call, ports, written)
        else:
            call.from_span = written.span
            items = written.items if isinstance(written, Sequence) else [written]
            refs = [self.ref(item) for item in items]
            self.by_position(call, ports, refs, written.span)

    def sourceless(self, call: Call, written: Node) -> None:
        self.report.error(
            "wrong-inputs",
            f"`{call.definition.kind}` is called on nothing",
            written.span,
            "not needed",
            help="leave `from` out: every sample is given the same tensor",
        )
        self.names(written)

    def names(self, written: Node | None) -> None:
        """Look at the names of a call that cannot be bound, for their own faults."""
        if isinstance(written, Mapping):
            for entry in written.entries:
                self.names(entry.value)
        elif isinstance(written, Sequence):
            for item in written.items:
                self.names(item)
        elif written is not None:
            self.ref(written)

    def ref(self, node: Node) -> Ref:
        if isinstance(node, Scalar) and isinstance(node.value, str | int):
            return self.scope.tensor(node.text if not node.quoted else str(node.value), node.span)
        self.report.error("wrong-value", "`from` names tensors", node.span, "not a name")
        return Ref("", node.span)

    def implied(self, call: Call, ports: list[Port], previous: Ref | None, name: Span) -> None:
        """No `from`: the entry above, or the only input."""
        if not ports:
            return
        if previous is None:
            inputs = [t for t in self.scope.things.values() if isinstance(t, Input)]
            if len(inputs) != 1:
                listed = ", ".join(f"`{one.name}`" for one in inputs) or "none"
                self.report.error(
                    "needs-from",
                    "the first entry says what it is called on, unless there is one input",
                    name,
                    "no `from`",
                    notes=f"the inputs: {listed}",
                    help=f"from: {inputs[0].name}" if inputs else "declare one under `inputs`",
                )
                call.arguments = [Ref("", name)]
                return
            previous = Ref(inputs[0].name, name)
            previous.input = inputs[0]
            self.scope.unread.discard(inputs[0].name)
        self.by_position(call, ports, [previous], name)

    def by_position(self, call: Call, ports: list[Port], refs: list[Ref], span: Span) -> None:
        """A name, or a list of names: in the order of the callee's inputs."""
        arguments: list[Ref | list[Ref] | None] = []
        left = list(refs)
        for at, port in enumerate(ports):
            if port.many and at == len(ports) - 1:
                arguments.append(left if left or not port.optional else None)
                left = []
            elif left:
                first = left.pop(0)
                arguments.append([first] if port.many else first)
            else:
                arguments.append(None)
        missing = [p for p, a in zip(ports, arguments, strict=True) if not a and not p.optional]
        if left or missing:
            self.mismatch(call, ports, len(refs), span)
            call.arguments = [Ref("", span)]
            return
        call.arguments = arguments

    def mismatch(self, call: Call, ports: list[Port], count: int, span: Span) -> None:
        named = ", ".join(f"`{p.name}`" + (" (optional)" if p.optional else "") for p in ports)
        one = len(ports) == 1
        example = ", ".join(f"{p.name}: ..." for p in ports if not p.optional)
        self.report.error(
            "wrong-inputs",
            f"`{call.definition.title}` is called on "
            + ("one tensor" if one else f"{len(ports)} inputs: {named}"),
            span,
            f"{count} given",
            also=self.where(call),
            help=(
                "join them first: {type: Concatenate, from: [...]}"
                if one and count > 1
                else "name them: from: {" + example + "}"
            ),
        )

    def where(self, call: Call) -> list[tuple[Span, str]]:
        if call.definition.body is None or call.definition.span is call.span:
            return []
        return [(call.definition.span, f"`{call.definition.name}` is defined here")]

    def by_name(self, call: Call, ports: list[Port], written: Mapping) -> None:
        """A mapping by the callee's own input names."""
        known = {port.name: port for port in ports}
        given: dict[str, Ref | list[Ref]] = {}
        before = len(self.report.errors)
        for entry in written.entries:
            key, value = entry.key.text, entry.value
            if key not in known:
                self.report.error(
                    "wrong-inputs",
                    f"`{call.definition.title}` has no input `{key}`",
                    entry.key.span,
                    "unknown",
                    also=self.where(call),
                    help=did_you_mean(key, list(known))
                    or "its inputs: " + ", ".join(f"`{name}`" for name in known),
                    fix=respelled(key, entry.key.span, list(known), written.keys()),
                )
            elif known[key].many:
                items = value.items if isinstance(value, Sequence) else [value]
                given[key] = [self.ref(item) for item in items]
            elif isinstance(value, Sequence):
                self.report.error(
                    "wrong-inputs", f"`{key}` takes one tensor", value.span, "this is a list"
                )
            else:
                given[key] = self.ref(value)
        if len(self.report.errors) == before:
            self.complete(call, ports, given, written)
        broken = len(self.report.errors) > before
        call.arguments = [Ref("", written.span)] if broken else [given.get(p.name) for p in ports]

    def complete(
        self, call: Call, ports: list[Port], given: dict[str, Ref | list[Ref]], written: Mapping
    ) -> None:
        """Report the inputs that a mapping leaves out."""
        missing = [p.name for p in ports if p.name not in given and not p.optional]
        if missing:
            listed = ", ".join(f"`{name}`" for name in missing)
            self.report.error(
                "wrong-inputs",
                f"`{call.definition.title}` needs {listed}",
                written.span,
                f"{listed} missing",
                also=self.where(call),
            )
