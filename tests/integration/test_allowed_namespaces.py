"""One operator, two namespaces: Argo CD's owner says whose ArgoCDInstances may bind."""

from collections.abc import Iterator
from typing import Any

import pytest

from argogrant.argocd.appproject.project import MEMBERS_ANNOTATION
from controlplane import ControlPlane
from support import two_namespaces
from support.live_cluster import OVERLAY, World, a_grant, eventually
from support.operator_process import FREQUENT_RESYNCS
from support.two_namespaces import IN_PROJECT, team_grant, team_instance, team_says

OPERATOR_OPTIONS = (*FREQUENT_RESYNCS, *two_namespaces.SERVED)
REFUSED = "NotAllowedByArgoCD"


@pytest.fixture(scope="module")
def installed(installed: ControlPlane) -> Iterator[ControlPlane]:
    """The control plane with a second namespace for the operator."""
    with two_namespaces.installed(installed):
        yield installed


@pytest.fixture
def world(served: World) -> Iterator[World]:
    """A cluster whose Argo CD has neither a binding nor the annotation."""
    served.reset()
    yield served
    two_namespaces.remove_team(served.plane)


def is_admin(world: World, account: str = "carol") -> bool:
    return world.plane.argocd.can_i(account, "clusters", "delete", "*")


def test_stranger_does_not_become_admin_of_an_unclaimed_argocd(world: World) -> None:
    """Only after its owner has run the command of the message, and until then."""
    world.apply(
        team_instance(), team_grant("coup", role={"name": "role:admin"}, duration="9m")
    )
    eventually(lambda: team_says(world)[0] == REFUSED, within=30)
    eventually(lambda: team_says(world, "accessgrant", "coup")[0] == REFUSED, within=30)
    assert "Ask whoever may edit" in team_says(world, "accessgrant", "coup")[1]
    world.wait_for_resyncs()
    assert OVERLAY not in world.config_map()["data"]
    assert not is_admin(world)

    command = team_says(world)[1].partition("allow it: kubectl ")[2].split()
    assert "argogrant.dev/allowed-namespaces=argogrant,team-b" in command
    world.plane.kubectl(*command)
    eventually(lambda: is_admin(world), within=30)

    world.allow("argogrant")
    eventually(lambda: not is_admin(world), within=10)
    eventually(lambda: team_says(world, "accessgrant", "coup")[0] == REFUSED, within=30)
    assert OVERLAY not in world.config_map()["data"]
    world.apply(a_grant("own"))
    world.wait_until_bound("own")


def test_stranger_does_not_become_a_member_of_a_project(world: World) -> None:
    """Nothing is added to the AppProject, and what was added is removed."""

    def groups() -> Any:
        return world.appproject("team-a")["spec"]["roles"][0].get("groups")

    world.apply(
        team_instance(bindProjectRolesIn="AppProject"),
        team_grant("member", role=IN_PROJECT),
    )
    eventually(lambda: team_says(world)[0] == REFUSED, within=30)
    world.wait_for_resyncs()
    assert not groups()
    assert not world.may_sync("carol")

    world.allow("team-b")
    eventually(lambda: world.may_sync("carol"), within=30)
    assert groups() == ["carol"]

    world.allow(None)
    eventually(lambda: not world.may_sync("carol"), within=10)
    assert not groups()
    assert (
        MEMBERS_ANNOTATION not in world.appproject("team-a")["metadata"]["annotations"]
    )


def test_stranger_changes_nothing_of_the_instance_that_is_allowed(world: World) -> None:
    """Neither before nor after both are allowed: the first header stays."""
    world.apply(a_grant("own"))
    world.wait_until_bound("own")
    version = world.version()
    world.apply(team_instance(), team_grant("rival"))
    eventually(lambda: team_says(world)[0] == REFUSED, within=30)
    world.wait_for_resyncs()
    assert world.version() == version

    world.allow("argogrant,team-b")
    eventually(lambda: team_says(world)[0] == "OverlayOwnedByAnother", within=30)
    world.wait_for_resyncs()
    assert world.overlay().startswith("# argogrant v1 argogrant/default ")
    assert world.may_sync()
    assert not world.may_sync("carol")


def test_of_two_allowed_instances_one_binds(world: World) -> None:
    """Both plan for the same version of an empty key; the API server accepts one."""
    world.allow("argogrant,team-b")
    world.apply(team_instance())
    eventually(lambda: team_says(world)[0] == "Converged", within=30)
    world.apply(a_grant("own"), team_grant("rival"))

    def reasons() -> set[str]:
        return {world.ready("own")[1], team_says(world, "accessgrant", "rival")[0]}

    eventually(lambda: reasons() == {"Bound", "OverlayOwnedByAnother"}, within=30)
    text = world.overlay()
    eventually(lambda: world.may_sync() is not world.may_sync("carol"), within=10)
    world.wait_for_resyncs()
    assert world.overlay() == text

    world.allow("argogrant")
    world.wait_until_bound("own")
    eventually(lambda: world.may_sync() and not world.may_sync("carol"), within=10)
