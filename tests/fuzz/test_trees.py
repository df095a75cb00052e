"""Trees of the language's own words give diagnostics, and nothing else."""

from __future__ import annotations

import yaml
from hypothesis import given, settings

from tests.fuzz.damage import survives
from tests.fuzz.trees import SPEC


@given(tree=SPEC)
@settings(max_examples=250)
def test_a_tree_of_the_languages_words_gives_diagnostics_alone(tree):
    survives(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True))
