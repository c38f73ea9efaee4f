"""Roles that are created and removed while grants refer to them."""

from typing import Any

import pytest

from support.live_cluster import PROJECT, RULES, World, a_grant, eventually

LATER = "p, role:later, applications, sync, */*, allow\n"
TEAM_ROLE = {"name": "deployer", "project": "team-a"}
WITHOUT_ROLES: dict[str, Any] = {**PROJECT, "spec": {"roles": []}}


def is_unbound_for_want_of_its_role(world: World, name: str) -> bool:
    """Argo CD's no is not enough: a role without rules gives no rights either."""
    return (
        world.ready(name)[1] == "RoleNotFound"
        and "alice" not in world.overlay()
        and not world.may_sync()
    )


def test_removed_global_role_unbinds_its_grants(
    world: World,
) -> None:
    """A new role of this name could have other rules; the grant is then bound again."""
    world.edit({"policy.csv": RULES + LATER})
    world.apply(a_grant("moody", role={"name": "role:later"}))
    eventually(world.may_sync, within=30)
    world.edit({"policy.csv": RULES})
    eventually(lambda: is_unbound_for_want_of_its_role(world, "moody"), within=10)
    world.edit({"policy.csv": RULES + LATER})

    eventually(world.may_sync, within=30)
    eventually(lambda: world.ready("moody")[1] == "Bound", within=30)


def remove_the_role(world: World) -> None:
    world.apply(WITHOUT_ROLES)


def remove_the_project(world: World) -> None:
    world.argocds("delete", "appproject", "team-a")


@pytest.mark.parametrize("remove", [remove_the_role, remove_the_project])
def test_removed_project_role_unbinds_its_grants(world: World, remove: Any) -> None:
    """The role is removed from the project, or the project is deleted and recreated."""
    world.apply(a_grant("team", role=TEAM_ROLE))
    eventually(world.may_sync, within=30)
    remove(world)
    eventually(lambda: is_unbound_for_want_of_its_role(world, "team"), within=10)
    world.apply(PROJECT)

    eventually(world.may_sync, within=30)
    eventually(lambda: world.ready("team")[1] == "Bound", within=30)
    assert not world.may_sync(project="other")


def test_subject_that_becomes_a_role_is_unbound(world: World) -> None:
    """All members of that role would otherwise get the role of the grant."""
    world.apply(a_grant("ops", subject="ops-team"))
    world.wait_until_bound("ops")
    world.edit({"policy.csv": RULES + "g, carol, ops-team\n"})
    eventually(lambda: world.ready("ops")[1] == "SubjectRefused", within=10)
    world.plane.argocd.settle()

    assert not world.may_sync("carol")
    assert "ops-team" not in world.overlay()
