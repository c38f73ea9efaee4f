"""An ArgoCDInstance is deleted while grants wait: all of it ends, and is gone."""

import time
from typing import Any

import pytest

from support.live_cluster import OVERLAY, World, a_grant, eventually

TWO_SWEEPS = 7.0


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
def test_a_grant_and_its_instance_are_deleted_at_once(
    shared_world: World, kinds: list[str]
) -> None:
    """In either order both go, and with them our key."""
    names = {"accessgrant": "waiting", "argocdinstance": "default"}
    shared_world.apply(a_grant("waiting"), a_grant("other", subject="erin"))
    shared_world.wait_until_bound("waiting", "other")
    for kind in kinds:
        shared_world.delete_later(kind, names[kind])
    eventually(lambda: everything_is_gone(shared_world), within=20)

    eventually(lambda: not shared_world.may_sync(), within=10)
    assert not shared_world.may_sync("erin")
    assert OVERLAY not in shared_world.config_map()["data"]
    shared_world.delete("other")


def test_an_instance_without_grants_takes_its_key_along(shared_world: World) -> None:
    """The header alone would make the next owner believe that it is not alone."""
    shared_world.apply(a_grant("past"))
    shared_world.wait_until_bound("past")
    shared_world.delete("past")
    assert OVERLAY in shared_world.config_map()["data"]
    shared_world.ours("delete", "argocdinstance", "default")

    assert OVERLAY not in shared_world.config_map()["data"]


def test_both_wait_until_the_access_can_be_taken_away(shared_world: World) -> None:
    """Without its Role the operator lets neither go; with it nothing is left."""
    shared_world.apply(a_grant("waiting"))
    shared_world.wait_until_bound("waiting")
    shared_world.remove_rights()
    shared_world.delete_later("accessgrant", "waiting")
    shared_world.delete_later("argocdinstance", "default")
    time.sleep(TWO_SWEEPS)
    assert shared_world.exists("accessgrant", "waiting")
    assert shared_world.exists("argocdinstance", "default")
    assert shared_world.may_sync()
    shared_world.restore_rights()

    eventually(lambda: everything_is_gone(shared_world), within=20)
    eventually(lambda: not shared_world.may_sync(), within=10)
    assert OVERLAY not in shared_world.config_map()["data"]


def lose_the_config_map(world: World) -> dict[str, Any]:
    """Gives what restores it, with our key in it."""
    world.apply(a_grant("waiting"))
    world.wait_until_bound("waiting")
    backup = world.remove_config_map()
    eventually(lambda: world.instance_says()[1] == "ConfigMapMissing", within=10)
    return backup


def test_an_instance_waits_for_the_config_map(shared_world: World) -> None:
    """Nobody else would remove its key from a backup; Argo CD obeys it meanwhile."""
    backup = lose_the_config_map(shared_world)
    shared_world.delete_later("argocdinstance", "default")
    time.sleep(TWO_SWEEPS)
    assert shared_world.exists("argocdinstance", "default")
    status, reason, message = shared_world.instance_says()
    assert (status, reason) == ("False", "ConfigMapMissing")
    assert "argogrant.dev/abandon" in message
    assert shared_world.may_sync()
    assert OVERLAY in backup["data"]
    shared_world.apply(backup)
    eventually(lambda: not shared_world.exists("argocdinstance", "default"), within=20)

    assert OVERLAY not in shared_world.config_map()["data"]
    eventually(lambda: not shared_world.may_sync(), within=10)
    shared_world.delete("waiting")


def test_an_abandoned_instance_takes_its_deleted_grants_along(
    shared_world: World,
) -> None:
    """There is nobody left who could wait for the ConfigMap."""
    lose_the_config_map(shared_world)
    shared_world.delete_later("accessgrant", "waiting")
    shared_world.delete_later("argocdinstance", "default")
    time.sleep(TWO_SWEEPS)
    assert shared_world.exists("accessgrant", "waiting")
    assert shared_world.exists("argocdinstance", "default")
    shared_world.abandon("default", kind="argocdinstance")

    eventually(lambda: everything_is_gone(shared_world), within=20)
    assert not shared_world.has_config_map()
