"""One tensor of a batch: which columns feed it, through which encoder, to which shape and dtype."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
import torch

from modelspec.engine.data import cells
from modelspec.engine.data.encoders import Encoder, State, fresh, restored
from modelspec.engine.data.images import ImageRows
from modelspec.engine.data.rows import Array, Indices, Rows
from modelspec.engine.data.wanted import BadCell, Wanted, refuse
from modelspec.engine.data.words import WordEncoder
from modelspec.language import dtypes
from modelspec.language.shapes import show, show_dim
from modelspec.source.diagnostics import Diagnostic, Rejected

#: How cells are read for a feed that takes these.
READERS = {"numbers": cells.numbers, "classes": cells.classes, "texts": cells.strings}


class Feed:
    """A wanted tensor with its encoder, which is None where the numbers are taken as they are."""

    def __init__(self, wanted: Wanted, encoder: Encoder | None) -> None:
        self.wanted, self.encoder = wanted, encoder

    @property
    def reads(self) -> str:
        """What the columns hold for it: `numbers`, `classes` or `texts`."""
        if self.wanted.dtype == "string":
            return "texts"
        return "numbers" if self.encoder is None else self.encoder.reads

    def learn(self, rows: Rows, indices: Indices, taken: dict[str, Array]) -> None:
        """Shows rows of train to the encoder; raises Rejected."""
        assert self.encoder is not None
        try:
            self.encoder.see(self.raw(rows, indices, taken))
        except BadCell as bad:
            self.refuse(bad, rows, indices, ", ".join(self.wanted.columns))

    def raw(self, rows: Rows, indices: Indices, taken: dict[str, Array]) -> Array:
        """The columns' values before encoding (batch, ...), never empty; side by side."""
        values = self.beside(rows, indices, taken)
        if not values.size:
            fact = f"{self.where()}: {show(values.shape[1:])}"
            self.refuse_shape("a sample holds at least one value", rows, fact)
        return values

    def beside(self, rows: Any, indices: Indices, taken: dict[str, Array]) -> Array:
        read = READERS[self.reads]
        parts = []
        for column in self.wanted.columns:
            if isinstance(rows, ImageRows) and column == "label" and self.reads == "numbers":
                parts.append(rows.places(indices))
                continue
            try:
                parts.append(read(taken[column]))
            except BadCell as bad:
                self.refuse(bad, rows, indices, column)
        if self.wanted.field is None or not self.wanted.field.columns:
            return parts[0]
        wide = [part[:, None] if part.ndim == 1 else part for part in parts]
        try:
            return np.concatenate(wide, axis=-1)  # (batch, ..., columns)
        except ValueError:
            shapes = ", ".join(f"`{c}` {show(p.shape[1:])}" for c, p in
                               zip(self.wanted.columns, parts, strict=True))  # fmt: skip
            self.refuse_shape("columns that stand side by side have one shape", rows, shapes)

    def values(self, rows: Rows, indices: Indices, taken: dict[str, Array]) -> Any:
        """The tensor (batch, ...) of the wanted shape and dtype; texts are an array of Python's
        strings. Raises Rejected.
        """
        if self.wanted.dtype == "string" and self.encoder is not None:
            fact = f"{self.where()}: encoded as numbers"
            self.refuse_shape(f"`{self.wanted.name}` takes texts", rows, fact, "leave out `encode`")
        values = self.raw(rows, indices, taken)
        try:
            encoded = values if self.encoder is None else self.encoder.apply(values)
            whole = as_dtype(self.fitted(encoded, rows), self.wanted)
        except BadCell as bad:
            self.refuse(bad, rows, indices, ", ".join(self.wanted.columns))
        return whole

    def fitted(self, values: Array, rows: Rows) -> Array:
        """The values in the wanted shape: a flat column fits (1,), a column of width 1 fits ()."""
        wanted, given = self.wanted.shape, values.shape[1:]
        if fits(given, wanted):
            return values
        if given == () and len(wanted) == 1 and wanted[0] in (1, None):
            return values[:, None]
        if given == (1,) and wanted == ():
            return values[:, 0]
        encoded = " once encoded" if self.encoder else ""
        fact = f"{self.where()}: {show(given)}{encoded}"
        rule = f"`{self.wanted.name}` takes {show(wanted)}"
        return self.refuse_shape(rule, rows, fact, shape_help(given, wanted))

    def where(self) -> str:
        columns = self.wanted.columns
        return ("columns " if len(columns) > 1 else "column ") + ", ".join(
            f"`{column}`" for column in columns
        )

    def refuse_shape(self, rule: str, rows: Rows, fact: str, help: str = "") -> NoReturn:
        notes = [f"{rows.name}, {fact}"]
        refuse("wrong-samples", rule, self.wanted.span, self.wanted.label, notes=notes, help=[help])

    def refuse(self, bad: BadCell, rows: Rows, indices: Indices, column: str) -> NoReturn:
        place = rows.place(int(indices[bad.position]))
        refuse(
            bad.code,
            f"`{self.wanted.name}` takes {self.noun(bad.code)}",
            self.wanted.span,
            self.wanted.label,
            notes=[f"{place}, column `{column}`: {bad.fact}"],
            help=[bad.help],
        )

    def noun(self, code: str) -> str:
        if code == "ragged-row":
            return "values of one shape"
        if code == "wrong-samples":
            return "as many values as its encoder learnt from"
        if code == "unseen-class":
            return "the classes that its encoder knows"
        if self.reads == "classes":
            return "a class in every row"
        if self.reads == "texts":
            return "texts"
        return "whole numbers" if dtypes.is_integer(self.wanted.dtype) else "numbers"


def feed_of(wanted: Wanted, encoders: dict[str, State] | None) -> Feed:
    """A wanted tensor with its encoder: a fresh one where `encoders`, what they learnt, is None."""
    if wanted.encode is None:
        return Feed(wanted, None)
    if encoders is not None and wanted.name in encoders:
        encoder = restored(wanted.encode, encoders[wanted.name])
    elif encoders is None or wanted.encode.__dict__.get("classes") is not None:
        encoder = fresh(wanted.encode)
    else:
        refuse(
            "not-adapted",
            f"{wanted.encode.called()} learns from the training data before it is used",
            wanted.span,
            f"the run knows nothing that it learnt for `{wanted.name}`",
            help=["`modelspec train` lets it learn, and keeps what it learnt with the run"],
        )
    if isinstance(encoder, WordEncoder):
        encoder.fit(wanted.shape)
    return Feed(wanted, encoder)


def fits(given: tuple[int, ...], wanted: tuple[int | str | None, ...]) -> bool:
    return len(given) == len(wanted) and all(
        not isinstance(w, int) or w == g for g, w in zip(given, wanted, strict=True)
    )


def shape_help(given: tuple[int, ...], wanted: tuple[int | str | None, ...]) -> str:
    if (*given, 1) == wanted:
        reshape = f"{{type: Reshape, target_shape: {list(wanted)}}}"
        return f"declare the input as {list(given)} and insert {reshape}"
    if given == () and len(wanted) == 1:
        beside = f"`columns: [...]` puts {show_dim(wanted[0])} columns side by side"
        return f"{beside}; `encode: OneHot` makes a vector of a class"
    return ""


def as_dtype(values: Array, wanted: Wanted) -> Any:
    """The values as a tensor (texts as they are); raises BadCell where an integer would lose
    something, or is none that the model can look up.
    """
    dtype = wanted.dtype
    if dtype == "string":
        return values
    if dtypes.is_float(dtype):
        return as_float(values, wanted)
    if values.dtype.kind == "f" and not (values == np.rint(values)).all():
        at = np.argwhere(values != np.rint(values))[0]
        raise BadCell("bad-cell", int(at[0]), f"`{values[tuple(at)]:g}` is not a whole number")
    limits = (0, 1) if dtype == "bool" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    if values.size and not (limits[0] <= values.min() and values.max() <= limits[1]):
        at = np.argwhere((values < limits[0]) | (values > limits[1]))[0]
        fact = f"`{values[tuple(at)]:g}` does not fit {dtype}"
        raise BadCell("bad-cell", int(at[0]), fact)
    if wanted.below is not None and values.size:
        refuse_strangers(values, wanted, wanted.below)
    return torch.from_numpy(np.ascontiguousarray(values, dtype))


def as_float(values: Array, wanted: Wanted) -> Any:
    """The values as a tensor of the float dtype that is wanted."""
    narrow = np.float64 if wanted.dtype == "float64" else np.float32
    with np.errstate(over="ignore"):
        made = np.ascontiguousarray(values, narrow)
    if values.dtype.itemsize > made.dtype.itemsize and not np.isfinite(made).all():
        at = np.argwhere(np.isfinite(values) & ~np.isfinite(made))
        if len(at):
            fact = f"`{values[tuple(at[0])]:g}` does not fit {narrow.__name__}"
            raise BadCell("bad-cell", int(at[0][0]), fact)
    if wanted.below is not None and made.size:  # an Embedding looks up what is before the point
        refuse_strangers(np.trunc(made), wanted, wanted.below)
    return torch.from_numpy(made).to(getattr(torch, wanted.dtype))


def refuse_strangers(values: Array, wanted: Wanted, below: int) -> None:
    """Raises BadCell at the first number that the model has no place for."""
    if values.min() >= 0 and values.max() < below:
        return
    strange = (values < 0) | (values >= below)
    if wanted.ignored is not None:
        strange &= values != wanted.ignored
    if strange.any():
        at = np.argwhere(strange)[0]
        one, last = f"`{values[tuple(at)]:g}`", below - 1
        help = ""
        if wanted.role == "target":
            help = "classes count from 0, one for each unit; `encode: Labels` counts them so"
        raise BadCell("bad-cell", int(at[0]), f"{one} is not one of 0 to {last}", help)


def read(feeds: list[Feed], rows: Rows, indices: Indices) -> dict[str, Any]:
    """A batch by name; raises Rejected with the first fault of every feed."""
    columns = list(dict.fromkeys(c for feed in feeds for c in feed.wanted.columns))
    taken = rows.take(indices, columns)
    batch: dict[str, Any] = {}
    faults: list[Diagnostic] = []
    for feed in feeds:
        try:
            batch[feed.wanted.name] = feed.values(rows, indices, taken)
        except Rejected as rejected:
            faults += rejected.diagnostics
    if faults:
        raise Rejected(faults)
    check_named_sizes(feeds, batch, rows)
    return batch


def check_named_sizes(feeds: list[Feed], batch: dict[str, Any], rows: Rows) -> None:
    """The same word is the same size in every tensor of a batch."""
    sizes: dict[str, tuple[int, str]] = {}
    for feed in feeds:
        name = feed.wanted.name
        for dim, size in zip(feed.wanted.shape, batch[name].shape[1:], strict=True):
            if isinstance(dim, str):
                first, other = sizes.setdefault(dim, (size, name))
                if first != size:
                    feed.refuse_shape(
                        f"`{dim}` is one size everywhere",
                        rows,
                        f"`{dim}` is {first} in `{other}` and {size} in `{name}`",
                    )
