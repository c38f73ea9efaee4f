"""The operator loses its Role while it runs: it says which right is missing.

Watches that are open live on without the Role, so the loss is noticed by the next
write, or by the next sweep if there is nothing to write.
"""

import time

from support.live_cluster import World, a_grant, after, eventually, sleep_until

TWO_SWEEPS = 7.0
NOTHING_IN_ARGOCD = (
    "The operator's service account may not get, list, watch, patch"
    " configmaps/argocd-rbac-cm in namespace argocd; get, list, watch appprojects in"
    " namespace argocd. Give it the Role argogrant of Argo CD's namespace"
    " (manifests/argocd-namespace.yaml)."
)


def is_forbidden(world: World) -> bool:
    return world.instance_says()[:2] == ("False", "Forbidden")


def test_a_write_that_is_forbidden_is_reported(shared_world: World) -> None:
    """Instance and grant say so; the grant is bound once the right is back."""
    shared_world.apply(a_grant("before", subject="erin"))
    eventually(lambda: shared_world.may_sync("erin"), within=30)
    shared_world.remove_rights()
    shared_world.apply(a_grant("new"))
    eventually(lambda: is_forbidden(shared_world), within=30)
    eventually(lambda: shared_world.instance_says()[2] == NOTHING_IN_ARGOCD, within=15)
    eventually(lambda: shared_world.ready("new")[1] == "InstanceUnavailable", within=10)
    assert shared_world.may_sync("erin")
    assert not shared_world.may_sync()
    shared_world.restore_rights()

    eventually(shared_world.may_sync, within=30)
    eventually(lambda: shared_world.instance_says()[1] == "Converged", within=10)


def test_a_deleted_grant_is_held_until_the_right_is_back(shared_world: World) -> None:
    """It does not vanish while its access can not be taken away."""
    shared_world.apply(a_grant("held"))
    shared_world.wait_until_bound("held")
    shared_world.remove_rights()
    shared_world.delete_later("accessgrant", "held")
    eventually(lambda: is_forbidden(shared_world), within=30)
    time.sleep(TWO_SWEEPS)
    assert shared_world.exists("accessgrant", "held")
    assert shared_world.may_sync()
    shared_world.restore_rights()

    eventually(lambda: not shared_world.exists("accessgrant", "held"), within=30)
    eventually(lambda: not shared_world.may_sync(), within=10)


def test_a_lost_right_is_noticed_although_nothing_is_written(
    shared_world: World,
) -> None:
    """Somebody mends it before the next grant needs it."""
    shared_world.apply(a_grant("steady"))
    shared_world.wait_until_bound("steady")
    shared_world.remove_rights()
    eventually(lambda: is_forbidden(shared_world), within=30)
    eventually(lambda: shared_world.instance_says()[2] == NOTHING_IN_ARGOCD, within=10)
    assert shared_world.may_sync()
    shared_world.restore_rights()

    eventually(lambda: shared_world.instance_says()[1] == "Converged", within=30)
    eventually(lambda: shared_world.ready("steady")[1] == "Bound", within=10)


def test_a_person_may_abandon_what_can_not_be_revoked(shared_world: World) -> None:
    """The annotation lets a deleted grant go although the write is forbidden."""
    shared_world.apply(a_grant("given-up"))
    shared_world.wait_until_bound("given-up")
    shared_world.remove_rights()
    shared_world.delete_later("accessgrant", "given-up")
    eventually(lambda: is_forbidden(shared_world), within=30)
    assert shared_world.exists("accessgrant", "given-up")
    shared_world.abandon("given-up")

    eventually(lambda: not shared_world.exists("accessgrant", "given-up"), within=30)
    assert shared_world.may_sync()
    shared_world.restore_rights()
    eventually(lambda: not shared_world.may_sync(), within=30)


def test_a_grant_is_not_called_over_while_its_access_can_not_be_taken(
    shared_world: World,
) -> None:
    """Past its end it says that nothing can be written; then it is Expired."""
    end = after(15)
    shared_world.apply(a_grant("overdue", expiresAt=end))
    eventually(lambda: shared_world.ready("overdue")[1] == "Bound", within=14)
    shared_world.remove_rights()
    sleep_until(end)
    eventually(lambda: is_forbidden(shared_world), within=30)
    time.sleep(TWO_SWEEPS)
    assert shared_world.may_sync()
    assert shared_world.ready("overdue")[:2] == ("False", "InstanceUnavailable")
    assert "endedAt" not in shared_world.grant("overdue")["status"]
    shared_world.restore_rights()

    eventually(lambda: shared_world.ready("overdue")[1] == "Expired", within=30)
    assert "endedAt" in shared_world.grant("overdue")["status"]
    assert not shared_world.may_sync()
