"""The kinds of arguments: what may stand there, read from the tree into a plain value."""

from __future__ import annotations

from modelspec.language.compound import (
    Anything,
    Dims,
    Either,
    Entry,
    ListOf,
    Named,
    Sizes,
    Table,
    activation,
    constraint,
    initializer,
    regularizer,
)
from modelspec.language.texts import Choice, Path, Text
from modelspec.language.values import (
    REQUIRED,
    Bool,
    Float,
    Int,
    Kind,
    Mismatch,
    Number,
    Reader,
    Reported,
    fact,
)

__all__ = [
    "REQUIRED", "Anything", "Bool", "Choice", "Dims", "Either", "Entry", "Float", "Int", "Kind",
    "ListOf", "Mismatch", "Named", "Number", "Path", "Reader", "Reported", "Sizes", "Table",
    "Text", "activation", "constraint", "fact", "initializer", "regularizer",
]  # fmt: skip
