"""Deletion of an ArgoCDInstance, and of grants at the same time."""

from typing import Any

import pytest

from support.live_cluster import OVERLAY, World, a_grant, eventually

ABANDON = "argogrant.dev/abandon"


def everything_is_gone(world: World) -> bool:
    return not (
        world.exists("accessgrant", "waiting")
        or world.exists("argocdinstance", "default")
    )


@pytest.mark.parametrize(
    "kinds",
    [
        pytest.param(["accessgrant", "argocdinstance"], id="the grant first"),
        pytest.param(["argocdinstance", "accessgrant"], id="the instance first"),
    ],
)
def test_grant_and_instance_are_deleted_in_either_order(
    world: World, kinds: list[str]
) -> None:
    """The key is removed from the ConfigMap."""
    names = {"accessgrant": "waiting", "argocdinstance": "default"}
    world.apply(a_grant("waiting"), a_grant("other", subject="erin"))
    world.wait_until_bound("waiting", "other")
    for kind in kinds:
        world.delete_later(kind, names[kind])
    eventually(lambda: everything_is_gone(world), within=20)

    eventually(lambda: not world.may_sync(), within=10)
    eventually(lambda: not world.may_sync("erin"), within=10)
    assert OVERLAY not in world.config_map()["data"]
    world.delete("other")


def test_deleted_instance_without_grants_removes_its_key(world: World) -> None:
    """A remaining header would look like another owner."""
    world.apply(a_grant("past"))
    world.wait_until_bound("past")
    world.delete("past")
    assert OVERLAY in world.config_map()["data"]
    world.ours("delete", "argocdinstance", "default")

    assert OVERLAY not in world.config_map()["data"]


def test_grant_and_instance_keep_finalizers_without_the_role(world: World) -> None:
    """With the Role, the operator revokes and releases both."""
    world.apply(a_grant("waiting"))
    world.wait_until_bound("waiting")
    world.remove_rights()
    world.delete_later("accessgrant", "waiting")
    world.delete_later("argocdinstance", "default")
    eventually(lambda: world.instance_says()[1] == "Forbidden", within=30)
    assert world.exists("accessgrant", "waiting")
    assert world.exists("argocdinstance", "default")
    assert world.may_sync()
    world.restore_rights()

    eventually(lambda: everything_is_gone(world), within=20)
    eventually(lambda: not world.may_sync(), within=10)
    assert OVERLAY not in world.config_map()["data"]


def lose_the_config_map(world: World) -> dict[str, Any]:
    """Gives what restores it, with our key in it."""
    world.apply(a_grant("waiting"))
    world.wait_until_bound("waiting")
    backup = world.remove_config_map()
    eventually(lambda: world.instance_says()[1] == "ConfigMapMissing", within=30)
    return backup


def wait_until_release_is_refused(world: World) -> None:
    """Wait until the deleted instance has a message about what it waits for."""
    eventually(lambda: ABANDON in world.instance_says()[2], within=20)


def test_deleted_instance_waits_for_the_config_map(world: World) -> None:
    """A restored backup would contain its key; Argo CD uses it meanwhile."""
    backup = lose_the_config_map(world)
    world.delete_later("argocdinstance", "default")
    wait_until_release_is_refused(world)
    assert world.exists("argocdinstance", "default")
    status, reason, message = world.instance_says()
    assert (status, reason) == ("False", "ConfigMapMissing")
    assert ABANDON in message
    assert world.may_sync()
    assert OVERLAY in backup["data"]
    world.apply(backup)
    eventually(lambda: not world.exists("argocdinstance", "default"), within=20)

    assert OVERLAY not in world.config_map()["data"]
    eventually(lambda: not world.may_sync(), within=10)
    world.delete("waiting")


def test_abandoned_instance_releases_its_deleted_grants(
    world: World,
) -> None:
    """Without the instance, no grant waits for the ConfigMap."""
    lose_the_config_map(world)
    world.delete_later("accessgrant", "waiting")
    world.delete_later("argocdinstance", "default")
    wait_until_release_is_refused(world)
    eventually(lambda: "is being deleted" in world.ready("waiting")[2], within=20)
    assert world.exists("accessgrant", "waiting")
    assert world.exists("argocdinstance", "default")
    world.abandon("default", kind="argocdinstance")

    eventually(lambda: everything_is_gone(world), within=20)
    assert not world.has_config_map()
