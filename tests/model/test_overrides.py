"""`--set KEY=VALUE` before resolving."""

from __future__ import annotations

import pytest

import modelspec
from modelspec.model.overrides import BadOverride, override
from modelspec.source.text import Source
from modelspec.source.tree import parse, to_plain


def after(text, *settings):
    return to_plain(override(parse(Source("spec.yaml", text)), settings))


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("a.b=2", {"a": {"b": 2}, "l": [1, {"x": 1}]}),
        ("a.c=[1, {d: 2}]", {"a": {"b": 1, "c": [1, {"d": 2}]}, "l": [1, {"x": 1}]}),
        ("l.0=9", {"a": {"b": 1}, "l": [9, {"x": 1}]}),
        ("l.1.x=yes", {"a": {"b": 1}, "l": [1, {"x": "yes"}]}),
        ("new.deep.key=1e-3", {"a": {"b": 1}, "l": [1, {"x": 1}], "new": {"deep": {"key": 0.001}}}),
        ("a=", {"a": None, "l": [1, {"x": 1}]}),
        ("a.b=x=y", {"a": {"b": "x=y"}, "l": [1, {"x": 1}]}),
        ("a.b= 3", {"a": {"b": 3}, "l": [1, {"x": 1}]}),
    ],
)
def test_a_key_is_set_or_added_by_its_path(setting, expected):
    assert after("{a: {b: 1}, l: [1, {x: 1}]}", setting) == expected


def test_the_tree_that_was_given_stays_as_it_is():
    tree = parse(Source("spec.yaml", "{a: {b: 1}}"))
    override(tree, ["a.b=2", "a.c=3"])
    assert to_plain(tree) == {"a": {"b": 1}}


def test_later_settings_see_earlier_ones():
    assert after("{}", "a={b: 1}", "a.c=2") == {"a": {"b": 1, "c": 2}}


def test_a_bare_name_takes_arguments():
    assert after("optimizer: adam", "optimizer.learning_rate=0.1") == {
        "optimizer": {"type": "adam", "learning_rate": 0.1}
    }


def test_an_empty_section_is_filled():
    assert after("train:\nlayers: []", "train.epochs=3")["train"] == {"epochs": 3}


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("epochs", "KEY=VALUE"),
        ("=3", "names with a dot"),
        ("a..b=3", "names with a dot"),
        ("l.7=1", "no place in it (0 to 1)"),
        ("l.x=1", "no place in it"),
        ("a.b.c=1", "it has no keys"),
        ("a=[1", "VALUE is YAML"),
        ("a={b: 1, b: 2}", "VALUE is YAML"),
        ("a=*x", "VALUE is YAML"),
    ],
)
def test_a_setting_that_cannot_be_says_why(setting, reason):
    with pytest.raises(BadOverride, match="--set") as raised:
        after("{a: {b: 1}, l: [1, 2]}", setting)
    assert reason in str(raised.value)


def test_an_error_in_a_setting_underlines_the_value():
    with pytest.raises(modelspec.Rejected) as raised:
        modelspec.check("inputs: {x: [3]}\nlayers: {y: {type: Dense, units: 2}}\n",
                        set=["layers.y.units=none"])  # fmt: skip
    (found,) = raised.value.diagnostics
    assert str(found.span) == "--set:1:16"
    assert found.span.source.text == "layers.y.units=none"
    assert found.span.end_column == 20
