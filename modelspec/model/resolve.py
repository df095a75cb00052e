"""Nodes -> a spec: names bound, blocks expanded, defaults filled in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from modelspec.model import learning, sections
from modelspec.model.definitions import CALL_KEYS, KINDS, OWN_KEYS, Definitions, LayerWords
from modelspec.model.entries import Entries
from modelspec.model.files import Files
from modelspec.model.inputs import Inputs
from modelspec.model.params import Params
from modelspec.model.reach import MOST_CALLS, Reaches
from modelspec.model.reading import is_null, read_allow, sections_of
from modelspec.model.scope import Block, Scope
from modelspec.model.spec import Body, Definition, Spec
from modelspec.source.diagnostics import Rejected, Report
from modelspec.source.text import Span
from modelspec.source.tree import Entry, Mapping, Node, Scalar, Sequence

TOP = (
    "modelspec", "name", "params", "inputs", "blocks", "shared", "layers", "outputs", "data",
    "train",
)  # fmt: skip
GRAPH = ("inputs", "blocks", "shared", "layers", "outputs")
BLOCK = (*GRAPH, "params", "allow")


def resolve(tree: Node, files: Files, trust: bool = False) -> Spec:
    """The spec that a tree holds, with its faults: `check` looks at the rest all the same, and
    raises them together with its own.
    """
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
    files.begin(tree)
    spec = Resolver(report, files, trust).spec(tree)
    spec.faults = report.errors
    return spec


class Resolver:
    """Resolves one spec; everything wrong goes to `report`."""

    def __init__(self, report: Report, files: Files, trust: bool) -> None:
        self.report, self.files, self.trust = report, files, trust
        self.calls = 0
        self.open: list[tuple[str, Span, object]] = []  # blocks and files being read

    # -- the top ---------------------------------------------------------------------------

    def spec(self, tree: Mapping) -> Spec:
        sections.version(tree, self.report)
        top = tree.span
        self.open.append((f"`{top.source.path}`", Span(top.source, 1, 1, 1, 2), tree))
        root = Definition("", "", tree.span)
        scope, read = self.top_scope(tree, root)
        Reaches(self.files).hold(read, scope.params, self.report)
        body = self.body(root, read, scope)
        spec = Spec(sections.name(tree, self.report), root, body)
        words = LayerWords(self, scope, root)
        sections.targets(spec, read, words)
        learning.data(spec, read, words)
        learning.training(spec, read, words)
        return spec

    def top_scope(self, tree: Mapping, owner: Definition) -> tuple[Scope, Mapping]:
        """The scope of a file, and its tree with the file's own parameters put in."""
        known = sections_of(tree, TOP, self.report)
        params = Params(self.report).declare(known.get("params"))
        scope = Scope(self.report, params)
        scope.owner = owner
        # A block's body is filled in at each use, when its own parameters are known.
        read = [
            e if e.key.text in ("params", "blocks") else Entry(e.key, params.substitute(e.value))
            for e in known.entries
        ]
        return scope, Mapping(read, tree.span)

    def file(self, definition: Definition, name: Scalar) -> None:
        """The graph in another file; its `data`, `train` and batch sizes stay behind."""
        tree = self.files.read(str(name.value), name.span, self.report)
        if tree is None:
            return
        definition.file = self.files.locate(str(name.value), name.span)
        with self.inside(f"file `{name.value}`", name.span, tree) as entered:
            if entered:
                scope, read = self.top_scope(tree, definition)
                definition.body = self.body(definition, read, scope)
                for one in definition.body.inputs:
                    one.batch_size = one.batch_span = None

    # -- graphs ----------------------------------------------------------------------------

    def graph(self, definition: Definition, node: Mapping, outer: Scope, params: Params) -> None:
        """An inline graph or a block's body: a scope of its own inside `outer`."""
        known = BLOCK if definition.block else (*GRAPH, *CALL_KEYS, *OWN_KEYS)
        scope = Scope(self.report, params, outer)
        scope.owner = definition
        definition.body = self.body(definition, sections_of(node, known, self.report), scope)

    def body(self, definition: Definition, node: Mapping, scope: Scope) -> Body:
        body = Body(scope)
        Inputs(self).read(body, node.get("inputs"), scope)
        self.blocks(node.get("blocks"), scope)
        self.shared(body, node.get("shared"), scope, definition)
        layers = node.get("layers")
        if layers is None:
            self.report.error("missing-key", "a graph has `layers`", node.span, "no `layers` in it")
            return body
        Entries(self, body, scope, definition).read(layers)
        body.outputs = sections.outputs(node.get("outputs"), body, scope)
        return body

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
                node = sections_of(entry.value, BLOCK, self.report)
                allow = read_allow(node, self.report)
                scope.blocks[name] = Block(name, node, entry.key.span, scope.params, scope, allow)

    def shared(self, body: Body, node: Node | None, scope: Scope, owner: Definition) -> None:
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
            if made is None or (made.layer is None and made.body is None):
                scope.broken.add(name)
                scope.later.discard(name)
            else:
                body.shared.append(made)
                scope.add(name, made, entry.key.span)

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
        if any(opened is what for _, _, opened in self.open):
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
        if is_null(node):
            return []
        items = node.items if isinstance(node, Sequence) else []
        found = [one for item in items for one in self.named(item)]
        self.report.error(
            "wrong-value",
            f"`{section}` is a mapping by name",
            node.span,
            "this is a list" if isinstance(node, Sequence) else "this is a single value",
            help=f"{section}: " + (f"{{{found[0].key.text}: ...}}" if found else example),
        )
        return found

    def named(self, item: Node) -> list[Entry]:
        """What an item of a list stands for, where a mapping by name belongs: `- x: [8]`,
        `- {name: x, shape: [8]}`, or `- x`, of which no more is known.
        """
        if isinstance(item, Scalar):
            self.report.spoilt.add(item.span)
            return [Entry(item, Scalar(None, item.text, True, item.span))]
        name = item.get("name") if isinstance(item, Mapping) else None
        if isinstance(item, Mapping) and isinstance(name, Scalar):
            rest = [entry for entry in item.entries if entry.value is not name]
            return [Entry(name, Mapping(rest, item.span))]
        alone = item.entries if isinstance(item, Mapping) and len(item) == 1 else []
        return [one for one in alone if one.key.text not in (*BLOCK, *KINDS)]

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
