"""Whatever stands in a text: a tree, or errors that can be shown. Never anything else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelspec.source import events
from modelspec.source.diagnostics import Diagnostic, Rejected
from modelspec.source.render import render_all
from modelspec.source.text import Source
from modelspec.source.tree import parse, to_plain

WORDS = [": ", "- ", "\n  ", "${", "<<", "---\n", "\r\n", "\\u1"]
PIECES = st.sampled_from([*"{}[]:,-?!&*|>'\"%@`#~ \n\t\\ab1.é日", *WORDS])
TEXTS = st.lists(PIECES, max_size=30).map("".join)

SPEC = """\
inputs: {x: [3, null], y: {shape: [2], dtype: int32}}   # two
layers:
  a: {type: Dense, units: 3, from: x}
  b:
    - "c d"
    - 'e'
text: |
  one
  two
"""


def survives(text: str) -> None:
    found = errors(text)
    for form in ("full", "concise", "json"):
        assert render_all(found, form, False, 80) or not found


def errors(text: str) -> list[Diagnostic]:
    try:
        to_plain(parse(Source("spec.yaml", text)))
    except Rejected as rejected:
        return rejected.diagnostics
    return []


@given(TEXTS)
def test_any_text_is_read_or_refused(text):
    survives(text)


@given(st.integers(0, len(SPEC)), st.integers(0, 6), TEXTS)
def test_a_damaged_spec_is_read_or_refused(at, gone, put):
    survives(SPEC[:at] + put + SPEC[at + gone :])


@given(st.text(max_size=20))
def test_any_characters_are_read_or_refused(text):
    survives(text)


@given(TEXTS)
def test_pythons_own_parser_reads_or_refuses_any_text(text):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(events, "parser_class", events._pure_parser_class)
        survives(text)


def test_garbage_collection_goes_on_after_a_text_is_refused():
    import gc

    survives("a: [")
    assert gc.isenabled()
