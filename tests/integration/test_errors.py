"""Every error of the reference looks as it says there: those that need no policies."""

import pytest

from generate_errors import TROUBLES, pattern_of
from mishaps import MISHAPS
from world import World


@pytest.mark.parametrize("name", MISHAPS)
def test_an_error_looks_as_the_reference_says(shared_world: World, name: str) -> None:
    said = MISHAPS[name](shared_world)

    assert pattern_of(TROUBLES[name]).fullmatch(said), said
