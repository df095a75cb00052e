"""`layers`: the calls of a graph, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelspec.catalog.words import find, snake
from modelspec.model.calls import Binder
from modelspec.model.definitions import CALL_KEYS, Definitions
from modelspec.model.reach import MOST_REPEATS
from modelspec.model.reading import is_null, read_allow
from modelspec.model.scope import Scope
from modelspec.model.spec import Body, Call, Definition, Ref
from modelspec.source.text import Span
from modelspec.source.tree import Entry, Mapping, Node, Scalar, Sequence

if TYPE_CHECKING:
    from modelspec.model.resolve import Resolver


Named = tuple[Span, str | None, Node]


class Entries:
    """Reads the entries of one graph into `body.calls`."""

    def __init__(self, resolver: Resolver, body: Body, scope: Scope, owner: Definition) -> None:
        self.resolver, self.report = resolver, resolver.report
        self.body, self.scope, self.owner = body, scope, owner

    def read(self, node: Node) -> None:
        scope = self.scope
        named = self.named(node)
        if not named and (is_null(node) or not isinstance(node, Scalar)):
            self.report.error("missing-key", "a graph has layers", node.span, "none here")
        named = self.indented(named)
        scope.later |= {name for _, name, _ in named if name}
        previous: Ref | None = None
        for key, name, value in named:
            written = self.resolver.as_entry(scope.params.substitute(value), name or "")
            if written is None:
                if name:
                    scope.broken.add(name)
                previous = Ref("", value.span)
                continue
            name = name or self.own_name(written)
            previous = self.entry(name, key, written, previous)
            scope.later.discard(name)

    def named(self, node: Node) -> list[Named]:
        """The entries, of a mapping or a list, with their names where they have one."""
        if isinstance(node, Mapping):
            for entry in node.entries:
                self.named_once(entry)
            return [(e.key.span, e.key.text, e.value) for e in node.entries]
        if not isinstance(node, Sequence):
            if not is_null(node):
                self.report.error(
                    "wrong-value", "`layers` is a mapping or a list of entries", node.span
                )
            return []
        found: list[Named] = []
        for item in node.items:
            name = item.get("name") if isinstance(item, Mapping) else None
            text = str(name.value) if isinstance(name, Scalar) and name.value else None
            found.append((name.span if name is not None else item.span, text, item))
        return found

    def named_once(self, entry: Entry) -> None:
        """Refuse a `name` beside the key that is the entry's name, unless it is the same."""
        name = entry.value.get("name") if isinstance(entry.value, Mapping) else None
        if isinstance(name, Scalar) and name.text != entry.key.text:
            self.report.error(
                "unknown-key",
                "an entry of a mapping is named by its key",
                name.span,
                "this names it again",
                also=[(entry.key.span, "this is its name")],
                help=f"write `{name.text}: {{...}}`, or leave `name` out",
            )

    def indented(self, named: list[Named]) -> list[Named]:
        """The entries without arguments that stand beside the entry that they belong to."""
        kept: list[Named] = []
        for key, name, value in named:
            above = kept[-1] if kept and not isinstance(value, Mapping) else None
            kind = above[2].get("type") if above and isinstance(above[2], Mapping) else None
            if isinstance(kind, Scalar) and above and self.takes(kind.text, name or ""):
                self.report.spoilt.add(kind.span)  # that it lacks the argument is no news
                self.report.error(
                    "bad-indent",
                    f"what belongs to `{kind.text}` is indented as deep as its `type`",
                    key,
                    "this is an entry of its own",
                    also=[(above[0], "the entry above is done")],
                    help=f"put two more spaces before `{name}`",
                )
            else:
                kept.append((key, name, value))
        return kept

    def takes(self, kind: str, name: str) -> bool:
        """Whether an entry of a type may hold a key."""
        cls = find("layers", kind)
        return name in CALL_KEYS or (cls is not None and name in cls.arguments)

    def own_name(self, written: Mapping) -> str:
        """The name of an entry without one: Keras's, `dense`, `dense_1`."""
        for key in ("type", "use", "part_of", "file"):
            value = written.get(key)
            if isinstance(value, Scalar) and isinstance(value.value, str):
                base = value.value.rpartition("/")[2].removesuffix(".yaml").rpartition(".")[2]
                return self.scope.free(snake(base) if key == "type" else base)
        return self.scope.free("graph")

    def entry(self, name: str, key: Span, written: Mapping, previous: Ref | None) -> Ref:
        """One entry, or with `repeat` several in a row; gives the tensor the next one follows."""
        scope = self.scope
        count = self.repeats(written.get("repeat"))
        source = written.get("from")
        for at in range(count or 1):
            label = name if count is None else f"{name}_{at + 1}"
            made = Definitions(self.resolver, scope).make(written, label, self.owner, key)
            if made is None or (made.layer is None and made.body is None):
                # The tensors that it names are looked at all the same: their faults are others.
                Binder(self.report, scope).names(source)
                scope.broken |= {label, name}
                return Ref(name, key)
            previous = self.call(label, made, key, written, source if at == 0 else None, previous)
        if count is not None:
            scope.add(name, self.body.calls[-1], key)
        assert previous is not None
        return previous

    def call(
        self,
        name: str,
        made: Definition,
        key: Span,
        written: Mapping,
        source: Node | None,
        previous: Ref | None,
    ) -> Ref:
        """One call of a definition; gives its first output."""
        self.resolver.count(key)
        call = Call(name, made, key)
        call.allow = read_allow(written, self.report)
        call.layer = Definitions(self.resolver, self.scope).called(made, written)
        Binder(self.report, self.scope).bind(call, source, previous, key)
        if previous is not None and source is None and call.arguments:
            self.scope.unread.discard(previous.chain[0].name if previous.chain else previous.text)
        self.scope.called(call)
        self.scope.add(name, call, key)
        self.body.add(call)
        ref = Ref(name, key)
        ref.chain = (call,)
        return ref

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
