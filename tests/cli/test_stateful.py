"""`predict` with stateful layers: lines from a stream wait for their batch."""

from __future__ import annotations

import json

import numpy as np
import pytest

SPEC = """
inputs: {x: {shape: [5, 3], batch_size: 4}}
layers: {y: {type: GRU, units: 2, stateful: true}}
outputs: y
"""


@pytest.fixture
def lines(modelspec, spec):
    """A built run, and the lines of two batches."""
    assert modelspec("build", spec(SPEC), "--run", "run").code == 0
    x = np.random.default_rng(0).normal(size=(8, 5, 3)).astype("float32")
    return [json.dumps({"x": row.tolist()}) + "\n" for row in x]


def answers(done):
    return [json.loads(line)["y"] for line in done.out.splitlines()]


def test_lines_are_answered_batch_by_batch_as_a_file_is(modelspec, lines, tmp_path):
    (tmp_path / "rows.jsonl").write_text("".join(lines))
    whole = modelspec("predict", "run", "rows.jsonl")
    assert whole.code == 0, whole.err
    streamed = modelspec("predict", "run", "-", stdin="\n".join(lines))  # blank lines between
    assert answers(streamed) == answers(whole)


def test_one_stream_is_answered_line_by_line(modelspec, lines):
    alone = modelspec("predict", "run", "-", "--batch-size", "1", stdin=lines[0] * 2)
    first, second = answers(alone)
    assert first != second  # the same line again goes on from the first


def test_lines_left_over_are_said_to_be(modelspec, lines):
    done = modelspec("predict", "run", "-", stdin="".join(lines[:6]))
    assert (done.code, len(answers(done))) == (1, 4)
    assert "= note: this batch has 2" in done.err


def test_a_bad_line_is_named(modelspec, lines):
    done = modelspec("predict", "run", "-", stdin=lines[0] + '{"x": 1}\n' + "".join(lines[:2]))
    assert done.code == 1
    assert "line 2" in done.err
    assert "this batch has" not in done.err
