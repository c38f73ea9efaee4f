"""Cluster in which developers may deploy after an approval."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from argogrant.api.admission_policies import (
    LIMITS_FILE,
    MUTATING_FILE,
    VALIDATING_FILE,
)
from controlplane import ControlPlane
from support import admission_objects, live_policies, operator_process
from support.admission_objects import Asker, Body
from support.live_policies import OIDC_PREFIX, ONE_APPROVAL, ClusterWithPolicies


@pytest.fixture(scope="package")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Log of the operator, in the folder of its audit stream."""
    return tmp_path_factory.mktemp("guarded") / "operator.log"


@pytest.fixture(scope="package")
def served(control_plane: ControlPlane, log: Path) -> Iterator[ClusterWithPolicies]:
    """One operator and one installation of the admission policies of the folder.

    No test here changes them, and waiting for their propagation takes long.
    """
    operator_process.install_with_instance(control_plane)
    with (
        admission_objects.policies(
            control_plane, VALIDATING_FILE, MUTATING_FILE, LIMITS_FILE
        ),
        live_policies.cluster_with_operator(control_plane, log) as world,
    ):
        yield world


@pytest.fixture
def world(served: ClusterWithPolicies) -> ClusterWithPolicies:
    """Developers may deploy for two hours after an approval."""
    served.clean_up()
    served.apply_policies(ONE_APPROVAL, **OIDC_PREFIX)
    return served


@pytest.fixture
def alice(world: ClusterWithPolicies) -> Asker:
    return world.user("oidc:alice", "developers")


@pytest.fixture
def bob(world: ClusterWithPolicies) -> Asker:
    return world.user("oidc:bob", "approvers")


@pytest.fixture
def waiting(world: ClusterWithPolicies, alice: Asker) -> Body:
    """Grant that Alice has requested, without an approval."""
    grant = world.create_grant(alice, "wanted")
    world.wait_for_reason("wanted", "AwaitingApproval")
    return grant
