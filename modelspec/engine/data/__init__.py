"""Data: sources to rows, rows through encoders to samples, samples to batches."""

from modelspec.engine.data.batches import batches, order
from modelspec.engine.data.prepare import Prepared, prepare, samples_for
from modelspec.engine.data.rows import Rows
from modelspec.engine.data.samples import Samples
from modelspec.engine.data.sources import open_source
from modelspec.engine.data.wanted import Wanted

__all__ = [
    "Prepared", "Rows", "Samples", "Wanted",
    "batches", "open_source", "order", "prepare", "samples_for",
]  # fmt: skip
