"""What encoders learn, apply and undo. Their state is plain JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from modelspec.catalog import encoders as words
from modelspec.engine.data.cells import classes_of
from modelspec.engine.data.rows import Array
from modelspec.engine.data.wanted import BadCell, Wanted
from modelspec.engine.data.words import WordEncoder
from modelspec.language.shapes import show
from modelspec.source.diagnostics import Unreadable
from modelspec.source.suggest import did_you_mean

State = dict[str, Any]
Key = str | int | float | bool


class Encoder(Protocol):
    """Values (samples, ...) in, numbers out.

    `reads` says what it takes: `numbers`, `classes` or `texts`. `see` is given train piece by
    piece, none of them empty; `state` is what must be kept, and `decode` goes back from a model's
    output.
    """

    reads: str

    def see(self, values: Array) -> None: ...
    def state(self) -> State: ...
    def apply(self, values: Array) -> Array: ...
    def decode(self, values: Array) -> Array: ...


class Standardizer:
    """Standardize: running mean and variance, merged piece by piece (Chan et al. 1979)."""

    reads = "numbers"

    def __init__(self, word: words.Standardize, state: State | None) -> None:
        self.count = 0
        self.mean = np.zeros(()) if state is None else np.asarray(state["mean"])
        self.variance = np.zeros(()) if state is None else np.square(np.asarray(state["deviation"]))

    def see(self, values: Array) -> None:
        flat = by_feature(values)  # (count, features) or (count,)
        count, total = len(flat), self.count + len(flat)
        if self.count:
            check_width(values.shape[1:], self.mean.shape)
        mean, variance = flat.mean(axis=0), flat.var(axis=0)
        delta = mean - self.mean
        self.variance = (
            self.variance * self.count + variance * count + delta**2 * self.count * count / total
        ) / total
        self.mean = self.mean + delta * (count / total)
        self.count = total

    def deviation(self) -> Array:
        """The standard deviation, 1 where all that varies is rounding (as scikit-learn judges)."""
        rounding = np.finfo(np.float64).eps * self.count
        limit = rounding * self.variance + (rounding * self.mean) ** 2
        return np.where(self.variance <= limit, 1.0, np.sqrt(self.variance))

    def state(self) -> State:
        return {"mean": self.mean.tolist(), "deviation": self.deviation().tolist()}

    def apply(self, values: Array) -> Array:
        check_width(values.shape[1:], self.mean.shape)
        return np.asarray((values - self.mean) / self.deviation())

    def decode(self, values: Array) -> Array:
        return np.asarray(values * self.deviation() + self.mean)


class Scaler:
    """Scale: the smallest and largest value seen."""

    reads = "numbers"

    def __init__(self, word: words.Scale, state: State | None) -> None:
        self.low, self.high = word.range
        self.learnt = state is not None
        self.smallest = np.asarray(np.inf if state is None else state["smallest"])
        self.largest = np.asarray(-np.inf if state is None else state["largest"])

    def see(self, values: Array) -> None:
        flat = by_feature(values)  # (count, features) or (count,)
        if self.learnt:
            check_width(values.shape[1:], self.smallest.shape)
        self.learnt = True
        self.smallest = np.minimum(self.smallest, flat.min(axis=0))
        self.largest = np.maximum(self.largest, flat.max(axis=0))

    def width(self) -> Array:
        return np.where(self.largest == self.smallest, 1.0, self.largest - self.smallest)

    def state(self) -> State:
        return {"smallest": self.smallest.tolist(), "largest": self.largest.tolist()}

    def apply(self, values: Array) -> Array:
        check_width(values.shape[1:], self.smallest.shape)
        share = (values - self.smallest) / self.width()
        return np.asarray(share * (self.high - self.low) + self.low)

    def decode(self, values: Array) -> Array:
        share = (values - self.low) / (self.high - self.low)
        return np.asarray(share * self.width() + self.smallest)


class LabelEncoder:
    """Labels: one list of classes for all values."""

    reads = "classes"

    def __init__(self, word: words.Labels, state: State | None) -> None:
        given = word.classes if state is None else state["classes"]
        self.classes = None if given is None else Classes(given)
        self.seen: set[Key] = set()

    def see(self, values: Array) -> None:
        if self.classes is None:
            self.seen.update(classes_of(values)[0])

    def known(self) -> Classes:
        if self.classes is None:
            self.classes = Classes(in_order(self.seen))
        return self.classes

    def state(self) -> State:
        return {"classes": self.known().names}

    def apply(self, values: Array) -> Array:
        return self.known().places(values)

    def decode(self, values: Array) -> Array:
        return self.known().named(values)


class OneHotEncoder:
    """OneHot: a list of classes for each column."""

    reads = "classes"

    def __init__(self, word: words.OneHot, state: State | None) -> None:
        self.given: list[Key] | None = word.classes
        self.columns = [] if state is None else [Classes(names) for names in state["classes"]]
        self.seen: list[set[Key]] = []

    def see(self, values: Array) -> None:
        columns = values.reshape(len(values), -1).T  # (columns, samples)
        if not self.seen:
            self.seen = [set() for _ in columns]
        check_width((len(columns),), (len(self.seen),))
        if self.given is None:
            for seen, column in zip(self.seen, columns, strict=True):
                seen.update(classes_of(column)[0])

    def known(self) -> list[Classes]:
        if not self.columns:
            self.columns = [Classes(self.given or in_order(seen)) for seen in self.seen]
        return self.columns

    def state(self) -> State:
        return {"classes": [classes.names for classes in self.known()]}

    def apply(self, values: Array) -> Array:
        columns = values.reshape(len(values), -1).T  # (columns, samples)
        check_width((len(columns),), (len(self.known()),))
        return np.concatenate(
            [
                np.eye(len(classes.names), dtype=np.float32)[classes.places(column)]
                for classes, column in zip(self.known(), columns, strict=True)
            ],
            axis=-1,
        )  # (samples, classes of all columns)

    def decode(self, values: Array) -> Array:
        return self.known()[0].named(values)


class Classes:
    """Names, each with a place."""

    def __init__(self, names: list[Key]) -> None:
        self.names = names
        self.place_of = {key(name): place for place, name in enumerate(names)}

    def places(self, values: Array) -> Array:
        """The place of each value, int64; raises BadCell at a value that is no class."""
        distinct, inverse = classes_of(values)
        places = np.array([self.place_of.get(key(name), -1) for name in distinct], np.int64)
        found = places[inverse].reshape(values.shape)
        if (places < 0).any():
            position = int(np.argwhere(found < 0)[0][0])
            name = distinct[inverse.reshape(-1)[int(np.flatnonzero(found < 0)[0])]]
            listed = ", ".join(f"`{name}`" for name in self.names[:12])
            more = f" and {len(self.names) - 12} more" if len(self.names) > 12 else ""
            near = did_you_mean(str(name), list(map(str, self.names)))
            raise BadCell(
                "unseen-class",
                position,
                f"`{name}` is not among the classes",
                near[0] if near else f"the classes are {listed}{more}",
            )
        return found

    def named(self, values: Array) -> Array:
        """Names of places; of the likeliest where the last axis holds a score for each class."""
        if values.dtype.kind == "f":
            if values.ndim > 1 and values.shape[-1] == len(self.names) > 1:
                values = values.argmax(axis=-1)
            else:  # one probability: of the second class
                single = values[..., 0] if values.ndim > 1 else values
                values = np.minimum(single > 0.5, len(self.names) - 1).astype(np.int64)
        names = np.empty(len(self.names), object)
        names[:] = self.names
        return names[values]


def key(name: Key) -> str:
    """What makes two classes the same: `3`, `3.0` and the text "3" are."""
    if isinstance(name, bool):
        return str(name).lower()
    if isinstance(name, float) and name.is_integer():
        return str(int(name))
    return str(name)


def in_order(classes: set[Key]) -> list[Key]:
    """Sorted as numbers where all are, else as text; each once."""
    distinct = {key(name): name for name in classes}
    try:
        return sorted(distinct.values(), key=float)
    except ValueError:
        return sorted(distinct.values(), key=key)


def check_width(given: tuple[int, ...], learnt: tuple[int, ...]) -> None:
    """Refuses values of other features than were learnt from."""
    if given[-1:] != learnt:
        fact = f"the values are {show(given[-1:])}, and the encoder learnt from {show(learnt)}"
        raise BadCell("wrong-samples", 0, fact)


def by_feature(values: Array) -> Array:
    """(samples, ..., features) as (everything else, features); flat values stay flat."""
    wide = values.astype(np.float64)
    return wide.reshape(-1, values.shape[-1]) if values.ndim > 1 else wide


def decoded(wanted: Wanted, encoders: dict[str, State], values: Array) -> Array:
    """A model's output in the terms of its raw column: names of classes, numbers unscaled."""
    if wanted.encode is None or wanted.name not in encoders:
        return values
    raw = restored(wanted.encode, encoders[wanted.name]).decode(values)
    return raw.astype(values.dtype) if raw.dtype.kind == "f" else raw


def fresh(word: Any) -> Encoder:
    """An encoder that has learnt nothing yet."""
    return KNOWN[type(word)](word, None)


def restored(word: Any, state: State) -> Encoder:
    """An encoder with what it learnt before; raises `Unreadable` where that makes no sense."""
    try:
        return KNOWN[type(word)](word, state)
    except (KeyError, TypeError, ValueError, AttributeError):
        fact = f"damaged: this is not what {word.called()} learns"
        raise Unreadable("encoders.json", fact) from None


KNOWN: dict[type, Callable[[Any, State | None], Encoder]] = {
    words.Standardize: Standardizer,
    words.Scale: Scaler,
    words.OneHot: OneHotEncoder,
    words.Labels: LabelEncoder,
    words.Words: WordEncoder,
}
