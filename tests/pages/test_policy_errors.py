"""Errors of the reference that occur under access policies."""

from collections.abc import Iterator

import pytest

from controlplane import ControlPlane
from generate_errors import TROUBLES, pattern_of
from support import approval_flow
from support.approval_flow import BY_ONE, PREFIX, ClosedWorld
from support.policy_error_scenarios import QUARRELS


@pytest.fixture(scope="module")
def served(
    identity_policies: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ClosedWorld]:
    log = tmp_path_factory.mktemp("errors") / "operator.log"
    with approval_flow.served_world(identity_policies, log) as world:
        yield world


@pytest.fixture
def world(served: ClosedWorld) -> ClosedWorld:
    """Developers may deploy for two hours after an approver has approved."""
    served.clear()
    served.install(BY_ONE, **PREFIX)
    return served


@pytest.mark.parametrize("name", QUARRELS)
def test_error_under_access_policies_matches_the_reference(
    world: ClosedWorld, name: str
) -> None:
    message = QUARRELS[name](world)

    assert pattern_of(TROUBLES[name]).fullmatch(message), message
