"""CSV, TSV and JSON Lines."""

from __future__ import annotations

import contextlib
import csv
import io
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelspec.engine.data import lines, open_source, read_through, samples
from modelspec.engine.data.delimited import DelimitedRows
from modelspec.source.diagnostics import Rejected
from tests.data.words import everything, field, prepared, refused, source, takes, target, write

HOUSES = "rooms,area,kind\n3,70.5,flat\n5,120,house\n2,45,flat\n"


def from_csv(tmp_path, text, *wanted, **given):
    return prepared(source("CSV", path=write(tmp_path / "rows.csv", text)), *wanted, **given)


@pytest.fixture(params=["loaded", "streamed"])
def kept(request, monkeypatch):
    if request.param == "streamed":
        monkeypatch.setattr(samples, "KEPT", 0)


@pytest.mark.usefixtures("kept")
def test_columns_become_tensors(tmp_path):
    data = from_csv(
        tmp_path,
        HOUSES,
        takes("x", (2,), columns=["area", "rooms"]),
        target("kind", encode="Labels"),
        target("price", (1,), "float32", column="area"),
    )
    got = everything(data.train)
    np.testing.assert_array_equal(got["x"], np.float32([[70.5, 3], [120, 5], [45, 2]]))
    assert got["kind"].tolist() == [0, 1, 0]
    assert got["price"].tolist() == [[70.5], [120], [45]]


@pytest.mark.parametrize(
    "text",
    [
        HOUSES.replace("\n", "\r\n"),
        "\ufeff" + HOUSES,
        HOUSES.rstrip("\n"),
        HOUSES.replace("\n", "\n\n"),
        HOUSES.replace("rooms", '"rooms"').replace("flat", '"flat"'),
    ],
    ids=["CRLF", "byte order mark", "no last line end", "blank lines", "quotes"],
)
def test_the_usual_forms_of_a_csv_file_read_the_same(tmp_path, text):
    data = from_csv(tmp_path, text, takes("rooms"), target("kind", encode="Labels"))
    assert everything(data.train)["rooms"].tolist() == [3, 5, 2]
    assert data.encoders["kind"]["classes"] == ["flat", "house"]


def test_tabs_and_other_delimiters(tmp_path):
    tabs = source("TSV", path=write(tmp_path / "a.tsv", HOUSES.replace(",", "\t")))
    bars = source("CSV", path=write(tmp_path / "a.csv", HOUSES.replace(",", "|")), delimiter="|")
    for word in (tabs, bars):
        assert everything(prepared(word, takes("area")).train)["area"].tolist() == [70.5, 120, 45]


def test_without_a_header_columns_are_counted(tmp_path):
    path = write(tmp_path / "a.csv", "1,2\n3,4\n")
    data = prepared(source("CSV", path=path, header=False), takes("x", column="1"))
    assert everything(data.train)["x"].tolist() == [2, 4]


@pytest.mark.parametrize("bad", ["", "  ", "abc", "1,5", "1_000", "0x10", "nan", "inf"])
def test_a_value_that_is_no_number_is_named_with_file_line_and_column(tmp_path, bad):
    text = 'a,"long\nname",b\n1,x,2\n\n3,x,"' + bad + '"\n'
    shown = refused("bad-cell", from_csv, tmp_path, text, takes("b"))
    assert "rows.csv, line 5, column `b`" in shown


@pytest.mark.usefixtures("kept")
def test_a_bad_value_far_down_is_found(tmp_path):
    text = "a\n" + "1\n" * 20000 + "one\n" + "1\n" * 5

    def read():
        read_through(from_csv(tmp_path, text, takes("a")))

    assert "line 20002, column `a`: `one` is not a number" in refused("bad-cell", read)


def test_texts_for_integers_hint_at_labels(tmp_path):
    shown = refused("bad-cell", from_csv, tmp_path, HOUSES, target("kind"))
    assert "`encode: Labels`" in shown


def test_the_first_fault_of_every_column_is_shown(tmp_path):
    with pytest.raises(Rejected) as caught:
        from_csv(tmp_path, "a,b\nx,1\n2,y\n", takes("a"), takes("b"))
    assert [d.code for d in caught.value.diagnostics] == ["bad-cell", "bad-cell"]


@pytest.mark.parametrize(("row", "count"), [("1", "1 cell"), ("1,2,3", "3 cells")])
def test_a_ragged_row_is_named_with_its_line(tmp_path, row, count):
    shown = refused("ragged-row", from_csv, tmp_path, f"a,b\n1,2\n{row}\n5,6\n", takes("a"))
    assert f"rows.csv, line 3: {count}, and the header has 2" in shown


def test_a_quote_left_open_is_refused(tmp_path):
    shown = refused("bad-file", from_csv, tmp_path, 'a,b\n1,"2\n3,4\n', takes("a"))
    assert "a quoted cell of line 2 is open at the end" in shown


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a;b\n1;2\n", 'is the delimiter ";"?'),
        ("a\tb\n1\t2\n", r'is the delimiter "\t"?'),
        ("1,2\n3,4\n", "header: false"),
        ("x,y\n1,2\n", "say which column it is"),
    ],
)
def test_a_header_that_is_read_as_it_is_not_is_one_fault_with_its_mend(tmp_path, text, said):
    with pytest.raises(Rejected) as caught:
        from_csv(tmp_path, text, takes("a"), takes("b"))
    found = caught.value.diagnostics
    assert said in found[0].help[0]
    assert len(found) == (2 if text.startswith("x") else 1)


def test_bytes_that_are_not_utf8_are_named_with_their_line(tmp_path):
    shown = refused("bad-file", from_csv, tmp_path, b"a,b\n1,x\n2,\xff\n", takes("a"))
    assert "line 3: byte 0xff is not UTF-8" in shown


def test_two_columns_of_one_name_are_refused_where_they_are_read(tmp_path):
    assert "2 are called `a`" in refused("bad-file", from_csv, tmp_path, "a,a\n1,2\n", takes("a"))
    from_csv(tmp_path, "a,a,b\n1,2,3\n", takes("b"))


@pytest.mark.parametrize("text", ["a,b\n", "a,b"])
def test_a_file_without_samples_is_refused(tmp_path, text):
    refused("no-samples", from_csv, tmp_path, text, takes("a"))


def test_an_empty_file_is_said_to_be_empty_once(tmp_path):
    told = refused("no-samples", from_csv, tmp_path, "", takes("a", "b"))
    assert told.count("is empty") == 1


def test_large_integers_stay_exact(tmp_path):
    data = from_csv(tmp_path, "id\n9007199254740993\n1\n", takes("id", dtype="int64"))
    assert everything(data.train)["id"].tolist() == [9007199254740993, 1]


CELLS = st.text(st.sampled_from('ab1,"\n\r ;é'), max_size=6)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=12),
    st.sampled_from(["\n", "\r\n"]),
    st.integers(1, 40),
    st.booleans(),
)
def test_rows_are_found_as_the_csv_module_finds_them(tmp_path_factory, rows, end, chunk, minimal):
    text = io.StringIO()
    # The module leaves lone carriage returns unquoted, and cannot read them then.
    lone = any("\r" in cell for row in rows for cell in row)
    quoting = csv.QUOTE_MINIMAL if minimal and not lone else csv.QUOTE_ALL
    csv.writer(text, lineterminator=end, quoting=quoting).writerows([("x", "y"), *rows])
    path = write(tmp_path_factory.mktemp("csv") / "a.csv", text.getvalue())
    size, lines.CHUNK = lines.CHUNK, chunk
    try:
        opened = DelimitedRows(path, ",", header=True)
    finally:
        lines.CHUNK = size
    expected = [row for row in csv.reader(io.StringIO(text.getvalue(), newline="")) if row][1:]
    order = np.random.default_rng(0).permutation(len(opened))
    taken = opened.take(order, ["x", "y"])
    assert len(opened) == len(expected)
    assert list(zip(taken["x"], taken["y"], strict=True)) == [tuple(expected[i]) for i in order]


@pytest.mark.parametrize("line", ['5" pipe,1', 'a "b" c,1', '"a"b,1', '"a""",1', '"",1', 'x,"1"'])
def test_quotes_in_odd_places_do_not_swallow_rows(tmp_path, line):
    path = write(tmp_path / "a.csv", f"x,y\n{line}\nnext,2\n")
    opened = DelimitedRows(path, ",", header=True)
    assert opened.take(np.arange(2), ["y"])["y"].tolist() == ["1", "2"]


# -- JSON Lines ----------------------------------------------------------------------------


def from_jsonl(tmp_path, text, *wanted):
    return prepared(source("JSONL", path=write(tmp_path / "rows.jsonl", text)), *wanted)


@pytest.mark.usefixtures("kept")
def test_objects_become_tensors(tmp_path):
    text = """
        {"m": [[1, 2], [3, 4]], "ok": true, "w": "a"}

        {"m": [[5, 6], [7, 8.5]], "ok": false, "w": "b"}
    """
    word = target("w", (2,), "float32", encode="OneHot")
    data = from_jsonl(tmp_path, text, takes("m", (2, 2)), target("ok"), word)
    got = everything(data.train)
    np.testing.assert_array_equal(got["m"], [[[1, 2], [3, 4]], [[5, 6], [7, 8.5]]])
    assert got["ok"].tolist() == [1, 0]
    assert got["w"].tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize(
    ("code", "line", "fact"),
    [
        ("bad-cell", '{"x": null}', "line 3, column `x`: the value is null"),
        ("bad-cell", '{"x": "one"}', "line 3, column `x`: `one` is not a number"),
        ("bad-cell", '{"x": {"y": 1}}', "line 3, column `x`: the value is an object"),
        ("bad-cell", '{"x": NaN}', "line 3, column `x`: `nan` is not a finite number"),
        ("ragged-row", '{"x": [1, 2]}', "line 3, column `x`: the value's shape is (2,)"),
        ("missing-column", '{"z": 1}', "line 3, column `x`: the object has `z`"),
        ("bad-file", '{"x": 1', "line 3: expecting ',' delimiter, at column 8"),
        ("bad-file", "[1]", "line 3: this is no object"),
        ("bad-file", '{"x": ' + "9" * 5000 + "}", "line 3: "),
        ("bad-file", "[" * 100000, "line 3: "),
    ],
)
def test_a_bad_line_is_named_with_file_line_and_column(tmp_path, code, line, fact):
    text = f'{{"x": 1}}\n{{"x": 2}}\n{line}\n'
    assert f"rows.jsonl, {fact}" in refused(code, from_jsonl, tmp_path, text, takes("x"))


def test_uneven_lists_are_named(tmp_path):
    text = '{"x": [[1, 2], [3, 4]]}\n{"x": [[1, 2], [3]]}\n'
    assert "line 2" in refused("ragged-row", from_jsonl, tmp_path, text, takes("x", (2, 2)))


@pytest.mark.parametrize("encode", [None, "Standardize", "Scale", "OneHot"])
def test_lists_that_change_their_length_far_down_are_refused(tmp_path, encode):
    text = '{"x": [1, 2]}\n' * 8192 + '{"x": [1, 2, 3]}\n'
    code = "wrong-samples" if encode else "ragged-row"
    wanted = takes("x", (None,), encode=encode) if encode else takes("x", (None,))
    shown = refused(code, from_jsonl, tmp_path, text, wanted)
    assert "line 8193" in shown


def test_a_null_inside_a_list_is_named(tmp_path):
    text = '{"x": [1, 2]}\n{"x": [1, null]}\n'
    assert "line 2" in refused("bad-cell", from_jsonl, tmp_path, text, takes("x", (2,)))


def test_lines_streamed_in_any_order_are_those_of_the_file(tmp_path):
    text = "".join(f'{{"i": {i}}}\n' for i in range(500))
    rows = open_source(source("JSONL", path=write(tmp_path / "a.jsonl", text)), [takes("i")])
    order = np.random.default_rng(0).permutation(500)
    assert rows.take(order, ["i"])["i"].tolist() == order.tolist()


def test_a_field_without_a_column_reads_the_one_of_its_name():
    assert takes("x", encode="Labels").columns == ["x"]
    assert field(column="y").column == "y"


# -- anything at all -----------------------------------------------------------------------

PIECES = st.sampled_from(
    [b"x", b"y", b",", b"\n", b"\r", b'"', b"1", b"-2.5", b" ", b"\xff", b"\0", b"e9", b"{", b"}",
     b'{"x": ', b"}\n", b"[", b"]", b"null", b"true", b'"x"', b"nan", "é".encode(), b"9" * 400]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["CSV", "TSV", "JSONL"]), st.lists(PIECES, max_size=14), st.booleans())
def test_any_bytes_are_read_or_refused(tmp_path_factory, name, pieces, encode):
    start = b'{"x": 1}\n' if name == "JSONL" else b"x\n"
    path = write(tmp_path_factory.mktemp("any") / "a.txt", start + b"".join(pieces))
    wanted = takes("x", dtype="int32", encode="Labels") if encode else takes("x")
    with contextlib.suppress(Rejected):
        prepared(source(name, path=path), wanted)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2)
    ),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(st.lists(JSON, min_size=1, max_size=4), st.sampled_from([None, "Labels", "OneHot", "Scale"]))
def test_any_json_values_are_read_or_refused(tmp_path_factory, values, encode):
    text = "".join(json.dumps({"x": value}) + "\n" for value in values)
    path = write(tmp_path_factory.mktemp("any") / "a.jsonl", text)
    wanted = takes("x", (None,), encode=encode) if encode else takes("x", (None,))
    with contextlib.suppress(Rejected):
        prepared(source("JSONL", path=path), wanted)
