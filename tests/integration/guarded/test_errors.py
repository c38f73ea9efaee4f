"""Errors look as the reference says: those that people meet where policies decide."""

import pytest

from generate_errors import TROUBLES, pattern_of
from support.approval_flow import ClosedWorld
from support.policy_error_scenarios import QUARRELS


@pytest.mark.parametrize("name", QUARRELS)
def test_an_error_looks_as_the_reference_says(world: ClosedWorld, name: str) -> None:
    said = QUARRELS[name](world)

    assert pattern_of(TROUBLES[name]).fullmatch(said), said
