"""From a source's word to its rows. A further format is a class of rows, and a line in OPENERS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from modelspec.catalog import sources as words
from modelspec.catalog.words import bind
from modelspec.engine.data.arrays import open_npy, open_npz
from modelspec.engine.data.delimited import DelimitedRows, open_delimited
from modelspec.engine.data.images import ImageRows, holds_images
from modelspec.engine.data.jsonl import JsonRows
from modelspec.engine.data.packaged import Synthetic, open_digit_pairs, open_digits
from modelspec.engine.data.paths import files
from modelspec.engine.data.rows import Arrays, Joined, Rows
from modelspec.engine.data.tables import open_arrow, open_parquet
from modelspec.engine.data.wanted import Wanted, fault, refuse
from modelspec.language.shapes import show
from modelspec.language.word import Reject
from modelspec.source.diagnostics import Diagnostic, Rejected
from modelspec.source.suggest import did_you_mean

Opener = Callable[[Any, list[str]], Sequence[Rows]]


def open_folders(paths: list[str], needed: list[str]) -> Sequence[Rows]:
    """Folders of arrays, or of images where they hold those instead."""
    if all(map(holds_images, paths)):
        return [ImageRows(bind("sources", {"type": "Images", "path": paths}), paths)]
    return open_npy(paths, needed)


OPENERS: dict[type, Opener] = {
    words.NPZ: lambda word, needed: [open_npz(path, needed) for path in files(word)],
    words.NPY: lambda word, needed: open_folders(files(word), needed),
    words.CSV: lambda word, needed: [open_delimited(word, path) for path in files(word)],
    words.TSV: lambda word, needed: [open_delimited(word, path) for path in files(word)],
    words.JSONL: lambda word, needed: [JsonRows(path) for path in files(word)],
    words.Parquet: lambda word, needed: [open_parquet(path) for path in files(word)],
    words.Arrow: lambda word, needed: [open_arrow(path) for path in files(word)],
    words.Images: lambda word, needed: [ImageRows(word, files(word))],
    words.Digits: lambda word, needed: [open_digits()],
    words.DigitPairs: lambda word, needed: [open_digit_pairs()],
}


def source_at(paths: str | list[str]) -> Any:
    """The source at a path, by its ending; raises Rejected where the ending is unknown."""
    listed = [paths] if isinstance(paths, str) else paths
    try:
        return bind("sources", {"type": words.format_of(listed), "path": listed})
    except Reject as unknown:
        refuse("wrong-value", unknown.message, help=[unknown.help])


def open_source(word: Any, wanted: list[Wanted], seed: int = 0) -> Rows:
    """The rows of a source, which hold all columns that are wanted; raises Rejected."""
    if isinstance(word, words.Synthetic):
        return Synthetic(word, wanted, seed)
    needed = list(dict.fromkeys(column for one in wanted for column in one.columns))
    parts: list[Rows] = list(OPENERS[type(word)](word, needed))
    faults = [bad for part in parts for bad in missing(part, wanted)]
    if faults:
        raise Rejected(faults)
    parts = [part for part in parts if len(part)]
    if not parts:
        span = getattr(word, "spans", {}).get("path")
        refuse("no-samples", "a source holds at least one sample", span, "this holds none")
    return parts[0] if len(parts) == 1 else joined(parts)


def joined(parts: list[Rows]) -> Rows:
    """The parts one after the other; raises Rejected where their arrays do not fit together."""
    first = parts[0]
    for part in parts[1:]:
        if isinstance(first, Arrays) and isinstance(part, Arrays):
            refuse_unlike(first, part)
    return Joined(parts)


def refuse_unlike(first: Arrays, part: Arrays) -> None:
    for name, array in part.arrays.items():
        other = first.arrays[name]
        if (array.shape[1:], array.dtype.kind) != (other.shape[1:], other.dtype.kind):
            refuse(
                "wrong-samples",
                "the files of one source have arrays of the same shape and kind",
                notes=[
                    f"{rows.name}, `{name}`: {show(values.shape[1:])} of {values.dtype}"
                    for rows, values in ((first, other), (part, array))
                ],
            )


def missing(rows: Rows, wanted: list[Wanted]) -> list[Diagnostic]:
    """A fault for each wanted column that is not there."""
    if not rows.columns:
        return [
            fault(
                "no-samples", "a source holds columns, or arrays", notes=[f"{rows.name} is empty"]
            )
        ]
    known = ", ".join(f"`{column}`" for column in rows.columns)
    misread = rows.misread() if isinstance(rows, DelimitedRows) else ""
    found = [
        fault(
            "missing-column",
            f"`{one.name}` is fed by the column `{column}`",
            one.span,
            "there is no such column",
            notes=[f"{rows.name} has {known}"],
            help=[misread] if misread else meant(one, column, rows.columns),
        )
        for one in wanted
        for column in one.columns
        if column not in rows.columns and not optional(one)
    ]
    return found[:1] if misread else found


def meant(one: Wanted, column: str, known: tuple[str, ...]) -> Sequence[str]:
    """What to do where a column is missing."""
    key = "columns: [...]" if len(one.columns) > 1 else "column: ..."
    say = f"say which column it is: `fields: {{{one.name}: {{{key}}}}}`"
    return did_you_mean(column, known) or (say,)


def optional(wanted: Wanted) -> bool:
    return wanted.role == "weight" and wanted.field is None


def present(rows: Rows, wanted: list[Wanted]) -> list[Wanted]:
    """What is wanted and there: all but weights that nobody asked for."""
    return [one for one in wanted if not optional(one) or one.name in rows.columns]
