"""docs/keras.md: every public name of Keras's has a row, and none is missing here."""

from __future__ import annotations

import pytest

from modelspec.catalog.index import INDEX
from modelspec.catalog.refused import REFUSED
from modelspec.catalog.words import bind, find
from modelspec.source.diagnostics import Rejected
from tools.keras_table import DIFFERS, FILE, MODULES, public, state, table


def test_the_table_is_what_keras_and_the_catalogue_say_today():
    assert FILE.read_text(encoding="utf-8") == table(), "run `make docs` and commit docs/keras.md"


@pytest.mark.parametrize("group", MODULES)
def test_no_name_of_keras_is_missing(group):
    assert [name for name in public(group) if state(group, name)[0] == "missing"] == []


@pytest.mark.parametrize("group", MODULES)
def test_what_is_refused_is_keras_s_and_no_word(group):
    for name in REFUSED.get(group, {}):
        assert find(group, name) is None, name


def test_what_differs_is_a_word():
    for key in DIFFERS:
        group, name = key.split(".")
        assert any(name in words for words in INDEX[group].values()), key


@pytest.mark.parametrize(
    ("group", "name"),
    [(group, name) for group, held in REFUSED.items() for name in held if group != "layers"],
)
def test_a_refused_name_says_what_to_use(group, name):
    with pytest.raises(Rejected) as caught:
        bind(group, name)
    (fault,) = caught.value.diagnostics
    assert "Keras's" in fault.message
    assert fault.help
    assert fault.help[0].startswith("use ")
