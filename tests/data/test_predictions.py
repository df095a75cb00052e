"""Predictions written, and rows read from a stream as they arrive."""

from __future__ import annotations

import io
import json
import os
import threading

import numpy as np
import pytest

from modelspec.engine.data import read_stream, write_rows
from modelspec.source.diagnostics import Rejected
from tests.data.words import takes

BATCHES = [
    {"score": np.float32([[0.1], [1 / 3]]), "code": np.float32([[1, 2], [3, np.nan]])},
    {"score": np.float32([[2]]), "code": np.float32([[5, 6e-9]])},
]


def written(format, batches=BATCHES):
    out = io.BytesIO()
    assert write_rows(out, batches, format) == sum(len(next(iter(b.values()))) for b in batches)
    return out.getvalue()


def test_json_lines_hold_an_object_a_row_with_short_numbers():
    lines = written("jsonl").decode().splitlines()
    assert lines[0] == '{"score": [0.1], "code": [1.0, 2.0]}'
    rows = [json.loads(line) for line in lines]
    assert rows[1] == {"score": [0.33333334], "code": [3.0, None]}
    assert np.float32(rows[2]["code"][1]) == np.float32(6e-9)


def test_csv_has_a_column_a_number():
    assert written("csv").decode().splitlines() == [
        "score,code_0,code_1", "0.1,1.0,2.0", "0.33333334,3.0,", "2.0,5.0,6e-09",
    ]  # fmt: skip


def test_an_archive_has_an_array_an_output():
    with np.load(io.BytesIO(written("npz")), allow_pickle=False) as arrays:
        for name in ("score", "code"):
            np.testing.assert_array_equal(arrays[name], np.concatenate([b[name] for b in BATCHES]))


@pytest.mark.parametrize("format", ["jsonl", "csv", "npz"])
def test_names_of_classes_are_written_as_texts(format):
    names = {"kind": np.array(["ham", 'a "b"', "é"], object)}
    data = written(format, [names])
    if format == "npz":
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            assert arrays["kind"].tolist() == names["kind"].tolist()
    else:
        assert "é" in data.decode()


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "out.jsonl"

    def failing():
        yield BATCHES[0]
        assert not path.exists()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_rows(str(path), failing(), "jsonl")
    assert list(tmp_path.iterdir()) == []
    write_rows(str(path), BATCHES, "jsonl")
    assert len(path.read_text().splitlines()) == 3


def test_a_pipe_is_written_to_and_a_link_followed(tmp_path):
    pipe, link = tmp_path / "pipe", tmp_path / "link.jsonl"
    os.mkfifo(pipe)
    link.symlink_to("out.jsonl")
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    for path in (pipe, link):
        write_rows(str(path), BATCHES, "jsonl")
    assert os.read(reader, 1 << 16) == (tmp_path / "out.jsonl").read_bytes() != b""
    os.close(reader)
    assert pipe.is_fifo()
    assert link.is_symlink()


def test_a_path_that_cannot_be_written_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match="No such file"):
        write_rows(str(tmp_path / "no" / "out.csv"), BATCHES, "csv")


def test_no_rows_at_all_are_written_as_nothing():
    assert written("jsonl", []) == b""


WANTED = [takes("x", (2,)), takes("k", dtype="int32", encode="Labels")]
ENCODERS = {"k": {"classes": ["a", "b"]}}


def streamed(text, **given):
    return read_stream(io.BytesIO(text.encode()), WANTED, ENCODERS, **given)


def test_a_stream_of_lines_becomes_batches():
    text = '{"x": [1, 2], "k": "b"}\n\n{"x": [3, 4], "k": "a"}'
    got = list(streamed(text))
    assert [row for batch in got for row in batch["x"].tolist()] == [[1, 2], [3, 4]]
    assert [row for batch in got for row in batch["k"].tolist()] == [1, 0]


def test_batches_of_a_stream_have_a_largest_size():
    text = '{"x": [1, 2], "k": "b"}\n' * 10
    assert [len(batch["k"]) for batch in streamed(text, batch_size=4)] == [4, 4, 2]


def test_good_lines_before_a_bad_one_are_handed_on():
    made = streamed('{"x": [1, 2], "k": "b"}\n{"x": [3, 4], "k": "a"}\n{"x": [5], "k": "a"}\n')
    assert next(made)["x"].tolist() == [[1, 2]]
    assert next(made)["x"].tolist() == [[3, 4]]
    with pytest.raises(Rejected) as caught:
        next(made)
    assert caught.value.diagnostics[0].code == "wrong-samples"


def test_a_bad_line_of_a_stream_is_named():
    with pytest.raises(Rejected) as caught:
        list(streamed('{"x": [1, 2], "k": "b"}\n\n{"x": [1, 2], "k": "c"}\n'))
    (fault,) = caught.value.diagnostics
    assert fault.code == "unseen-class"
    assert "<stdin>, line 3, column `k`: `c` is not among the classes" in fault.notes[0]


def test_a_line_is_handed_on_before_the_next_one_arrives():
    reader, writer = os.pipe()
    seen = threading.Event()
    got = []

    def read():
        with os.fdopen(reader, "rb") as stream:
            for batch in read_stream(stream, WANTED, ENCODERS):
                got.append(batch["x"].tolist())
                seen.set()

    thread = threading.Thread(target=read)
    thread.start()
    for number in range(3):
        os.write(writer, b'{"x": [%d, 0], "k": "a"}\n' % number)
        assert seen.wait(10)
        seen.clear()
    os.close(writer)
    thread.join(10)
    assert got == [[[0, 0]], [[1, 0]], [[2, 0]]]


def test_parquet_has_a_column_an_output_and_a_row_group_a_batch(tmp_path):
    from pyarrow.parquet import ParquetFile

    batches = [
        {"score": np.float32([[0.5], [1.5]]), "grid": np.arange(8).reshape(2, 2, 2)},
        {"score": np.float32([[2.5]]), "grid": np.arange(4).reshape(1, 2, 2)},
    ]
    path = str(tmp_path / "out.parquet")
    assert write_rows(path, iter(batches), "parquet") == 3
    file = ParquetFile(path)
    assert file.num_row_groups == 2
    rows = file.read().to_pylist()
    assert rows[1] == {"score": [1.5], "grid": [[4, 5], [6, 7]]}
    assert rows[2]["score"] == [2.5]
