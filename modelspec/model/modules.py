"""Layers that are torch modules: a class under torch.nn, or one of the user's own."""

from __future__ import annotations

from typing import Any

from modelspec.catalog.words import Words
from modelspec.language.kinds import Reported
from modelspec.language.word import Reject
from modelspec.source.tree import Entry, Scalar, to_plain


def module(text: str, entries: list[Entry], name: Scalar, words: Words, trust: bool) -> Any:
    """The layer of `type: torch.nn.Name`, or with `--trust-code` of `type: python`.

    Raises Reported after saying what is wrong with it. Nothing is imported.
    """
    from modelspec.catalog.layers import foreign

    if text == "python":
        if not trust:
            words.report.error(
                "needs-trust",
                "`type: python` runs code of your own",
                name.span,
                "not trusted",
                help="`--trust-code` allows it; nothing has been imported",
            )
            raise Reported
        return words.bound(foreign.PythonModule, entries, name.span, name.span)
    arguments = {entry.key.text: to_plain(entry.value) for entry in entries}
    layer = foreign.TorchModule.of({"class_": text, "args": arguments})
    spans = {entry.key.text: entry.value.span for entry in entries}
    layer.__dict__["spans"] = {"type": name.span, **spans}
    try:
        layer.check()
    except Reject as rejected:
        words.rejected(rejected, layer.__dict__["spans"], name.span)
        raise Reported from None
    return layer
