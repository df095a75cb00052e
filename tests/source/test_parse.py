from __future__ import annotations

import pytest

from modelspec.source.text import Source, Span
from modelspec.source.tree import Entry, Mapping, Scalar, Sequence, from_plain, parse, to_plain
from tests.source.reading import read

HEADLINE = """\
# A comment.
inputs:
  words: {shape: [100], dtype: int32}
layers:
  - {type: Dense,
     units: 1}
  - type: LSTM
    units: "2"

outputs: main
"""


def where(span: Span) -> tuple[int, int, int, int]:
    return span.order


def root(text: str = HEADLINE) -> Mapping:
    node = parse(Source("spec.yaml", text))
    assert isinstance(node, Mapping)
    return node


def test_a_spec_is_dicts_lists_and_values():
    assert to_plain(root()) == {
        "inputs": {"words": {"shape": [100], "dtype": "int32"}},
        "layers": [{"type": "Dense", "units": 1}, {"type": "LSTM", "units": "2"}],
        "outputs": "main",
    }


def test_every_node_knows_where_it_stands():
    inputs, layers, outputs = root()
    assert where(inputs.key.span) == (2, 1, 2, 7)
    assert where(inputs.value.span) == (3, 3, 3, 38)
    assert where(inputs.value.get("words").span) == (3, 10, 3, 38)
    assert where(inputs.value.get("words").get("shape").items[0].span) == (3, 19, 3, 22)
    flow, block = layers.value
    assert where(flow.span) == (5, 5, 6, 15)
    assert where(block.span) == (7, 5, 8, 15)
    assert where(block.get("units").span) == (8, 12, 8, 15)
    assert where(outputs.span) == (10, 1, 10, 14)


def test_a_collection_ends_with_its_last_value_and_not_at_the_next_key():
    entry = root("a:\n  b: 1\n\n\n# far\nc: 2\n").entry("a")
    assert where(entry.value.span) == (2, 3, 2, 7)


def test_columns_count_characters_and_not_bytes():
    assert where(root("é: {日本: x}\n").get("é").get("日本").span) == (1, 9, 1, 10)
    assert where(root("😀: x\r\nb: y\r\n").get("b").span) == (2, 4, 2, 5)


def test_a_block_of_text_ends_on_its_last_line():
    scalar = root("a: |\n  x\n  y\n\nb: 1\n").get("a")
    assert (scalar.value, scalar.quoted, where(scalar.span)) == ("x\ny\n", True, (1, 4, 3, 4))


def test_an_empty_value_stands_behind_its_colon():
    scalar = root("a:\nb: 1\n").get("a")
    assert (scalar.value, scalar.text, where(scalar.span)) == (None, "", (1, 3, 1, 3))


def test_a_key_that_looks_like_a_number_keeps_its_text_and_its_value():
    weights = root("w: {0: 1.0, 1: 3.0}\n").get("w")
    assert weights.keys() == ["0", "1"]
    assert [entry.key.value for entry in weights] == [0, 1]
    assert weights.get("1").value == 3.0
    assert to_plain(weights) == {0: 1.0, 1: 3.0}


def test_a_mapping_finds_its_entries_by_key():
    mapping = root()
    assert isinstance(mapping.entry("outputs"), Entry)
    assert mapping.get("outputs").value == "main"
    assert mapping.get("none") is None
    assert mapping.entry("none") is None
    assert "layers" in mapping
    assert len(mapping) == 3


def test_a_parameter_stands_plain_outside_brackets_and_quoted_within():
    assert read('a: ${width * 2}\nb: ["${x}"]\n') == {"a": "${width * 2}", "b": ["${x}"]}


def test_an_explicit_document_start_is_fine():
    assert read("%YAML 1.2\n---\na: 1\n...\n") == {"a": 1}


def test_plain_data_becomes_a_tree_that_stands_at_one_place():
    span = Span(Source("--set", "a=1"), 1, 3, 1, 4)
    node = from_plain({"a": [1, "1", None, True, 0.5], 2: {}}, span)
    assert isinstance(node, Mapping)
    assert isinstance(node.get("a"), Sequence)
    one, text, *_ = node.get("a")
    assert isinstance(one, Scalar)
    assert (one.text, one.quoted, text.text, text.quoted) == ("1", False, "1", True)
    assert node.get("2").span is span
    assert to_plain(node) == {"a": [1, "1", None, True, 0.5], 2: {}}


def test_an_object_is_no_plain_data():
    with pytest.raises(TypeError, match="plain values"):
        from_plain({"a": object()}, Span(Source("<python>", ""), 1, 1, 1, 1))


def test_pythons_own_parser_stands_in_where_libyaml_is_missing(monkeypatch):
    from modelspec.source import events

    expected = root()
    monkeypatch.setattr(events, "parser_class", events._pure_parser_class)
    node = root()
    assert to_plain(node) == to_plain(expected)
    assert where(node.span) == where(expected.span)
    assert where(node.get("layers").span) == where(expected.get("layers").span)
