"""What YAML has and the language has not; and limits."""

from __future__ import annotations

import pytest

from modelspec.source.text import Source
from modelspec.source.tree import parse
from tests.source.reading import codes, message, read, refused


def test_a_key_given_twice_shows_both_places():
    assert (
        message("a: 1\nb: 2\na: 3\n")
        == """\
error[duplicate-key]: the key `a` is given twice
 --> spec.yaml:3:1
  |
3 | a: 3
  | ^ here again
 ::: spec.yaml:1:1
  |
1 | a: 1
  | - first given here
  = help: keep one of the two
"""
    )


@pytest.mark.parametrize(
    "text", ["{a: 1, 'a': 2}", "{1: a, 01: b}", "{x: {b: 1, b: 1}}", "1: a\n'1': b"]
)
def test_a_key_is_given_twice_however_it_is_written(text):
    assert codes(text) == ["duplicate-key"]


def test_anchors_and_aliases_point_to_what_the_language_has(snapshot):
    snapshot("aliases.txt", message("a: &x 1\nb: *x\n"))


@pytest.mark.parametrize("text", ["a: &x {b: 1}", "a: &x [1]", "&x a: 1", "- &x\n  a: 1"])
def test_an_anchor_is_refused_wherever_it_stands(text):
    assert codes(text) == ["alias"]


@pytest.mark.parametrize(
    "text", ["a: !!str 1", "a: !x {b: 1}", "a: ! 1", "a: !!python/name:os.system x", "!!map {a: 1}"]
)
def test_a_tag_is_refused_wherever_it_stands(text):
    assert codes(text) == ["tag"]


def test_a_tag_is_underlined_alone():
    assert message("a: [!!int '3', 4]\n").splitlines()[3:5] == [
        "1 | a: [!!int '3', 4]",
        "  |     ^^^^^ this is a tag",
    ]


def test_a_merge_key_points_to_blocks_and_params():
    [diagnostic] = refused("<<: {a: 1}\n")
    assert diagnostic.code == "merge-key"
    assert "`blocks`" in diagnostic.help[0]


def test_a_quoted_merge_key_is_a_word_like_any():
    assert read("'<<': 1\n") == {"<<": 1}


@pytest.mark.parametrize("text", ["a: 1\n---\nb: 2\n", "---\na: 1\n---\n", "a: 1\n...\nb: 2\n"])
def test_a_spec_is_one_document(text):
    assert codes(text) == ["several-documents"]


@pytest.mark.parametrize(("text", "label"), [
    ("", "this file is empty"), (" \n\n", "this file is empty"),
    ("# nothing\n", "this file holds comments alone"),
])  # fmt: skip
def test_an_empty_file_points_to_init(text, label):
    [diagnostic] = refused(text)
    assert (diagnostic.code, diagnostic.label.text) == ("empty-spec", label)
    assert "modelspec init" in diagnostic.help[0]


@pytest.mark.parametrize("text", ["? [1]\n: 2\n", "{[a]: 1}", "{{a: 1}: 2}"])
def test_a_key_is_a_word(text):
    assert codes(text) == ["bad-key"]


def test_all_errors_of_a_file_come_at_once_and_in_order():
    text = "a: &x 1\na: !!str 2\nb: *x\nc: [1\n"
    assert codes(text) == ["alias", "duplicate-key", "tag", "alias", "unclosed-bracket"]


def test_a_hundred_errors_are_enough():
    assert len(refused("- *a\n" * 10_000)) == 100


@pytest.mark.parametrize(
    "text", ["[" * 101 + "]" * 101, "- " * 101 + "x", "[" * 1_000_000, "{a: " * 100_000]
)
def test_a_hundred_levels_are_deep_enough(text):
    assert codes(text) == ["too-deep"]


def test_a_hundred_levels_are_read():
    assert read("[" * 100 + "]" * 100)


def test_a_text_of_a_mebibyte_is_read_and_one_more_is_not():
    assert read("a: '" + "x" * 2**20 + "'") == {"a": "x" * 2**20}
    assert codes("a: '" + "x" * 2**20 + "y'") == ["too-large"]


@pytest.mark.parametrize("text", ["\0", "a: \x1b[31m\n", "a: x\u2028b: 1\n", "a: '\ud800'"])
def test_a_text_from_python_may_hold_no_hidden_characters_either(text):
    assert codes(text) == ["control-character"]


@pytest.mark.nightly
def test_a_million_values_are_the_most():
    assert codes("- 1\n" * 1_000_001) == ["too-large"]


@pytest.mark.timing
def test_ten_thousand_layers_are_read_in_about_a_second():
    import time

    line = "{type: Dense, units: 64, activation: relu, kernel_initializer: he_normal}"
    text = "layers:\n" + "".join(f"  dense_{i}: {line}\n" for i in range(10_000))
    best = 9.9
    for _ in range(3):
        begin = time.perf_counter()
        parse(Source("spec.yaml", text))
        best = min(best, time.perf_counter() - begin)
    assert best < 1.2  # 0.35 s on a quick machine, 0.7 s on a slow one
