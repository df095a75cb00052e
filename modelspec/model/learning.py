"""The `data` and `train` sections: what a model learns from, and how."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from modelspec.catalog.training import Field, Training
from modelspec.catalog.words import Words, find
from modelspec.language.kinds import Float, Reported
from modelspec.language.word import Reject
from modelspec.model.reading import is_null, read_allow, read_number, read_word, unknown_key
from modelspec.model.spec import Data, Spec
from modelspec.source.tree import Entry, Mapping, Node, Scalar, Sequence

if TYPE_CHECKING:
    from modelspec.model.definitions import LayerWords

KEYS = ("train", "validation", "test", "fields", "allow")
NUMBER = re.compile(r"[-+]?[\d.]+(?:[eE][-+]?\d+)?\s*%?")
SHARE = Float("A share of `train`.", above=0, below=1)


def data(spec: Spec, tree: Mapping, words: LayerWords) -> None:
    node = tree.get("data")
    if node is None or is_null(node):
        return
    made = spec.data = Data(node.span)
    if not isinstance(node, Mapping):
        # A path, or a source, alone: it is what is trained on.
        made.train = source(words, node)
        return
    if node.get("type") is not None:
        made.train = source(words, node)
        return
    for entry in node.entries:
        key, value = entry.key.text, entry.value
        if key == "train":
            made.train = source(words, value)
        elif key == "test":
            made.test = source(words, value)
        elif key == "validation":
            made.validation_span = value.span
            if isinstance(value, Scalar) and NUMBER.fullmatch(value.text):
                made.validation = read_number(SHARE, value, "validation", words)
            else:
                made.validation = source(words, value)
        elif key == "fields":
            _fields(made, value, words)
        elif key == "allow":
            made.allow = read_allow(node, words.report)
        else:
            unknown_key(entry, KEYS, words.report, node)


def source(words: Words, node: Node) -> Any:
    """A source: a path, a list of paths, or `{type: ..., path: ...}`."""
    from modelspec.catalog.sources import format_of

    if isinstance(node, Mapping):
        return typed(words, node)

    items = node.items if isinstance(node, Sequence) else [node]
    paths = [i.value for i in items if isinstance(i, Scalar) and isinstance(i.value, str)]
    if len(paths) != len(items) or not items:
        other = next((i for i in items if not isinstance(getattr(i, "value", None), str)), node)
        words.report.error(
            "wrong-value", "a source is a path", other.span, "not a path",
            help="a path, such as rows.csv, a list of paths, or {type: Name, path: ...}",
        )  # fmt: skip
        return None
    # A bare name of a source means its defaults, as everywhere: `train: Digits`.
    if isinstance(node, Scalar) and find("sources", paths[0]) is not None:
        return read_word(words, "sources", node)
    try:
        kind = format_of(paths)
    except Reject as rejected:
        from modelspec.source.nearby import near

        folder = node.span.source.folder
        paths = [os.path.join(folder, path) for path in paths]
        meant = [line for path in paths if not os.path.exists(path) for line in near(path, folder)]
        words.report.error(
            "unknown-type", rejected.message, node.span, "unknown format",
            help=meant[:1] or rejected.help,
        )  # fmt: skip
        return None
    key = Scalar("type", "type", False, node.span)
    entries = [
        Entry(key, Scalar(kind, kind, False, node.span)),
        Entry(Scalar("path", "path", False, node.span), node),
    ]
    return read_word(words, "sources", Mapping(entries, node.span))


def typed(words: Words, node: Mapping) -> Any:
    """A source with its type and arguments."""
    path = node.get("path")
    if isinstance(path, Scalar) and node.get("type") is None:
        words.report.error(
            "missing-key", "a source is a path alone, or has a `type`", node.span, "no `type`",
            help=f"write {path.text}" + (" alone" if len(node) == 1 else ", or {type: CSV, ...}"),
        )  # fmt: skip
        return None
    return read_word(words, "sources", node)


def _fields(made: Data, node: Node, words: Words) -> None:
    if not isinstance(node, Mapping):
        words.report.error(
            "wrong-value",
            "`fields` is a mapping by input or output",
            node.span,
            "not a mapping",
            help="fields: {score: {column: points}}",
        )
        return
    for entry in node.entries:
        value = entry.value
        if isinstance(value, Scalar) and isinstance(value.value, str):
            key = Scalar("column", "column", False, value.span)
            value = Mapping([Entry(key, value)], value.span)
        if not isinstance(value, Mapping):
            words.report.error(
                "wrong-value", "a field is a mapping", value.span, "not a mapping",
                help=f"{entry.key.text}: " + ("{columns: [name, name]}" if isinstance(
                    value, Sequence) else "{column: name}"),
            )  # fmt: skip
            continue
        try:
            field: Any = words.bound(Field, value.entries, entry.key.span, value.span)
        except Reported:
            continue
        field.__dict__["name"] = entry.key.text
        field.__dict__["span"] = entry.key.span
        made.fields[entry.key.text] = field


# -- training ------------------------------------------------------------------------------


def training(spec: Spec, tree: Mapping, words: Words) -> None:
    node = tree.get("train")
    entries: list[Entry] = []
    if isinstance(node, Mapping):
        entries = node.entries
    elif node is not None and not is_null(node):
        words.report.error("wrong-value", "`train` is a mapping", node.span, "not a mapping")
        return
    span = tree.span if node is None else node.span
    spec.training_span = None if node is None else span
    try:
        spec.training = words.bound(Training, entries, span, span)
    except Reported:
        spec.training = None
        return
    sizes = [one.batch_size for one in spec.body.inputs if one.batch_size is not None]
    if sizes and "batch_size" not in spec.training.spans:
        spec.training.__dict__["batch_size"] = sizes[0]
