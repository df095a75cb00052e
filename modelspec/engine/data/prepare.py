"""From the `data` of a spec to samples for training, validation and tests."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from modelspec.catalog.sources import Synthetic
from modelspec.engine.data.batches import batches
from modelspec.engine.data.encoders import State
from modelspec.engine.data.feed import Feed, feed_of
from modelspec.engine.data.images import ImageRows
from modelspec.engine.data.rows import Rows
from modelspec.engine.data.samples import Samples, note, samples_of
from modelspec.engine.data.seen import Seen
from modelspec.engine.data.sources import open_source, present, source_at
from modelspec.engine.data.wanted import Wanted, refuse

PIECE = 8192  # rows that encoders see at a time


class Prepared(NamedTuple):
    """Samples of each part, None where the spec names none, and what the encoders learnt."""

    train: Samples
    validation: Samples | None
    test: Samples | None
    encoders: dict[str, State]


def prepare(
    data: Any, wanted: list[Wanted], seed: int = 0, encoders: dict[str, State] | None = None
) -> Prepared:
    """Opens the sources of `data`, learns encoders from train (unless given) and applies them.

    A share of train is its last rows, as Keras's `validation_split`. `seed` is that of training,
    on which synthetic samples depend. Raises Rejected.
    """
    rows = open_source(data.train, wanted, seed)
    count = len(rows)
    cut = count if not isinstance(data.validation, float) else split(rows, data)
    feeds = feeds_of(data.train, rows, wanted, encoders)
    if encoders is None:
        learn(feeds, rows, cut)
    kept = {f.wanted.name: f.encoder.state() for f in feeds if f.encoder is not None}
    train = samples_of(feeds, rows, 0, cut)
    if cut < count:
        validation: Samples | None = samples_of(feeds, rows, cut, count)
    else:
        validation = held_out(data.validation, wanted, kept)
    return Prepared(train, validation, held_out(data.test, wanted, kept), kept)


def kept_back(
    data: Any, wanted: list[Wanted], seed: int, encoders: dict[str, State]
) -> Samples | None:
    """What to measure a trained model on: `test`, else `validation`, None where there is neither.

    Train is opened only where validation is a share of it.
    """
    if data.test is not None or not isinstance(data.validation, float):
        return held_out(data.test or data.validation, wanted, encoders)
    rows = open_source(data.train, wanted, seed)
    feeds = feeds_of(data.train, rows, wanted, encoders)
    return samples_of(feeds, rows, split(rows, data), len(rows))


def read_through(prepared: Prepared) -> int:
    """Reads what streams to its end, so that every sample has been checked; how many there are."""
    parts = [part for part in (prepared.train, prepared.validation, prepared.test) if part]
    for part in parts:
        if part.streams:
            part.seen = {name: Seen(one.ignored) for name, one in part.seen.items()}
            for _, batch in batches(part, PIECE, np.arange(len(part))):
                note(part.seen, batch)
    return sum(map(len, parts))


def samples_for(source: Any, wanted: list[Wanted], encoders: dict[str, State]) -> Samples:
    """Samples of a source (a word, a path or paths) through encoders that have learnt."""
    word = source_at(source) if isinstance(source, str | list) else source
    rows = open_source(word, wanted)
    return samples_of(feeds_of(word, rows, wanted, encoders), rows, 0, len(rows))


def held_out(word: Any, wanted: list[Wanted], encoders: dict[str, State]) -> Samples | None:
    return None if word is None else samples_for(word, wanted, encoders)


def split(rows: Rows, data: Any) -> int:
    """How many rows are trained on where the rest, a share, validates."""
    if isinstance(rows, ImageRows):
        refuse(
            "wrong-value",
            "a share of train is its last samples, and images stand class by class",
            getattr(data, "validation_span", None),
            "this would hold out the last classes alone",
            help=["name a folder of its own: {validation: path}"],
        )
    count = len(rows)
    cut: int = math.floor(count * (1 - data.validation))
    if not 0 < cut < count:
        refuse(
            "no-samples",
            "training and validation each have at least one sample",
            notes=[f"of {count} samples, {cut} train and {count - cut} validate"],
            help=["name more samples, or another share"],
        )
    return cut


def feeds_of(
    source: Any, rows: Rows, wanted: list[Wanted], encoders: dict[str, State] | None
) -> list[Feed]:
    if isinstance(source, Synthetic):  # it makes tensors, not columns to be encoded
        wanted = [one._replace(field=None) for one in wanted if one.role != "weight"]
        encoders = None
    return [feed_of(one, encoders) for one in present(rows, wanted)]


def learn(feeds: list[Feed], rows: Rows, count: int) -> None:
    """Shows the first `count` rows to every encoder."""
    learning = [feed for feed in feeds if feed.encoder is not None]
    columns = list(dict.fromkeys(c for feed in learning for c in feed.wanted.columns))
    if not learning:
        return
    for start in range(0, count, PIECE):
        indices = np.arange(start, min(start + PIECE, count))
        taken = rows.take(indices, columns)
        for feed in learning:
            feed.learn(rows, indices, taken)
