"""What an entry makes: a layer, a block's copy, a file's graph, a part of one, an inline graph."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from modelspec.catalog.words import Words, alike, find
from modelspec.language.dtypes import DTYPES_MEANT, FLOATS
from modelspec.language.kinds import Bool, Kind, Reported
from modelspec.language.layer import Layer
from modelspec.language.word import Word
from modelspec.model.callees import callee, reachable
from modelspec.model.modules import module
from modelspec.model.parts import cut
from modelspec.model.reach import MOST_NESTED
from modelspec.model.reading import no_kind, read_allow, read_value, unknown_key
from modelspec.model.scope import Block, Scope
from modelspec.model.spec import Definition
from modelspec.source.diagnostics import Label
from modelspec.source.fixes import respelled
from modelspec.source.suggest import did_you_mean
from modelspec.source.text import Span
from modelspec.source.tree import Entry, Mapping, Node, Scalar

if TYPE_CHECKING:
    from modelspec.model.resolve import Resolver

#: Keys of an entry that are the call's or the definition's, never arguments of the layer.
CALL_KEYS = ("from", "name", "repeat", "allow")
OWN_KEYS = ("weights", "trainable", "dtype")
KINDS = ("type", "use", "file", "part_of", "layers")
NAME = re.compile(r"[^\W\d]\w*")


class LayerWords(Words):
    """Words whose arguments may be layers: what a wrapper wraps is resolved in its scope."""

    def __init__(self, resolver: Resolver, scope: Scope, outer: Definition) -> None:
        super().__init__(resolver.report)
        self.resolver, self.scope, self.outer = resolver, scope, outer

    def beside(self, cls: type[Word]) -> tuple[str, ...]:
        call = (*CALL_KEYS, *OWN_KEYS) if issubclass(cls, Layer) else ()
        return call or super().beside(cls)

    def value_meant(self, key: str, kind: Kind[Any], node: Node) -> tuple[str, ...]:
        bare = node.text.strip("${}() ") if isinstance(node, Scalar) else ""
        named = NAME.findall(bare)
        if named and all(name in self.scope.params.declared for name in named):
            return (f'write "${{{bare}}}" for what the parameter holds',)
        return super().value_meant(key, kind, node)

    def entry(self, node: Node) -> Definition:
        written = self.resolver.as_entry(node, "layer")
        if written is None:
            raise Reported
        made = Definitions(self.resolver, self.scope).make(written, "layer", self.outer)
        if made is None or (made.layer is None and made.body is None):
            raise Reported
        again = anew(made) if written.get("use") is not None else ()
        for key in (*CALL_KEYS, *again):
            entry = written.entry(key)
            if entry is not None:
                self.report.error(
                    "unknown-key",
                    "a wrapped layer is called by its wrapper",
                    entry.key.span,
                    f"`{key}` does not belong here",
                )
        return made


def meant(dtype: Node) -> tuple[str, ...]:
    """A help line for a dtype that others call so: `fp16`."""
    text = dtype.text if isinstance(dtype, Scalar) else ""
    return did_you_mean(DTYPES_MEANT.get(text.lower(), text), FLOATS)


def anew(definition: Definition) -> tuple[str, ...]:
    """The arguments that every call of it may give anew."""
    return () if definition.layer is None else definition.layer.at_call


class Definitions:
    """Makes the definitions of one scope's entries."""

    def __init__(self, resolver: Resolver, scope: Scope) -> None:
        self.resolver, self.scope, self.report = resolver, scope, resolver.report

    def make(
        self, written: Mapping, name: str, owner: Definition | None, place: Span | None = None
    ) -> Definition | None:
        """The definition that an entry makes or, with `use:`, names; None after reporting."""
        kinds = [key for key in KINDS if written.get(key) is not None]
        if kinds == ["type", "layers"]:
            kinds = ["type"]  # a layer may have an argument of that name
        kind = written.entry(kinds[0]) if len(kinds) == 1 else None
        if kind is None:
            no_kind(written, kinds, KINDS, self.report)
            return None
        if kind.key.text == "use":
            return self.use(written, kind)
        above = owner.path if owner else ""
        path = f"{above}.{name}" if above else name
        definition = Definition(path, name, place or written.span, owner)
        if definition.depth > MOST_NESTED:
            self.too_deep(kind.value.span)
            return None
        self.settings(definition, written)
        if kind.key.text == "layers":
            self.resolver.graph(definition, written, self.scope, self.scope.params)
        elif not isinstance(kind.value, Scalar) or not isinstance(kind.value.value, str):
            self.report.error(
                "wrong-value", f"`{kind.key.text}` holds a name", kind.value.span, "not a name"
            )
        elif kind.key.text == "type":
            self.typed(definition, written, kind.value)
        elif kind.key.text == "file":
            self.only(written, ("file", *CALL_KEYS, *OWN_KEYS))
            self.resolver.file(definition, kind.value)
        else:
            self.only(written, ("part_of", "inputs", "outputs", *CALL_KEYS, *OWN_KEYS))
            cut(definition, written, kind.value, self.scope)
        if definition.height > MOST_NESTED:
            self.too_deep(kind.value.span)
            return None
        return definition

    def too_deep(self, span: Span) -> None:
        self.report.error(
            "too-deep",
            f"graphs stand in each other at most {MOST_NESTED} levels deep",
            span,
            "one level too many",
            help="what no graph needs to hold goes into the graph around it",
        )

    def only(self, written: Mapping, known: tuple[str, ...]) -> None:
        for entry in written.entries:
            if entry.key.text not in known:
                unknown_key(entry, known, self.report, written)

    def use(self, written: Mapping, kind: Entry) -> Definition | None:
        found = self.used(kind)
        if found is None:
            return None
        known = ("use", *CALL_KEYS, *anew(found))
        for entry in written.entries:
            key = entry.key.text
            if key not in known:
                self.report.error(
                    "unknown-key",
                    "`use` calls a layer as it is",
                    entry.key.span,
                    "this belongs where the layer is defined",
                    help=did_you_mean(key, known) or "",
                )
        return found

    def used(self, kind: Entry) -> Definition | None:
        """What a `use` names."""
        if not isinstance(kind.value, Scalar) or not isinstance(kind.value.value, str):
            self.report.error("wrong-value", "`use` holds a name", kind.value.span, "not a name")
            return None
        return callee(self.scope, kind.value.value, kind.value.span)

    def called(self, definition: Definition, written: Mapping) -> Layer | None:
        """The layer of a definition, with the arguments that this call of it gives anew."""
        layer = definition.layer
        if layer is None or written.get("use") is None:
            return layer
        entries = [entry for entry in written.entries if entry.key.text in layer.at_call]
        if not entries:
            return layer
        words = LayerWords(self.resolver, self.scope, definition)
        spans = dict(vars(layer).get("spans", {}))
        made = layer.of({**vars(layer), **words.given(type(layer), entries, spans)})
        made.__dict__["spans"] = spans
        return made

    def settings(self, definition: Definition, written: Mapping) -> None:
        """`trainable`, `weights` and `dtype`, which any definition may have."""
        definition.allow = read_allow(written, self.report)
        trainable = written.get("trainable")
        if trainable is not None:
            value = read_value(Bool(""), trainable, "trainable", self.report)
            definition.trainable = value is not False
        weights = written.get("weights")
        if weights is not None:
            if isinstance(weights, Scalar) and isinstance(weights.value, str):
                definition.weights = self.resolver.files.locate(weights.value, weights.span)
                definition.weights_span = weights.span
            else:
                self.wrong("`weights` is a run folder or a .safetensors file", weights)
        dtype = written.get("dtype")
        if dtype is not None:
            if isinstance(dtype, Scalar) and dtype.value in FLOATS:
                definition.dtype = str(dtype.value)
            else:
                self.wrong(f"a layer's `dtype` is one of {', '.join(FLOATS)}", dtype, meant(dtype))

    def wrong(self, rule: str, node: Node, help: tuple[str, ...] = ()) -> None:
        text = f"this is `{node.text}`" if isinstance(node, Scalar) else "this is not"
        self.report.error("wrong-value", rule, node.span, text, help=help)

    def typed(self, definition: Definition, written: Mapping, name: Scalar) -> None:
        """`type: Name`: a block of this scope, or a layer of the catalogue."""
        text = str(name.value)
        entries = [
            entry
            for entry in written.entries
            if entry.key.text != "type" and entry.key.text not in (*CALL_KEYS, *OWN_KEYS)
        ]
        block = self.scope.block(text)
        if block is not None:
            self.block(definition, block, entries, name)
            return
        words = LayerWords(self.resolver, self.scope, definition)
        try:
            if text.startswith("torch.nn.") or text == "python":
                definition.layer = module(text, entries, name, words, self.resolver.trust)
                return
            cls = find("layers", text)
            if cls is None:
                self.unknown_type(text, name)
            else:
                bound: Any = words.bound(cls, entries, name.span, written.span)
                self.own_layers(definition, bound)
                definition.layer = bound
        except Reported:
            return

    def own_layers(self, definition: Definition, layer: Any) -> None:
        """Refuse `{use: ...}` where a wrapper makes weights of its own for the layer inside."""
        if getattr(layer, "wraps", False):
            return
        for key in type(layer).arguments:
            inside = vars(layer)[key]
            if isinstance(inside, Definition) and inside.parent is not definition:
                self.report.error(
                    "rejected-argument",
                    f"the layer inside `{layer.title()}` has weights of its own",
                    layer.spans[key],
                    "this calls one that exists",
                    help="write the layer here: {type: ...}",
                )
                raise Reported

    def unknown_type(self, text: str, name: Scalar) -> None:
        from modelspec.catalog.refused import refused

        known = refused("layers", text)
        if known is not None:
            self.report.error(
                "unknown-type",
                f"`{text}` is Keras's, and no layer here",
                name.span,
                known.reason,
                help=f"use {known.use}",
            )
            return
        from modelspec.catalog.legacy import same, theirs, word_meant

        here = text in reachable(self.scope)
        near = [*(same(text) or alike(text, "layers")), *self.scope.block_names()]
        self.report.error(
            "unknown-type",
            f"no layer or block is called `{text}`",
            name.span,
            "unknown",
            help=f"`{text}` is a layer that there is: write {{use: {text}}}"
            if here
            else word_meant("layers", text, near) or "`modelspec layers` lists them all",
            fix=None if here or theirs("layers", text) else respelled(text, name.span, near),
        )

    def block(
        self, definition: Definition, block: Block, entries: list[Entry], name: Scalar
    ) -> None:
        """A copy of a block, with weights of its own and these parameters."""
        node = block.node
        assert isinstance(node, Mapping)
        section = node.get("params")
        known = section if isinstance(section, Mapping) else Mapping([], node.span)
        given: dict[str, Node] = {}
        words = [*known.keys(), *CALL_KEYS, *OWN_KEYS]
        taken = [entry.key.text for entry in entries]
        for key, entry in zip(taken, entries, strict=True):
            if key in known:
                given[key] = entry.value
            else:
                listed = ", ".join(f"`{one}`" for one in known.keys()[:12])
                self.report.error(
                    "unknown-argument",
                    f"the block `{block.name}` has no parameter `{key}`",
                    entry.key.span,
                    "unknown",
                    also=[(block.span, f"`{block.name}` is defined here")],
                    help=did_you_mean(key, words)
                    or (f"it has {listed}" if known else "it has no `params`"),
                    fix=respelled(key, entry.key.span, words, taken),
                )
        definition.block = block.name
        params = block.params.declare(section, given)
        misled = len(given) < len(entries)
        with self.resolver.inside(f"block `{block.name}`", name.span, block) as entered:
            if entered:
                before = len(self.report.errors)
                self.resolver.graph(definition, node, block.scope, params)
                for error in self.report.errors[before:]:
                    if error.span is not None and "${" in error.span.text:
                        # The value came from this use of the block.
                        error.also += (Label(name.span, f"in this use of `{block.name}`"),)
        if misled:
            definition.body = None  # what else it gets wrong may come from that
