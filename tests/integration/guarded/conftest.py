"""A world in which developers may deploy once an approver has agreed."""

from collections.abc import Iterator

import pytest

import asking
from admission import Asker, Body
from asking import BY_ONE, PREFIX, ClosedWorld
from controlplane import ControlPlane


@pytest.fixture(scope="module")
def served(
    identity_policies: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ClosedWorld]:
    log = tmp_path_factory.mktemp("attackers") / "operator.log"
    with asking.served_world(identity_policies, log) as world:
        yield world


@pytest.fixture
def world(served: ClosedWorld) -> ClosedWorld:
    """Developers may deploy for two hours, once an approver has agreed."""
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
    """A grant that Alice has asked for, and that nobody has approved."""
    grant = world.ask(alice, "wanted")
    world.comes_to_say("wanted", "AwaitingApproval")
    return grant
