from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from modelspec.source.scalars import resolve
from modelspec.source.text import Source
from modelspec.source.tree import parse, to_plain, write
from tests.source.reading import read

AWKWARD = st.sampled_from([
    "", " ", "a ", " a", "no", "1e3", "null", "~", "true", "- a", "a: b", "a #b", "#", "'", '"',
    "\\",
    "a\nb", "\n", "\t", "---", "...", "${x}", "*a", "&a", "!a", "%a", "@a", "`a`", "{", "}", "[",
    "]",
    ",", "?", "? a", ":", ":a", "a:", "|", ">", "é", "日本", "😀", "\x00", "\x1b", "\x85", "\u2028",
    "\ufeff", "<<", "=", "0x1F", "012", ".5", "x" * 200, "a b c", "C:\\x", "it's \"so\"", "-",
    "\xa0",
    "k" * 1100,
])  # fmt: skip
TEXTS = AWKWARD | st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS


def keys_that_differ(entries: dict) -> bool:
    return len({str(key) for key in entries}) == len(entries)


KEYS = TEXTS | st.integers()
PLAIN = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(KEYS, inner, max_size=5).filter(keys_that_differ)
    ),
    max_leaves=30,
)


@given(st.dictionaries(TEXTS, PLAIN, min_size=1, max_size=5))
def test_what_is_written_reads_back_the_same(plain):
    assert to_plain(parse(Source("spec.yaml", write(plain)))) == plain


@given(st.lists(PLAIN, min_size=1))
def test_a_list_reads_back_the_same(plain):
    assert read(write(plain)) == plain


@given(SCALARS.filter(lambda value: value is not None))
def test_a_scalar_keeps_its_type(value):
    got = read(write([value]))[0]
    assert (got, type(got)) == (value, type(value))


@given(st.text("0123456789+-.eExXoOabfinFINtrulsTRULS_~:", max_size=8))
def test_a_string_that_looks_like_anything_else_is_quoted(text):
    assert read(write({"a": text})) == {"a": text}
    assert resolve(text) == text or f'"{text}"' in write({"a": text})


def test_not_a_number_is_written_as_yaml_has_it():
    assert write({"a": math.nan, "b": -math.inf}) == "a: .nan\nb: -.inf\n"
    assert math.isnan(read(write([math.nan]))[0])


def test_records_are_lines_and_tables_are_blocks():
    text = """\
modelspec: 1
params: {width: 64}
inputs:
  words: {shape: [null, 100], dtype: int32}
  aux: [5]
blocks:
  residual:
    params: {filters: 64}
    layers:
      y: {type: Conv2D, filters: "${filters}", padding: same}
layers:
  - {type: TimeDistributed, layer: {type: Dense, units: 3}, from: words}
  - type: Dense
    units: 1024
    kernel_initializer: {type: VarianceScaling, scale: 1e-7, mode: fan_average, seed: 17}
    activation: softmax
data: {train: [first part.csv, "*.tsv"], fields: {}}
outputs:
  main: {loss: mse}
"""
    assert write(read(text)) == text


def test_a_list_too_long_for_a_line_has_a_line_for_each():
    text = write({"classes": [f"class_{i}" for i in range(20)]})
    assert text.splitlines()[:3] == ["classes:", "  - class_0", "  - class_1"]


def test_only_what_needs_quotes_has_them():
    plain = ["no", "a b", "12", "12:30", "a/b.csv", "C:\\x", "it's", "a\tb", "${x}", 'say "hi"']
    assert write({"a": plain}) == (
        'a: [no, a b, "12", "12:30", a/b.csv, \'C:\\x\', "it\'s", "a\\tb", "${x}", \'say "hi"\']\n'
    )


def test_many_numbers_take_as_few_lines_as_they_need():
    plain = {"table": {"type": "Constant", "value": [[n / 7 for n in range(12)], [1, 2]]}}
    text = write(plain)
    first, second, third, last = text.splitlines()[3:]
    assert first.startswith("    - [0.0, 0.14285714285714285, ")
    assert second.startswith("       0.7142857142857143, ")
    assert third.endswith("1.5714285714285714]")
    assert last == "    - [1, 2]"
    assert to_plain(parse(Source("spec.yaml", text))) == plain
