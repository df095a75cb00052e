"""Names: what each one stands for inside one graph, and how a dotted one is followed."""

from __future__ import annotations

import re
from itertools import islice
from typing import NamedTuple

from modelspec.model.params import Params
from modelspec.model.spec import Call, Definition, Input, Ref
from modelspec.source.diagnostics import Edit, Report
from modelspec.source.fixes import respelled, respelled_inside
from modelspec.source.suggest import Candidates, did_you_mean
from modelspec.source.text import Span
from modelspec.source.tree import Node

Thing = Input | Call | Definition
NAME = re.compile(r"[^\W\d][\w-]*")
SEGMENT = re.compile(r"(?P<name>[^.@]+)(?:@(?P<node>\d+))?")


class Block(NamedTuple):
    """A graph with parameters, as it stands in the tree."""

    name: str
    node: Node
    span: Span
    params: Params
    scope: Scope
    allow: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Its text."""
        span = self.node.span
        return span.source.lines[span.line - 1 : span.end_line]


class Lost(Exception):
    """A name that stands for nothing, which has been reported."""


class Scope:
    """The names of one graph. Layers and blocks of the graphs around it may be called from here;
    their tensors may not: a graph sees nothing but its inputs.
    """

    def __init__(self, report: Report, params: Params, outer: Scope | None = None) -> None:
        self.report, self.params, self.outer = report, params, outer
        self.owner: Definition | None = None
        self.things: dict[str, Thing] = {}
        self.spans: dict[str, Span] = {}
        self.blocks: dict[str, Block] = {}
        self.nodes: dict[Definition, list[Call]] = {}
        self.broken: set[str] = set()  # names whose entry was wrong: no follow-up errors
        self.later: set[str] = set()  # names of entries further down
        self.pending: dict[str, Span] = {}  # names whose definition has begun
        self.unread: set[str] = set()  # names that nothing has referred to yet
        self.counted: dict[str, int] = {}  # how many names begin as this one, and a number
        self.words: Candidates | None = None  # the names of tensors, once one is misspelt

    def path(self, name: str) -> str:
        """The path of what is defined here under this name."""
        above = self.owner.path if self.owner else ""
        return f"{above}.{name}" if above else name

    def add(self, name: str, thing: Thing, span: Span) -> None:
        self.claim(name, span)
        self.things.setdefault(name, thing)
        if self.words is not None and self.is_tensor(thing):
            self.words.add(name)
        self.later.discard(name)
        self.unread.add(name)

    def claim(self, name: str, span: Span) -> None:
        """Take a name, once; what is wrong with it is reported."""
        if not NAME.fullmatch(name):
            self.report.error(
                "wrong-value",
                "a name starts with a letter and holds letters, digits, `_` and `-`",
                span,
                f"`{name}`",
            )
        first = self.spans.setdefault(name, span)
        if first is not span:
            self.report.error(
                "name-taken",
                f"`{name}` names two things",
                span,
                "taken",
                also=[(first, f"`{name}` is this")],
                help="give one of them another name",
            )

    def free(self, base: str) -> str:
        """`base`, or `base_1`, `base_2`, ... where it is taken: Keras's names in a list."""
        name, count = base, self.counted.get(base, 0)
        while name in self.spans:
            count += 1
            name = f"{base}_{count}"
        self.counted[base] = count
        return name

    def called(self, call: Call) -> None:
        """Count a call as the next node of its definition."""
        nodes = self.nodes.setdefault(call.definition, [])
        if self.words is not None and self.things.get(call.definition.name) is call.definition:
            self.words.add(call.definition.name)
        call.node = len(nodes)
        nodes.append(call)

    def block(self, name: str) -> Block | None:
        scope: Scope | None = self
        while scope is not None:
            if name in scope.blocks:
                return scope.blocks[name]
            scope = scope.outer
        return None

    def block_names(self) -> list[str]:
        inner = list(self.blocks)
        return inner + (self.outer.block_names() if self.outer else [])

    # -- tensors ---------------------------------------------------------------------------

    def tensor(self, text: str, span: Span) -> Ref:
        """The tensor that `text` names; a broken Ref, after reporting, where there is none."""
        ref = Ref(text, span)
        try:
            self.follow(ref, text, span)
        except Lost:
            ref.chain, ref.input = (), None
        return ref

    def follow(self, ref: Ref, text: str, span: Span) -> None:
        parts = text.split(".")
        matches = [SEGMENT.fullmatch(part) for part in parts]
        if not all(matches):
            self.unknown(text, span)
        head, *rest = [m for m in matches if m]
        thing = self.thing(head["name"], span, text)
        if isinstance(thing, Input):
            if rest or head["node"]:
                self.unknown(text, span)
            ref.input = thing
            return
        call = self.node_of(thing, head["name"], head["node"], span, rest)
        ref.chain = (call,)
        for at, part in enumerate(rest):
            inside = call.definition.body
            if inside is None:
                self.output(ref, call, part["name"], span, last=at == len(rest) - 1)
                return
            found = inside.scope.things.get(part["name"])
            if isinstance(found, Call | Definition) and (
                isinstance(found, Call) or found in inside.scope.nodes
            ):
                rest_after = rest[at + 1 :]
                call = inside.scope.node_of(found, part["name"], part["node"], span, rest_after)
                ref.chain = (*ref.chain, call)
            else:
                self.output(ref, call, part["name"], span, last=at == len(rest) - 1)
                return

    def thing(self, name: str, span: Span, text: str) -> Thing:
        self.unread.discard(name)
        if name in self.broken:
            raise Lost
        if name not in self.things:
            self.unknown(text, span, name)
        return self.things[name]

    def node_of(self, thing: Thing, name: str, node: str | None, span: Span, rest: object) -> Call:
        """The call that a name stands for: the entry itself, or a node of its definition."""
        if isinstance(thing, Call) and node is None:
            return thing
        definition = thing.definition if isinstance(thing, Call) else thing
        if not isinstance(definition, Definition):
            raise Lost
        nodes = self.nodes.get(definition, [])
        if node is not None:
            if int(node) < len(nodes):
                return nodes[int(node)]
            self.no_such_node(name, int(node), nodes, definition, span)
        if len(nodes) == 1:
            return nodes[0]
        if not nodes:
            self.report.error(
                "used-before",
                f"`{name}` has not been called, so it has no output yet",
                span,
                "a layer, not a tensor",
                also=[(definition.span, f"`{name}` is defined here")],
                help=f"call it first: {{use: {name}, from: ...}}",
            )
            raise Lost
        self.report.error(
            "ambiguous-name",
            f"`{name}` has {len(nodes)} nodes, and this does not say which",
            span,
            "ambiguous",
            also=[(call.span, f"`{name}@{call.node}` is this call") for call in nodes[:8]],
            help="write " + " or ".join(f"`{name}@{call.node}`" for call in nodes[:4]),
        )
        raise Lost

    def no_such_node(
        self, name: str, node: int, nodes: list[Call], definition: Definition, span: Span
    ) -> None:
        count = "1 node" if len(nodes) == 1 else f"{len(nodes)} nodes"
        self.report.error(
            "unknown-name",
            f"`{name}` has {count} at this point, counted from 0",
            span,
            f"no node {node}",
            also=[(call.span, f"`{name}@{call.node}` is this call") for call in nodes[:8]]
            or [(definition.span, "defined here")],
            help="the nodes here: " + ", ".join(f"`{name}@{call.node}`" for call in nodes[:8])
            if nodes
            else f"call it first: {{use: {name}, from: ...}}",
        )
        raise Lost

    def output(self, ref: Ref, call: Call, part: str, span: Span, last: bool) -> None:
        """An output of a call by name or by position."""
        definition = call.definition
        if definition.layer is not None:
            names = list(definition.layer.returns())
        elif definition.body is not None:
            names = list(definition.body.outputs)
        else:
            raise Lost
        if last and part in names:
            ref.index = names.index(part)
        elif last and part.isdigit() and int(part) < len(names):
            ref.index = int(part)
        else:
            inside = list(definition.body.scope.spans) if definition.body else []
            known = ", ".join(f"`{name}`" for name in names)
            self.report.error(
                "unknown-name",
                f"`{call.name}` has no output or tensor `{part}`",
                span,
                "unknown",
                also=[(call.span, f"`{call.name}` is this {definition.kind}")],
                help=did_you_mean(part, [*names, *inside]) or f"its outputs: {known}",
                fix=respelled_inside(part, span, [*names, *inside]),
            )
            raise Lost

    def unknown(self, text: str, span: Span, name: str | None = None) -> None:
        if name is not None and name in self.later:
            self.report.error(
                "used-before",
                "an entry is called on tensors of entries above it",
                span,
                f"`{name}` comes further down",
                help=f"move the entry `{name}` above this one",
            )
            raise Lost
        candidates = self.candidates()
        near = did_you_mean(name or text, candidates)
        fix = respelled(text, span, candidates)
        if name is not None and self.elsewhere(name):
            near = ("a graph sees its own inputs only: add it to the graph's `inputs`",)
            fix = None
        tensors = (name for name, one in self.things.items() if self.is_tensor(one))
        words = text.replace(",", " ").split()
        if len(words) > 1 and all(word in self.things for word in words):
            near = (f"separate them with commas: [{', '.join(words)}]",)
            fix = Edit(span, ", ".join(words)) if span.text == text and "," not in text else None
        known = ", ".join(f"`{one}`" for one in islice(tensors, 12))
        self.report.error(
            "unknown-name",
            f"no tensor is called `{text}` here",
            span,
            "unknown",
            help=near or (f"the names here: {known}" if known else ()),
            fix=fix,
        )
        raise Lost

    def candidates(self) -> Candidates:
        """The names of tensors, those further down included."""
        if self.words is None:
            tensors = [name for name, one in self.things.items() if self.is_tensor(one)]
            self.words = Candidates([*tensors, *self.later, *self.broken])
        return self.words

    def is_tensor(self, thing: Thing) -> bool:
        """Whether a name stands for a tensor: a layer does once it has been called."""
        return not isinstance(thing, Definition) or thing in self.nodes

    def elsewhere(self, name: str) -> bool:
        scope = self.outer
        while scope is not None:
            if name in scope.things:
                return True
            scope = scope.outer
        return False
