"""Every error of the reference looks as it says there: those that need no policies."""

import pytest

from generate_errors import TROUBLES, pattern_of
from support.error_scenarios import MISHAPS
from support.live_cluster import World
from support.remote_error_scenarios import DISTANCES

PROVOKED = {**MISHAPS, **DISTANCES}


@pytest.mark.parametrize("name", PROVOKED)
def test_an_error_looks_as_the_reference_says(shared_world: World, name: str) -> None:
    said = PROVOKED[name](shared_world)

    assert pattern_of(TROUBLES[name]).fullmatch(said), said
