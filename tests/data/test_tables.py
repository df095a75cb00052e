"""Parquet and Arrow files: held against pyarrow's own reading, group by group, and their faults."""

from __future__ import annotations

import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from modelspec.engine.data import batches, open_source, samples, source_at, tables
from tests.data.words import everything, prepared, refused, source, takes, target, write

COUNT = 50
TABLE = {
    "x": pa.array(np.arange(COUNT, dtype=np.float32)),
    "n": pa.array(np.arange(COUNT) * 3),
    "flag": pa.array([i % 2 == 0 for i in range(COUNT)]),
    "vector": pa.array([[i, i + 1, i + 2] for i in range(COUNT)], pa.list_(pa.float32())),
    "fixed": pa.array([[i, -i] for i in range(COUNT)], pa.list_(pa.int32(), 2)),
    "matrix": pa.array([[[i, 1], [2, i]] for i in range(COUNT)]),
    "title": pa.array([f"text {i}" for i in range(COUNT)]),
    "kind": pa.array(["ab"[i % 2] for i in range(COUNT)]).dictionary_encode(),
}
WANTED = [takes("x"), takes("n", (1,), "int64"), takes("flag", (), "bool"), takes("vector", (3,)),
          takes("fixed", (2,), "int32"), takes("matrix", (2, 2)), takes("title", (), "string"),
          target("kind", encode="Labels")]  # fmt: skip


def saved(path, columns, group=7):
    table = pa.table(columns)
    if path.suffix == ".parquet":
        parquet.write_table(table, path, row_group_size=group)
    else:
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table, max_chunksize=group)
    return str(path)


@pytest.fixture(params=["a.parquet", "a.arrow", "a.feather"])
def path(request, tmp_path):
    return tmp_path / request.param


def test_every_kind_of_column_is_read(path):
    got = prepared(source_at(saved(path, TABLE)), *WANTED).train.batch(np.arange(COUNT))
    expected = pa.table(TABLE).to_pydict()
    for name in ("x", "n", "flag", "vector", "fixed", "matrix", "title"):
        wanted = np.array(expected[name])
        np.testing.assert_array_equal(np.asarray(got[name]).reshape(wanted.shape), wanted)
    assert got["kind"].tolist() == [i % 2 for i in range(COUNT)]


def test_rows_come_in_any_order_across_groups(path):
    rows = open_source(source_at(saved(path, TABLE)), WANTED)
    order = np.random.default_rng(0).permutation(COUNT)
    taken = rows.take(order, ["n", "vector"])
    assert taken["n"].tolist() == (order * 3).tolist()
    assert taken["vector"][:, 1].tolist() == (order + 1).tolist()


def test_files_stream_with_few_groups_in_memory(path, monkeypatch):
    monkeypatch.setattr(samples, "KEPT", 10)
    monkeypatch.setattr(tables, "KEPT", 40)
    word = source_at(saved(path, TABLE))
    made = prepared(word, takes("x"))
    assert made.train.streams
    found = [b["x"].tolist() for _, b in batches(made.train, 20, np.arange(COUNT)[::-1].copy())]
    assert [x for batch in found for x in batch] == list(range(COUNT))[::-1]
    rows = open_source(word, [takes("x")])
    rows.take(np.arange(COUNT), ["x"])
    assert len(rows.kept) <= 2


def test_several_files_are_one_source(tmp_path):
    for name in ("a.parquet", "b.parquet"):
        saved(tmp_path / name, {"x": pa.array([1.0, 2.0])})
    got = prepared(source("Parquet", path=str(tmp_path / "*.parquet")), takes("x"))
    assert everything(got.train)["x"].tolist() == [1, 2, 1, 2]


def test_a_missing_column_is_named_with_those_that_are_there(path):
    said = refused("missing-column", prepared, source_at(saved(path, TABLE)), takes("titel"))
    assert "did you mean `title`?" in said
    assert "has `x`, `n`" in said


@pytest.mark.parametrize(
    ("values", "code", "fact"),
    [
        (pa.array([1.0, None]), "bad-cell", "row 1 (counted from 0), column `x`: the value is"),
        (pa.array([[1.0], [1.0, 2.0]]), "ragged-row", "row 1"),
        (pa.array(["1", "one"]), "bad-cell", "`one` is not a number"),
        (pa.array([0, 1], pa.timestamp("s")), "bad-file", "`x` holds timestamp["),
        (pa.array([b"a", b"b"]), "bad-file", "`x` holds binary"),
    ],
    ids=["null", "ragged", "text", "time", "bytes"],
)
def test_values_that_are_no_numbers_are_named(path, values, code, fact):
    assert fact in refused(code, prepared, source_at(saved(path, {"x": values})), takes("x"))


def test_a_column_of_one_name_twice_is_refused(path):
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["x", "x"])
    word = source_at(saved(path, table.columns and {"x": pa.array([1])}))
    if path.suffix == ".parquet":
        parquet.write_table(table, path)
    else:
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
    assert "stands there twice" in refused("bad-file", prepared, word, takes("x"))


@pytest.mark.parametrize("cut", [0, 3, 200], ids=["empty", "three bytes", "no end"])
def test_a_damaged_file_is_named(path, cut):
    saved(path, TABLE)
    write(path, path.read_bytes()[:cut])
    said = refused("bad-file", prepared, source_at(str(path)), takes("x"))
    assert str(path) in said


def test_a_file_damaged_within_is_named(tmp_path):
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"x": np.random.default_rng(0).normal(size=2000)}), path,
                        use_dictionary=False)  # fmt: skip
    data = bytearray(path.read_bytes())
    data[4:40] = b"\xff" * 36
    said = refused("bad-file", prepared, source_at(write(path, bytes(data))), takes("x"))
    assert "it is damaged" in said


def test_a_table_without_rows_is_no_source(path):
    word = source_at(saved(path, {"x": pa.array([], pa.float32())}))
    refused("no-samples", prepared, word, takes("x"))


def test_the_missing_extra_is_named(path, monkeypatch):
    word = source_at(saved(path, TABLE))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    said = refused("needs-extra", prepared, word, takes("x"))
    assert "pyarrow is missing" in said
    assert "pip install 'modelspec-torch[parquet]'" in said
