"""Ten thousand damaged specs give diagnostics, and nothing else; ten thousand more are beside."""

from __future__ import annotations

import pytest

from tests.fuzz.damage import a_shard_survives


@pytest.mark.parametrize("seed", range(4))
def test_damaged_specs_give_diagnostics_alone(seed, figure):
    a_shard_survives(seed, figure)
