"""Columns of texts, for inputs of dtype string: from every format, into memory or streamed."""

from __future__ import annotations

import numpy as np
import pytest

from modelspec.engine.data import batches, read_stream, samples
from tests.data.words import field, prepared, refused, source, takes, write


def texts(samples_, name="title"):
    found = samples_.batch(np.arange(len(samples_)))[name]
    assert isinstance(found, np.ndarray)
    assert found.dtype == object
    return found.tolist()


@pytest.fixture
def rows(tmp_path):
    def make(name, text):
        kind = {"csv": "CSV", "jsonl": "JSONL", "npz": "NPZ"}[name.rsplit(".", 1)[-1]]
        return source(kind, path=write(tmp_path / name, text))

    return make


def test_cells_of_csv_are_texts_as_they_stand(rows):
    made = prepared(rows("a.csv", 'title,x\n"a, b",1\n12,2\n,3\n'), takes("title", (), "string"))
    assert texts(made.train) == ["a, b", "12", ""]


def test_a_column_of_texts_fits_one_text_a_sample(rows):
    made = prepared(rows("a.csv", "title\na\nb\n"), takes("title", (1,), "string"))
    assert texts(made.train) == [["a"], ["b"]]


def test_columns_of_texts_stand_side_by_side(rows):
    wanted = takes("title", (2,), "string", columns=["a", "b"])
    made = prepared(rows("a.csv", "a,b\nred,blue\nx,y\n"), wanted)
    assert texts(made.train) == [["red", "blue"], ["x", "y"]]


def test_json_gives_texts_and_lists_of_them(rows):
    made = prepared(rows("a.jsonl", '{"title": "é"}\n{"title": ""}\n'),
                    takes("title", (), "string"))  # fmt: skip
    assert texts(made.train) == ["é", ""]
    made = prepared(rows("b.jsonl", '{"title": ["a", "b"]}\n{"title": ["c", "d"]}\n'),
                    takes("title", (2,), "string"))  # fmt: skip
    assert texts(made.train) == [["a", "b"], ["c", "d"]]


def test_npz_gives_texts(tmp_path):
    np.savez(tmp_path / "a.npz", title=np.array(["a", "bc"]), raw=np.array([b"x", b"y"]))
    made = prepared(source("NPZ", path=str(tmp_path / "a.npz")), takes("title", (), "string"),
                    takes("raw", (), "string"))  # fmt: skip
    assert texts(made.train) == ["a", "bc"]
    assert texts(made.train, "raw") == ["x", "y"]


def test_texts_stream_where_they_do_not_fit(rows, monkeypatch):
    monkeypatch.setattr(samples, "KEPT", 10)
    made = prepared(rows("a.csv", "title\n" + "".join(f"text {i}\n" for i in range(9))),
                    takes("title", (), "string"))  # fmt: skip
    assert made.train.streams
    found = [b["title"].tolist() for _, b in batches(made.train, 4, np.arange(9))]
    assert found[2] == ["text 8"]


def test_texts_are_chosen_in_any_order(rows):
    made = prepared(rows("a.csv", "title\na\nb\nc\n"), takes("title", (), "string"))
    found = [b["title"].tolist() for _, b in batches(made.train, 2, np.array([2, 0, 1]))]
    assert found == [["c", "a"], ["b"]]


def test_texts_arrive_from_a_stream(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"title": "a"}\n{"title": "b"}\n')
    with open(path, "rb") as stream:
        (batch,) = read_stream(stream, [takes("title", (), "string")], {})
    assert batch["title"].tolist() == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ('{"title": "a"}\n{"title": 3}\n', "line 2, column `title`: `3` is no text"),
        ('{"title": null}\n', "line 1, column `title`: `None` is no text"),
    ],
)
def test_what_is_no_text_is_named(rows, text, fact):
    said = refused("bad-cell", prepared, rows("a.jsonl", text), takes("title", (), "string"))
    assert "`title` takes texts" in said
    assert fact in said


def test_lists_of_several_lengths_are_named(rows):
    text = '{"title": ["a", "b"]}\n{"title": ["c"]}\n'
    said = refused("ragged-row", prepared, rows("a.jsonl", text), takes("title", (2,), "string"))
    assert "line 2" in said


def test_numbers_are_no_texts(tmp_path):
    np.savez(tmp_path / "a.npz", title=np.arange(3))
    said = refused("bad-cell", prepared, source("NPZ", path=str(tmp_path / "a.npz")),
                   takes("title", (), "string"))  # fmt: skip
    assert "`0` is a number" in said


def test_an_encoder_has_nothing_to_do_with_texts(rows):
    wanted = takes("title", (), "string")._replace(field=field("title", encode="Labels"))
    said = refused("wrong-samples", prepared, rows("a.csv", "title\na\nb\n"), wanted)
    assert "leave out `encode`" in said
