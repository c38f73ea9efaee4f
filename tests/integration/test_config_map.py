"""A missing ``argocd-rbac-cm``, which the operator reports and never creates."""

import pytest

from support.live_cluster import World, a_grant, after, eventually, sleep_until
from support.operator_process import FREQUENT_RESYNCS

OPERATOR_OPTIONS = FREQUENT_RESYNCS


def is_config_map_missing(world: World, grant: str) -> bool:
    """Return whether the grant and its instance have this reason."""
    reasons = {world.ready(grant)[1], world.instance_says()[1]}
    return reasons == {"ConfigMapMissing"}


def test_deleted_config_map_is_not_created_and_grant_is_bound_after_its_restoration(
    world: World,
) -> None:
    world.apply(a_grant("running"))
    eventually(world.may_sync, within=30)
    world.remove_config_map()
    eventually(lambda: is_config_map_missing(world, "running"), within=30)
    world.wait_for_resyncs()

    assert not world.has_config_map()
    assert "Restore the ConfigMap" in world.ready("running")[2]
    world.create_config_map()
    eventually(lambda: world.ready("running")[1] == "Bound", within=30)
    eventually(lambda: world.instance_says()[1] == "Converged", within=30)
    world.plane.argocd.settle()
    assert world.may_sync()


def test_deleted_grant_keeps_its_finalizer_until_the_config_map_is_restored(
    world: World,
) -> None:
    """Argo CD still uses the ConfigMap that it has read."""
    world.apply(a_grant("held"))
    eventually(world.may_sync, within=30)
    eventually(lambda: world.ready("held")[1] == "Bound", within=30)
    backup = world.remove_config_map()
    eventually(lambda: is_config_map_missing(world, "held"), within=30)
    world.delete_later("accessgrant", "held")
    world.wait_for_resyncs()

    assert "deletionTimestamp" in world.grant("held")["metadata"]
    status, reason, message = world.ready("held")
    assert (status, reason) == ("False", "ConfigMapMissing")
    assert message.startswith("The grant is being deleted.")
    assert world.may_sync()
    assert "g, alice, role:deployer" in backup["data"]["policy.argogrant.csv"]
    world.apply(backup)
    eventually(lambda: not world.exists("accessgrant", "held"), within=30)
    eventually(lambda: not world.may_sync(), within=10)


@pytest.mark.long
def test_grant_is_expired_only_once_argocd_refuses_access(world: World) -> None:
    """Until the ConfigMap is restored, Argo CD allows access after the end.

    The backup still contains the line.
    """
    end = after(25)
    world.apply(a_grant("ending", expiresAt=end))
    eventually(world.may_sync, within=15)
    eventually(lambda: world.ready("ending")[1] == "Bound", within=10)
    backup = world.remove_config_map()
    sleep_until(end)
    world.wait_for_resyncs()

    assert world.may_sync()
    assert world.ready("ending")[:2] == ("False", "ConfigMapMissing")
    assert "endedAt" not in world.grant("ending")["status"]
    world.apply(backup)
    eventually(lambda: world.ready("ending")[1] == "Expired", within=30)
    assert "endedAt" in world.grant("ending")["status"]
    eventually(lambda: not world.may_sync(), within=10)


def test_annotation_removes_the_finalizer_without_a_config_map(
    world: World,
) -> None:
    """The revocation is then not certain."""
    world.apply(a_grant("given-up"))
    world.wait_until_bound("given-up")
    world.remove_config_map()
    eventually(lambda: is_config_map_missing(world, "given-up"), within=30)
    world.delete_later("accessgrant", "given-up")
    world.wait_for_resyncs()
    assert world.exists("accessgrant", "given-up")
    world.abandon("given-up")

    eventually(lambda: not world.exists("accessgrant", "given-up"), within=30)
    assert not world.has_config_map()
