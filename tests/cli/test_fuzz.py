"""Damaged specs give diagnostics, and nothing else."""

from __future__ import annotations

import pytest

from tests.fuzzing import fuzz


@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_spec_gives_diagnostics_alone(seed):
    assert fuzz(500, seed) == 500


@pytest.mark.nightly
def test_twenty_thousand_damaged_specs_give_diagnostics_alone():
    assert fuzz(20_000, 100) == 20_000
