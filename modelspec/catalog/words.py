"""Finding a word by name, and reading its arguments through their kinds."""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from modelspec.catalog.index import ALIASES, INDEX
from modelspec.language.kinds import REQUIRED, Kind, Mismatch, Reported
from modelspec.language.word import Reject, Word
from modelspec.source.diagnostics import Edit, Report
from modelspec.source.fixes import respelled
from modelspec.source.text import Source, Span
from modelspec.source.tree import Entry, Mapping, Scalar, from_plain

if TYPE_CHECKING:
    from modelspec.source.tree import Node

_tables: dict[str, dict[str, tuple[str, str]]] = {}


def snake(name: str) -> str:
    """The snake-case form of a class name, as Keras makes it: `MaxPooling2D` -> `max_pooling2d`."""
    name = re.sub(r"([^.])([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def _table(group: str) -> dict[str, tuple[str, str]]:
    """Every spelling of a group's words -> (module, own name)."""
    if group not in _tables:
        homes = {name: module for module, names in INDEX[group].items() for name in names}
        table = {name: (module, name) for name, module in homes.items()}
        for name, module in homes.items():
            table.setdefault(snake(name), (module, name))
        for spelling, name in ALIASES.get(group, {}).items():
            table[spelling] = (homes[name], name)
        _tables[group] = table
    return _tables[group]


def names(group: str) -> list[str]:
    """The words of a group, by their own names, in the catalogue's order."""
    return [name for listed in INDEX[group].values() for name in listed]


def spellings(group: str) -> list[str]:
    """Every name that finds a word of the group."""
    return list(_table(group))


def alike(text: str, group: str) -> list[str]:
    """A group's spellings of the style that a text is written in: class names, or snake case."""
    return _styled(group, _is_class(text))


@cache
def _styled(group: str, classes: bool) -> list[str]:
    if classes:
        return [name for name in _table(group) if _is_class(name)]
    return list(_small(group).values())


def usual(group: str) -> list[str]:
    """The words of a group as people write them: in small letters where that can be read."""
    return [_small(group)[snake(name).replace("_", "")] for name in names(group)]


@cache
def _small(group: str) -> dict[str, str]:
    """The spellings in small letters: of `rmsprop` and `rm_sprop` the shorter; no `io_u`."""
    found = {}
    for spelling, (_, own) in sorted(_table(group).items(), key=lambda one: -len(one[0])):
        if not _is_class(spelling):
            odd = re.search(r"_[a-z]$", spelling) is not None
            found[spelling.replace("_", "")] = own if odd else spelling
    return found


def _is_class(name: str) -> bool:
    return name.partition("(")[0].rpartition(".")[2][:1].isupper()


def find(group: str, name: str) -> type[Word] | None:
    """The declaration of a word, by class name, snake-case form or alias."""
    known = _found.get((group, name))
    if known is not None:
        return known
    home = _table(group).get(name)
    if home is None:
        return None
    module = import_module(f"modelspec.catalog.{home[0]}")
    found: type[Word] = vars(module)[home[1].rpartition(".")[2]]  # `ops.Mean`: the class Mean
    _found[group, name] = found
    return found


#: What `find` has found: a spec of thousands of layers asks for few words.
_found: dict[tuple[str, str], type[Word]] = {}


class Words:
    """Reads words from the tree, and reports what is wrong with them."""

    def __init__(self, report: Report) -> None:
        self.report = report

    def entry(self, node: Node) -> Any:
        """Layers inside layers: the resolver knows those (it overrides this)."""
        self.report.error("wrong-value", "a layer cannot stand here", node.span)
        raise Reported

    def word(self, group: str, node: Node) -> Word:
        """The word written at `node`: a bare name, or `{type: Name, argument: value}`."""
        if isinstance(node, Scalar):
            if not isinstance(node.value, str):
                raise Mismatch(f"this is {node.text}", node)
            return self.called(group, node, (), node)
        if not isinstance(node, Mapping):
            raise Mismatch("this is a list", node)
        name = node.get("type")
        if not isinstance(name, Scalar) or not isinstance(name.value, str):
            self.no_type(group, node)
            raise Reported
        return self.called(group, name, [e for e in node.entries if e.key.text != "type"], node)

    def no_type(self, group: str, node: Mapping) -> None:
        from modelspec.catalog.legacy import type_meant

        self.report.error(
            "missing-key",
            f"one of the {group} is written as a name or as `{{type: Name, ...}}`",
            node.span,
            "this has no `type`",
            help=type_meant(group, node),
        )

    def called(
        self, group: str, name: Scalar, entries: list[Entry] | tuple[()], place: Node
    ) -> Word:
        """The word of that name with those arguments."""
        cls = find(group, str(name.value))
        if cls is None:
            self.unknown(group, name)
            raise Reported
        return self.bound(cls, entries, name.span, place.span)

    def unknown(self, group: str, name: Scalar) -> None:
        from modelspec.catalog.refused import refused

        known = refused(group, str(name.value))
        if known is not None:
            self.report.error(
                "unknown-type",
                f"`{name.value}` is Keras's, and none of the {group} here",
                name.span,
                known.reason,
                help=f"use {known.use}",
            )
            return
        from modelspec.catalog.legacy import theirs, word_meant

        text = str(name.value)
        near = alike(text, group)
        self.report.error(
            "unknown-type",
            f"none of the {group} is called `{text}`",
            name.span,
            "unknown",
            help=word_meant(group, text, near) or f"`modelspec layers --group {group}` lists them",
            fix=None if theirs(group, text) else respelled(text, name.span, near),
        )

    def bound(
        self, cls: type[Word], entries: list[Entry] | tuple[()], name: Span, place: Span
    ) -> Word:
        """The word with its arguments read and checked; raises Reported after saying why not."""
        spans: dict[str, Span] = {}
        values = self.given(cls, entries, spans)
        failed = len(values) < len(spans) or any(e.key.text not in spans for e in entries)
        for key, kind in cls.arguments.items():
            if key in spans:
                continue
            if kind.default is not REQUIRED:
                values[key] = self.default(cls, key)
            elif not failed:
                # A misspelt argument is one fault, not two.
                self.missing_argument(cls, key, name)
                failed = True
        if failed:
            raise Reported
        word = cls.of(values)
        word.__dict__ |= {"spans": spans, "span": place}
        try:
            word.check()
        except Reject as rejected:
            self.rejected(rejected, spans, name)
            raise Reported from None
        return word

    def given(
        self, cls: type[Word], entries: list[Entry] | tuple[()], spans: dict[str, Span]
    ) -> dict[str, Any]:
        """The arguments that are written and right; `spans` gets the places of all known ones."""
        values: dict[str, Any] = {}
        known = [entry for entry in entries if entry.key.text in cls.arguments]
        if len(known) < len(entries):
            for entry in entries:
                if entry.key.text not in cls.arguments:
                    self.unknown_argument(cls, entry, entries)
        for entry in known:
            key = entry.key.text
            kind = cls.arguments[key]
            spans[key] = entry.value.span
            try:
                values[key] = kind.read(entry.value, self, cls)
            except Mismatch as wrong:
                self.report.error(
                    "wrong-value",
                    f"`{key}` of {cls.called()} is {kind.describe()}",
                    wrong.node.span,
                    wrong.fact,
                    help=wrong.help or self.value_meant(key, kind, wrong.node),
                    fix=None if wrong.meant is None else Edit(wrong.node.span, wrong.meant),
                )
            except Reported:
                pass
        return values

    def value_meant(self, key: str, kind: Kind[Any], node: Node) -> tuple[str, ...]:
        from modelspec.catalog.legacy import value_meant

        return value_meant(key, kind, node)

    def beside(self, cls: type[Word]) -> tuple[str, ...]:
        """The keys that may stand beside a word's arguments."""
        return {"losses": ("loss_weight",), "metrics": ("name",)}.get(cls.group, ())

    def default(self, cls: type[Word], key: str) -> Any:
        """The value of an argument that was left out, read as if it had been written."""
        kind = cls.arguments[key]
        if kind.default is None:
            return None
        cached = kind.__dict__.setdefault("_defaults", {})
        if cls not in cached:
            cached[cls] = kind.read(from_plain(kind.default, NOWHERE), self, cls)
        return cached[cls]

    def rejected(self, rejected: Reject, spans: dict[str, Span], name: Span) -> None:
        self.report.error(
            "rejected-argument",
            rejected.message,
            spans.get(rejected.argument, name),
            f"`{rejected.argument}`" if rejected.argument else "",
            help=rejected.help,
        )

    def unknown_argument(
        self, cls: type[Word], entry: Entry, entries: list[Entry] | tuple[()]
    ) -> None:
        from modelspec.catalog.legacy import argument_meant, comma_meant

        known = [*cls.arguments, *self.beside(cls)]
        inside = self.inside(entry, entries)
        near = inside or argument_meant(entry.key.text, known)
        listed = ", ".join(f"`{k}`" for k in cls.arguments)
        self.report.error(
            "unknown-argument",
            f"{cls.called()} has no argument `{entry.key.text}`",
            entry.key.span,
            "unknown",
            help=comma_meant(entry)
            or near
            or (f"it takes {listed}" if listed else "it takes no arguments"),
            fix=None
            if inside
            else respelled(
                entry.key.text, entry.key.span, known, {one.key.text for one in entries}
            ),
        )

    def inside(self, entry: Entry, entries: list[Entry] | tuple[()]) -> tuple[str, ...]:
        """Help for an argument that stands beside the layer inside, which takes it. That the layer
        then lacks it is no further fault.
        """
        for one in entries:
            name = one.value.get("type") if isinstance(one.value, Mapping) else one.value
            if not isinstance(name, Scalar) or one.key.text not in ("layer", "cell"):
                continue
            cls = find("layers", name.text)
            if cls is not None and entry.key.text in cls.arguments:
                self.report.spoilt.add(name.span)
                mend = f"{one.key.text}: {{type: {name.text}, {entry.key.text}: ...}}"
                return (f"it belongs to the layer inside: {mend}",)
        return ()

    def missing_argument(self, cls: type[Word], key: str, name: Span) -> None:
        kind = cls.arguments[key]
        self.report.error(
            "missing-argument",
            f"{cls.called()} needs `{key}`",
            name,
            f"`{key}` is missing",
            help=f"{key}: {kind.noun()}. {kind.doc}",
        )


NOWHERE = Span(Source("<default>", ""), 1, 1, 1, 1)


def bind(group: str, plain: Any) -> Any:
    """A word from plain Python data, `bind("losses", {"type": "Huber", "delta": 2})`.

    Raises `Rejected` with every fault found.
    """
    report = Report()
    place = Span(Source("<python>", ""), 1, 1, 1, 1)
    try:
        return Words(report).word(group, from_plain(plain, place))
    except Mismatch as wrong:
        report.error("wrong-value", wrong.fact, wrong.node.span)
    except Reported:
        pass
    report.raise_if_errors()
    raise AssertionError("a fault was found and not reported")
