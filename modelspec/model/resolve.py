"""Nodes -> a spec: names bound, blocks expanded, defaults filled in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from modelspec.catalog.words import snake
from modelspec.language.dtypes import DTYPES
from modelspec.language.kinds import Dims, Mismatch
from modelspec.model import sections
from modelspec.model.calls import Binder
from modelspec.model.definitions import CALL_KEYS, OWN_KEYS, Definitions, LayerWords
from modelspec.model.files import Files
from modelspec.model.params import Params
from modelspec.model.scope import Block, Scope
from modelspec.model.spec import Body, Call, Definition, Input, Ref, Spec
from modelspec.source.diagnostics import Rejected, Report
from modelspec.source.suggest import did_you_mean
from modelspec.source.text import Span
from modelspec.source.tree import Entry, Mapping, Node, Scalar, Sequence, from_plain

TOP = (
    "modelspec", "name", "params", "inputs", "blocks", "shared", "layers", "outputs", "data",
    "train",
)  # fmt: skip
GRAPH = ("inputs", "blocks", "shared", "layers", "outputs")
MOST_CALLS = 100_000
MOST_REPEATS = 10_000
SHAPE = Dims("The shape, without the batch.")


def resolve(tree: Node, files: Files, trust: bool = False) -> Spec:
    """The spec that a tree holds; raises `Rejected` with every fault found."""
    report = Report()
    if not isinstance(tree, Mapping):
        report.error(
            "not-a-spec",
            "a spec is a mapping with `inputs` and `layers`",
            tree.span,
            "this is a list" if isinstance(tree, Sequence) else "this is a single value",
            help="`modelspec init` writes a first one",
        )
        report.raise_if_errors()
        raise AssertionError
    spec = Resolver(report, files, trust).spec(tree)
    report.raise_if_errors()
    return spec


class Resolver:
    """Resolves one spec; everything wrong goes to `report`."""

    def __init__(self, report: Report, files: Files, trust: bool) -> None:
        self.report, self.files, self.trust = report, files, trust
        self.calls = 0
        self.open: list[tuple[str, Span, object]] = []

    # -- the top ---------------------------------------------------------------------------

    def spec(self, tree: Mapping) -> Spec:
        for entry in tree.entries:
            if entry.key.text not in TOP:
                self.unknown_key(entry, list(TOP))
        sections.version(tree, self.report)
        root = Definition("", "", tree.span)
        scope, read = self.top_scope(tree, root)
        body = self.body(root, read, scope)
        spec = Spec(sections.name(tree, self.report), root, body)
        words = LayerWords(self, scope, root)
        sections.targets(spec, read, words)
        sections.data(spec, read, words)
        sections.training(spec, read, words)
        return spec

    def top_scope(self, tree: Mapping, owner: Definition) -> tuple[Scope, Mapping]:
        """The scope of a file, and its tree with the file's own parameters put in."""
        params = Params(self.report).declare(tree.get("params"))
        scope = Scope(self.report, params)
        scope.owner = owner
        # A block's body is filled in at each use, when its own parameters are known.
        read = [
            e
            if e.key.text in ("params", "blocks")
            else Entry(e.key, params.substitute(e.value))
            for e in tree.entries
        ]
        return scope, Mapping(read, tree.span)

    def file(self, definition: Definition, name: Scalar) -> None:
        """The graph in another file; its `data` and `train` stay behind."""
        tree = self.files.read(str(name.value), name.span, self.report)
        if tree is None:
            return
        definition.file = self.files.locate(str(name.value), name.span)
        with self.inside(f"file `{name.value}`", name.span, tree) as entered:
            if entered:
                scope, read = self.top_scope(tree, definition)
                definition.body = self.body(definition, read, scope)

    # -- graphs ----------------------------------------------------------------------------

    def graph(self, definition: Definition, node: Mapping, outer: Scope, params: Params) -> None:
        """An inline graph or a block's body: a scope of its own inside `outer`."""
        known = (*GRAPH, "params") if definition.block else (*GRAPH, *CALL_KEYS, *OWN_KEYS)
        for entry in node.entries:
            if entry.key.text not in known:
                self.unknown_key(entry, list(known))
        scope = Scope(self.report, params, outer)
        scope.owner = definition
        definition.body = self.body(definition, node, scope)

    def body(self, definition: Definition, node: Mapping, scope: Scope) -> Body:
        body = Body(scope)
        self.inputs(body, node.get("inputs"), scope)
        self.blocks(node.get("blocks"), scope)
        self.shared(body, node.get("shared"), scope, definition)
        layers = node.get("layers")
        if layers is None:
            self.report.error(
                "missing-key", "a graph has `layers`", node.span, "no `layers` in it"
            )
        else:
            self.layers(body, layers, scope, definition)
        body.outputs = sections.outputs(node.get("outputs"), body, scope)
        return body

    def inputs(self, body: Body, node: Node | None, scope: Scope) -> None:
        for entry in self.entries(node, "inputs", "{image: [28, 28, 1]}"):
            value = scope.params.substitute(entry.value)
            made = self.input(entry.key, value)
            body.inputs.append(made)
            scope.add(made.name, made, entry.key.span)

    def input(self, key: Scalar, value: Node) -> Input:
        made = Input(key.text, (), "float32", key.span)
        shape: Node | None = value
        if isinstance(value, Mapping):
            for entry in value.entries:
                if entry.key.text not in ("shape", "dtype"):
                    self.unknown_key(entry, ["shape", "dtype"])
            shape = value.get("shape")
            dtype = value.get("dtype")
            if isinstance(dtype, Scalar) and dtype.value in DTYPES:
                made.dtype = str(dtype.value)
            elif dtype is not None:
                text = dtype.text if isinstance(dtype, Scalar) else ""
                self.report.error(
                    "wrong-value",
                    "an input's `dtype` is one of " + ", ".join(DTYPES),
                    dtype.span,
                    "unknown",
                    help=did_you_mean(text, DTYPES),
                )
        if shape is None:
            self.report.error("missing-key", "an input has a `shape`", value.span, "no `shape`")
            made.shape = None
            return made
        try:
            made.shape = SHAPE.value(shape, None, None)  # type: ignore[arg-type]
        except Mismatch as wrong:
            made.shape = None
            self.report.error(
                "wrong-value",
                "a shape is a list of sizes, each an integer, null or a word; without the batch",
                wrong.node.span,
                wrong.fact,
                help=wrong.help,
            )
        return made

    def blocks(self, node: Node | None, scope: Scope) -> None:
        from modelspec.catalog.words import find

        for entry in self.entries(node, "blocks", "{residual: {inputs: ..., layers: ...}}"):
            name = entry.key.text
            scope.claim(name, entry.key.span)
            if find("layers", name) is not None:
                self.report.error(
                    "name-taken",
                    f"`{name}` is a layer of the catalogue",
                    entry.key.span,
                    "a block needs another name",
                )
            elif not isinstance(entry.value, Mapping):
                self.report.error(
                    "wrong-value", "a block is a graph", entry.value.span, "not a mapping"
                )
            else:
                scope.blocks[name] = Block(
                    name, entry.value, entry.key.span, scope.params, scope
                )

    def shared(
        self, body: Body, node: Node | None, scope: Scope, owner: Definition
    ) -> None:
        found = self.entries(node, "shared", "{encoder: {type: LSTM, units: 64}}")
        scope.later |= {entry.key.text for entry in found}
        for entry in found:
            name = entry.key.text
            written = self.as_entry(scope.params.substitute(entry.value), name)
            scope.pending[name] = entry.key.span
            made = None
            if written is not None:
                for key in CALL_KEYS:
                    called = written.entry(key)
                    if called is not None and key != "allow":
                        self.report.error(
                            "unknown-key",
                            "`shared` defines what `layers` then calls",
                            called.key.span,
                            f"`{key}` belongs to a call",
                            help=f"in `layers`: {{use: {name}, from: ...}}",
                        )
                made = Definitions(self, scope).make(written, name, owner, entry.key.span)
            del scope.pending[name]
            if made is None:
                scope.broken.add(name)
                scope.later.discard(name)
            else:
                body.shared.append(made)
                scope.add(name, made, entry.key.span)

    # -- calls -----------------------------------------------------------------------------

    def layers(self, body: Body, node: Node, scope: Scope, owner: Definition) -> None:
        named = self.named(node, scope)
        if not named:
            self.report.error("missing-key", "a graph has layers", node.span, "none here")
        scope.later |= {name for _, name, _ in named if name}
        previous: Ref | None = None
        for key, name, value in named:
            written = self.as_entry(scope.params.substitute(value), name or "")
            if written is None:
                if name:
                    scope.broken.add(name)
                previous = Ref("", value.span)
                continue
            name = name or self.own_name(written, scope)
            previous = self.entry(body, name, key, written, scope, owner, previous)
            scope.later.discard(name)

    def named(self, node: Node, scope: Scope) -> list[tuple[Span, str | None, Node]]:
        """The entries of `layers`, a mapping or a list, with their names where they have one."""
        if isinstance(node, Mapping):
            return [(e.key.span, e.key.text, e.value) for e in node.entries]
        if not isinstance(node, Sequence):
            self.report.error(
                "wrong-value", "`layers` is a mapping or a list of entries", node.span
            )
            return []
        found: list[tuple[Span, str | None, Node]] = []
        for item in node.items:
            name = item.get("name") if isinstance(item, Mapping) else None
            text = str(name.value) if isinstance(name, Scalar) and name.value else None
            found.append((name.span if name is not None else item.span, text, item))
        return found

    def own_name(self, written: Mapping, scope: Scope) -> str:
        """The name of an entry without one: Keras's, `dense`, `dense_1`."""
        for key in ("type", "use", "part_of", "file"):
            value = written.get(key)
            if isinstance(value, Scalar) and isinstance(value.value, str):
                base = value.value.rpartition("/")[2].removesuffix(".yaml").rpartition(".")[2]
                return scope.free(snake(base) if key == "type" else base)
        return scope.free("graph")

    def entry(
        self,
        body: Body,
        name: str,
        key: Span,
        written: Mapping,
        scope: Scope,
        owner: Definition,
        previous: Ref | None,
    ) -> Ref:
        """One entry, or with `repeat` several in a row; gives the tensor the next one follows."""
        count = self.repeats(written.get("repeat"))
        source = written.get("from")
        ref = Ref(name, key)
        for at in range(count or 1):
            label = name if count is None else f"{name}_{at + 1}"
            made = Definitions(self, scope).make(written, label, owner, key)
            if made is None:
                scope.broken.add(label)
                scope.broken.add(name)
                return ref
            self.count(key)
            call = Call(label, made, key)
            call.allow = self.allowed(written)
            Binder(self.report, scope).bind(call, source if at == 0 else None, previous, key)
            scope.called(call)
            scope.add(label, call, key)
            body.calls.append(call)
            ref = Ref(label, key)
            ref.chain = (call,)
            if previous is not None and source is None:
                self.read(previous, scope)
            previous = ref
        if count is not None:
            scope.add(name, body.calls[-1], key)
        return ref

    @staticmethod
    def read(ref: Ref, scope: Scope) -> None:
        scope.unread.discard(ref.chain[0].name if ref.chain else ref.text)

    def repeats(self, node: Node | None) -> int | None:
        if node is None:
            return None
        value = node.value if isinstance(node, Scalar) else None
        if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_REPEATS:
            return value
        self.report.error(
            "wrong-value",
            f"`repeat` is an integer from 1 to {MOST_REPEATS}",
            node.span,
            f"this is {node.text}" if isinstance(node, Scalar) else "this is not",
        )
        return 1

    # -- what every part of it needs -------------------------------------------------------

    def count(self, span: Span) -> None:
        self.calls += 1
        if self.calls > MOST_CALLS:
            self.report.error(
                "too-large", f"a spec holds at most {MOST_CALLS:,} calls", span, "one too many"
            )
            raise Rejected(self.report.errors)

    @contextmanager
    def inside(self, label: str, span: Span, what: object) -> Iterator[bool]:
        """Enter a block or a file; False, after reporting the chain, where it is open already."""
        names = [one for one, _, _ in self.open]
        if any(opened is what for _, _, opened in self.open) or len(self.open) > 50:
            start = next((i for i, (_, _, o) in enumerate(self.open) if o is what), 0)
            self.report.error(
                "cycle",
                "a graph cannot contain itself",
                span,
                f"{label} is inside itself",
                also=[(s, f"{one} is used here") for one, s, _ in self.open[start:][:6]],
                notes="the chain: " + " > ".join([*names[start:], label]),
            )
            yield False
            return
        self.open.append((label, span, what))
        try:
            yield True
        finally:
            self.open.pop()

    def entries(self, node: Node | None, section: str, example: str) -> list[Entry]:
        if node is None:
            return []
        if isinstance(node, Mapping):
            return node.entries
        if not (isinstance(node, Scalar) and node.value is None):
            self.report.error(
                "wrong-value",
                f"`{section}` is a mapping by name",
                node.span,
                "this is a list" if isinstance(node, Sequence) else "this is a single value",
                help=f"{section}: {example}",
            )
        return []

    def as_entry(self, node: Node, name: str) -> Mapping | None:
        """An entry as a mapping; a bare name means its defaults."""
        if isinstance(node, Mapping):
            return node
        if isinstance(node, Scalar) and isinstance(node.value, str):
            key = Scalar("type", "type", False, node.span)
            return Mapping([Entry(key, node)], node.span)
        self.report.error(
            "wrong-value",
            "an entry is a mapping, such as {type: Dense, units: 8}",
            node.span,
            "this is a list" if isinstance(node, Sequence) else "this is a single value",
        )
        return None

    def allowed(self, written: Mapping) -> tuple[str, ...]:
        """The codes of the warnings that an entry silences."""
        node = written.get("allow")
        if node is None:
            return ()
        items = node.items if isinstance(node, Sequence) else [node]
        if all(isinstance(i, Scalar) and isinstance(i.value, str) for i in items):
            return tuple(i.value for i in items if isinstance(i, Scalar) and isinstance(i.value, str))
        self.report.error("wrong-value", "`allow` is a list of codes", node.span, "not codes")
        return ()

    def unknown_key(self, entry: Entry, known: list[str]) -> None:
        self.report.error(
            "unknown-key",
            f"there is no key `{entry.key.text}` here",
            entry.key.span,
            "unknown",
            help=did_you_mean(entry.key.text, known)
            or "the keys here: " + ", ".join(f"`{key}`" for key in known),
        )


__all__ = ["Resolver", "from_plain", "resolve"]
