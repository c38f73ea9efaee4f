"""Every error of the reference looks as it says there: those that need no policies."""

import pytest

from distances import DISTANCES
from generate_errors import TROUBLES, pattern_of
from mishaps import MISHAPS
from world import World

PROVOKED = {**MISHAPS, **DISTANCES}


@pytest.mark.parametrize("name", PROVOKED)
def test_an_error_looks_as_the_reference_says(shared_world: World, name: str) -> None:
    said = PROVOKED[name](shared_world)

    assert pattern_of(TROUBLES[name]).fullmatch(said), said
