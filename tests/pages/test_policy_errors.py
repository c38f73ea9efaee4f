"""Errors of the reference that occur under access policies."""

from collections.abc import Iterator

import pytest

from controlplane import ControlPlane
from generate_errors import TROUBLES, pattern_of
from support import live_policies
from support.live_policies import OIDC_PREFIX, ONE_APPROVAL, ClusterWithPolicies
from support.policy_error_scenarios import QUARRELS


@pytest.fixture(scope="module")
def served(
    identity_policies: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ClusterWithPolicies]:
    log = tmp_path_factory.mktemp("errors") / "operator.log"
    with live_policies.cluster_with_operator(identity_policies, log) as world:
        yield world


@pytest.fixture
def world(served: ClusterWithPolicies) -> ClusterWithPolicies:
    """Developers may deploy for two hours after an approver has approved."""
    served.clean_up()
    served.apply_policies(ONE_APPROVAL, **OIDC_PREFIX)
    return served


@pytest.mark.parametrize("name", QUARRELS)
def test_error_under_access_policies_matches_the_reference(
    world: ClusterWithPolicies, name: str
) -> None:
    message = QUARRELS[name](world)

    assert pattern_of(TROUBLES[name]).fullmatch(message), message
