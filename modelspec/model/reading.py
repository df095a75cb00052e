"""Small readings that several sections share, with their messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from modelspec.catalog.words import Words
from modelspec.language.kinds import Float, Kind, Mismatch, Reported
from modelspec.source import tree
from modelspec.source.codes import CODES
from modelspec.source.diagnostics import Edit, Report
from modelspec.source.fixes import respelled
from modelspec.source.suggest import did_you_mean
from modelspec.source.tree import Entry, Mapping, Node, Scalar

T = TypeVar("T")


def read_word(words: Words, group: str, node: Node) -> Any:
    """The word at `node`, or None after reporting."""
    try:
        return words.word(group, node)
    except Mismatch as wrong:
        words.report.error(
            "wrong-value",
            f"one of the {group} is a name, or {{type: Name, argument: value}}",
            wrong.node.span,
            wrong.fact,
            help=wrong.help,
        )
    except Reported:
        pass
    return None


def read_number(kind: Float, node: Node, key: str, words: Words) -> float | None:
    return read_value(kind, node, key, words.report)


def read_value(kind: Kind[T], node: Node, key: str, report: Report) -> T | None:
    """The value of a key that is no argument of a word, or None after reporting."""
    try:
        return kind.value(node, None, None)  # type: ignore[arg-type]
    except Mismatch as wrong:
        report.error(
            "wrong-value",
            f"`{key}` is {kind.noun()}",
            wrong.node.span,
            wrong.fact,
            help=wrong.help,
            fix=None if wrong.meant is None else Edit(wrong.node.span, wrong.meant),
        )
        return None


def is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.is_null


def sections_of(node: Mapping, known: Sequence[str], report: Report) -> Mapping:
    """The mapping with its unknown keys reported.

    A misspelt one is read as what it was meant to be: what refers to it is no further fault.
    """
    from modelspec.catalog.legacy import key_meant

    kept: list[Entry] = []
    outside: list[Entry] = []
    for entry in node.entries:
        key = entry.key.text
        if key in known:
            kept.append(entry)
            outside = []
            continue
        if kept and (outside or is_null(kept[-1].value)) and is_layout(kept[-1], entry):
            outside.append(entry)
            if len(outside) == 1:
                not_indented(entry, kept[-1], report)
                kept[-1] = Entry(kept[-1].key, Mapping(outside, entry.span))
            continue
        unknown_key(entry, known, report, node)
        meant = next((one for one in key_meant(key, known) if one not in node), None)
        if meant is not None:
            kept.append(Entry(Scalar(meant, meant, False, entry.key.span), entry.value))
    return Mapping(kept, node.span)


def is_layout(section: Entry, entry: Entry) -> bool:
    """Whether an entry begins in the column of a section above it."""
    above, below = section.key.span, entry.key.span
    return above.column == below.column and above.line < below.line


def not_indented(entry: Entry, section: Entry, report: Report) -> None:
    """Report what stands beside the empty section that it belongs to."""
    report.error(
        "bad-indent",
        f"what belongs to `{section.key.text}` is indented below it",
        entry.key.span,
        "this stands beside it",
        also=[(section.key.span, "and this is empty")],
        help=f"put two spaces before `{entry.key.text}`, and what follows it",
    )


def unknown_key(entry: Entry, known: Sequence[str], report: Report, within: Mapping) -> None:
    """Report a key that does not exist where the mapping `within` stands."""
    from modelspec.catalog.legacy import argument_meant

    report.error(
        "unknown-key",
        f"there is no key `{entry.key.text}` here",
        entry.key.span,
        "unknown",
        help=argument_meant(entry.key.text, known)
        or "the keys here: " + ", ".join(f"`{key}`" for key in known),
        fix=respelled(entry.key.text, entry.key.span, known, within),
    )


def no_kind(written: Mapping, kinds: list[str], known: Sequence[str], report: Report) -> None:
    """Report an entry that says with none of the keys what it makes, or with several."""
    if len(kinds) > 1:
        report.error(
            "wrong-value",
            "an entry makes one thing",
            written.span,
            "this has " + " and ".join(f"`{kind}`" for kind in kinds),
            help="keep one of them",
        )
        return
    from modelspec.catalog.legacy import type_meant

    rule = "an entry has a `type` (or `use`, `file`, `part_of`, `layers`)"
    meant = type_meant("layers", written)
    for entry in written.entries:
        text, span = entry.key.text, entry.key.span
        near = did_you_mean(text, known)
        # `layer: Dense` stands for `type: Dense`, not for `layers`.
        if near and (near == did_you_mean("type", known) or not meant):
            fix = respelled(text, span, known)
            report.error("unknown-key", rule, span, "unknown", help=near, fix=fix)
            return
    report.error(
        "missing-key",
        rule,
        written.span,
        "this has none",
        help=meant or "say what it is: {type: Dense, ...}, or what it calls: {use: name, ...}",
    )


def read_allow(written: Mapping, report: Report) -> tuple[str, ...]:
    """The codes of the warnings that an entry or an output silences with `allow:`."""
    node = written.get("allow")
    if node is None:
        return ()
    found = []
    for item in node.items if isinstance(node, tree.Sequence) else [node]:
        if isinstance(item, Scalar) and item.value in CODES:
            found.append(str(item.value))
            continue
        text = item.text if isinstance(item, Scalar) else ""
        report.error(
            "wrong-value",
            "`allow` names codes of warnings",
            item.span,
            f"there is no code `{text}`" if text else "not a code",
            help=did_you_mean(text, list(CODES)) or "`modelspec explain` lists them",
            fix=respelled(text, item.span, CODES) if text else None,
        )
    return tuple(found)
