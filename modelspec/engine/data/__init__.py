"""Data: sources to rows, rows through encoders to samples, samples to batches."""

from modelspec.engine.data.arriving import read_stream
from modelspec.engine.data.batches import batches, order
from modelspec.engine.data.encoders import decoded
from modelspec.engine.data.prepare import Prepared, kept_back, prepare, read_through, samples_for
from modelspec.engine.data.rows import Rows
from modelspec.engine.data.samples import Samples
from modelspec.engine.data.sources import open_source, source_at
from modelspec.engine.data.wanted import Wanted
from modelspec.engine.data.writers import write_rows

__all__ = [
    "Prepared", "Rows", "Samples", "Wanted",
    "batches", "decoded", "kept_back", "open_source", "order", "prepare", "read_stream",
    "read_through", "samples_for", "source_at", "write_rows",
]  # fmt: skip
