"""Cluster in which developers may deploy after an approval."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from argogrant.api.admission_policies import MUTATING_FILE, VALIDATING_FILE
from controlplane import ControlPlane
from support import admission_objects, approval_flow, operator_process
from support.admission_objects import Asker, Body
from support.approval_flow import BY_ONE, PREFIX, ClosedWorld


@pytest.fixture(scope="package")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Log of the operator, in the folder of its audit stream."""
    return tmp_path_factory.mktemp("guarded") / "operator.log"


@pytest.fixture(scope="package")
def served(control_plane: ControlPlane, log: Path) -> Iterator[ClosedWorld]:
    """One operator and one installation of the admission policies of the folder.

    No test here changes them, and waiting for their propagation takes long.
    """
    operator_process.install_with_instance(control_plane)
    with (
        admission_objects.policies(control_plane, VALIDATING_FILE, MUTATING_FILE),
        approval_flow.served_world(control_plane, log) as world,
    ):
        yield world


@pytest.fixture
def world(served: ClosedWorld) -> ClosedWorld:
    """Developers may deploy for two hours after an approval."""
    served.clear()
    served.install(BY_ONE, **PREFIX)
    return served


@pytest.fixture
def alice(world: ClosedWorld) -> Asker:
    return world.person("oidc:alice", "developers")


@pytest.fixture
def bob(world: ClosedWorld) -> Asker:
    return world.person("oidc:bob", "approvers")


@pytest.fixture
def waiting(world: ClosedWorld, alice: Asker) -> Body:
    """Grant that Alice has requested, without an approval."""
    grant = world.ask(alice, "wanted")
    world.comes_to_say("wanted", "AwaitingApproval")
    return grant
