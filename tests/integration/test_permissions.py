"""An operator that loses its Role while it runs, and reports missing permissions.

Open watches continue without the Role. The next write finds out, or the next resync if
there is nothing to write.
"""

import pytest

from support.live_cluster import World, a_grant, after, eventually, sleep_until
from support.operator_process import FREQUENT_RESYNCS

OPERATOR_OPTIONS = FREQUENT_RESYNCS

NOTHING_IN_ARGOCD = (
    "The operator's service account may not get, list, watch, patch"
    " configmaps/argocd-rbac-cm in namespace argocd; get, list, watch appprojects in"
    " namespace argocd. Give it the Role argogrant of Argo CD's namespace"
    " (manifests/argocd-namespace.yaml)."
)


def is_forbidden(world: World) -> bool:
    return world.instance_says()[:2] == ("False", "Forbidden")


def test_forbidden_write_is_reported_and_succeeds_once_the_role_is_back(
    world: World,
) -> None:
    world.apply(a_grant("before", subject="erin"))
    eventually(lambda: world.may_sync("erin"), within=30)
    world.remove_rights()
    world.apply(a_grant("new"))
    eventually(lambda: is_forbidden(world), within=30)
    eventually(lambda: world.instance_says()[2] == NOTHING_IN_ARGOCD, within=30)
    eventually(lambda: world.ready("new")[1] == "InstanceUnavailable", within=30)
    assert world.may_sync("erin")
    assert not world.may_sync()
    world.restore_rights()

    eventually(world.may_sync, within=30)
    eventually(lambda: world.instance_says()[1] == "Converged", within=30)


def test_deleted_grant_keeps_its_finalizer_until_the_role_is_back(
    world: World,
) -> None:
    world.apply(a_grant("held"))
    world.wait_until_bound("held")
    world.remove_rights()
    world.delete_later("accessgrant", "held")
    eventually(lambda: is_forbidden(world), within=30)
    world.wait_for_resyncs()
    assert world.exists("accessgrant", "held")
    assert world.may_sync()
    world.restore_rights()

    eventually(lambda: not world.exists("accessgrant", "held"), within=30)
    eventually(lambda: not world.may_sync(), within=10)


def test_missing_role_is_reported_by_a_resync_without_a_write(
    world: World,
) -> None:
    world.apply(a_grant("steady"))
    world.wait_until_bound("steady")
    world.remove_rights()
    eventually(lambda: is_forbidden(world), within=30)
    eventually(lambda: world.instance_says()[2] == NOTHING_IN_ARGOCD, within=30)
    assert world.may_sync()
    world.restore_rights()

    eventually(lambda: world.instance_says()[1] == "Converged", within=30)
    eventually(lambda: world.ready("steady")[1] == "Bound", within=30)


def test_annotation_removes_the_finalizer_of_a_deleted_grant_without_the_role(
    world: World,
) -> None:
    world.apply(a_grant("given-up"))
    world.wait_until_bound("given-up")
    world.remove_rights()
    world.delete_later("accessgrant", "given-up")
    eventually(lambda: is_forbidden(world), within=30)
    assert world.exists("accessgrant", "given-up")
    world.abandon("given-up")

    eventually(lambda: not world.exists("accessgrant", "given-up"), within=30)
    assert world.may_sync()
    world.restore_rights()
    eventually(lambda: not world.may_sync(), within=30)


@pytest.mark.long
def test_grant_is_not_expired_until_its_access_is_revoked(
    world: World,
) -> None:
    end = after(25)
    world.apply(a_grant("overdue", expiresAt=end))
    eventually(lambda: world.ready("overdue")[1] == "Bound", within=20)
    world.remove_rights()
    sleep_until(end)
    eventually(lambda: is_forbidden(world), within=30)
    world.wait_for_resyncs()
    assert world.may_sync()
    eventually(
        lambda: world.ready("overdue")[:2] == ("False", "InstanceUnavailable"),
        within=30,
    )
    assert "endedAt" not in world.grant("overdue")["status"]
    world.restore_rights()

    eventually(lambda: world.ready("overdue")[1] == "Expired", within=30)
    assert "endedAt" in world.grant("overdue")["status"]
    assert not world.may_sync()
