"""``argocd-rbac-cm`` is somebody else's: missing it is reported, never created."""

import time

from support.live_cluster import World, a_grant, after, eventually, sleep_until

TWO_SWEEPS = 7.0


def says_it_is_missing(world: World, grant: str) -> bool:
    """Both the grant and its instance have to say so."""
    reasons = {world.ready(grant)[1], world.instance_says()[1]}
    return reasons == {"ConfigMapMissing"}


def test_a_deleted_config_map_is_waited_for(shared_world: World) -> None:
    """Nobody creates it; once a person restores it, the grant is bound again."""
    shared_world.apply(a_grant("running"))
    eventually(shared_world.may_sync, within=30)
    shared_world.remove_config_map()
    eventually(lambda: says_it_is_missing(shared_world, "running"), within=10)
    time.sleep(TWO_SWEEPS)

    assert not shared_world.has_config_map()
    assert "Restore the ConfigMap" in shared_world.ready("running")[2]
    shared_world.create_config_map()
    eventually(lambda: shared_world.ready("running")[1] == "Bound", within=10)
    eventually(lambda: shared_world.instance_says()[1] == "Converged", within=10)
    shared_world.plane.argocd.settle()
    assert shared_world.may_sync()


def test_a_deleted_grant_is_held_until_the_config_map_is_back(
    shared_world: World,
) -> None:
    """Argo CD still obeys its memory of the ConfigMap, so the grant may not vanish."""
    shared_world.apply(a_grant("held"))
    eventually(shared_world.may_sync, within=30)
    eventually(lambda: shared_world.ready("held")[1] == "Bound", within=10)
    backup = shared_world.remove_config_map()
    eventually(lambda: says_it_is_missing(shared_world, "held"), within=10)
    shared_world.delete_later("accessgrant", "held")
    time.sleep(TWO_SWEEPS)

    assert "deletionTimestamp" in shared_world.grant("held")["metadata"]
    status, reason, message = shared_world.ready("held")
    assert (status, reason) == ("False", "ConfigMapMissing")
    assert message.startswith("The grant is being deleted.")
    assert shared_world.may_sync()
    assert "g, alice, role:deployer" in backup["data"]["policy.argogrant.csv"]
    shared_world.apply(backup)
    eventually(lambda: not shared_world.exists("accessgrant", "held"), within=30)
    eventually(lambda: not shared_world.may_sync(), within=10)


def test_an_end_is_told_once_argo_cd_refuses(shared_world: World) -> None:
    """Until the ConfigMap is back Argo CD allows what has ended, and the grant says so.

    The backup still has the line, as it would after a careless restore.
    """
    end = after(15)
    shared_world.apply(a_grant("ending", expiresAt=end))
    eventually(shared_world.may_sync, within=10)
    eventually(lambda: shared_world.ready("ending")[1] == "Bound", within=10)
    backup = shared_world.remove_config_map()
    sleep_until(end)
    time.sleep(TWO_SWEEPS)

    assert shared_world.may_sync()
    assert shared_world.ready("ending")[:2] == ("False", "ConfigMapMissing")
    assert "endedAt" not in shared_world.grant("ending")["status"]
    shared_world.apply(backup)
    eventually(lambda: shared_world.ready("ending")[1] == "Expired", within=10)
    assert "endedAt" in shared_world.grant("ending")["status"]
    eventually(lambda: not shared_world.may_sync(), within=10)


def test_a_person_may_abandon_a_held_grant(shared_world: World) -> None:
    """The annotation lets it go although the revocation is not certain."""
    shared_world.apply(a_grant("given-up"))
    shared_world.wait_until_bound("given-up")
    shared_world.remove_config_map()
    eventually(lambda: says_it_is_missing(shared_world, "given-up"), within=10)
    shared_world.delete_later("accessgrant", "given-up")
    time.sleep(TWO_SWEEPS)
    assert shared_world.exists("accessgrant", "given-up")
    shared_world.abandon("given-up")

    eventually(lambda: not shared_world.exists("accessgrant", "given-up"), within=10)
    assert not shared_world.has_config_map()
