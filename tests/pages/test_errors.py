"""Errors of the reference that occur without access policies."""

import pytest

from generate_errors import TROUBLES, pattern_of
from support.error_scenarios import MISHAPS
from support.live_cluster import World
from support.remote_error_scenarios import DISTANCES

SCENARIOS = {**MISHAPS, **DISTANCES}


@pytest.mark.parametrize("name", SCENARIOS)
def test_error_matches_the_reference(world: World, name: str) -> None:
    message = SCENARIOS[name](world)

    assert pattern_of(TROUBLES[name]).fullmatch(message), message
