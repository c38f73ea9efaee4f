"""Grants in Git, applied by Argo CD's controller, judged by argocd-server."""

import time
from typing import Any

import pytest

from support.git_repository import SYNC_SECONDS, Application, Repository
from support.live_cluster import World, a_grant, after, eventually, sleep_until

pytestmark = pytest.mark.long

QUIET_SECONDS = 12.0
"""More than two of its rounds."""


def in_git(name: str, subject: str = "alice", **spec: Any) -> dict[str, Any]:
    body = a_grant(name, subject, **{"expiresAt": after(3600), **spec})
    del body["metadata"]["namespace"]
    return body


@pytest.fixture
def applied(application: Application, repository: Repository) -> Application:
    """An Application that keeps the grants of the repository."""
    repository.commit(
        {
            "grants/alice.yaml": in_git("from-git-alice"),
            "grants/dave.yaml": in_git("from-git-dave", subject="dave"),
        }
    )
    application.create(
        repository,
        "grants",
        namespace="argogrant",
        options=("ServerSideApply=true",),
    )
    return application


def test_committed_grant_gives_access_until_its_file_is_removed(
    world: World, repository: Repository, applied: Application
) -> None:
    eventually(world.may_sync, within=SYNC_SECONDS)
    applied.wait_until_well(within=SYNC_SECONDS)
    repository.commit({"grants/alice.yaml": None})
    applied.refresh()
    eventually(lambda: not world.may_sync(), within=SYNC_SECONDS)

    eventually(
        lambda: not world.exists("accessgrant", "from-git-alice"), within=SYNC_SECONDS
    )


def test_revocation_in_git_ends_access_permanently(
    world: World, repository: Repository, applied: Application
) -> None:
    end = after(3600)
    repository.commit({"grants/alice.yaml": in_git("revoked-alice", expiresAt=end)})
    eventually(world.may_sync, within=SYNC_SECONDS)
    revoked = in_git("revoked-alice", expiresAt=end, revoked=True)
    repository.commit({"grants/alice.yaml": revoked})
    applied.refresh()
    eventually(lambda: not world.may_sync(), within=SYNC_SECONDS)
    applied.wait_until_well(within=SYNC_SECONDS)

    eventually(lambda: world.ready("revoked-alice")[1] == "Revoked", within=30)


def test_expired_grant_stays_unchanged_over_several_syncs(
    world: World, repository: Repository, applied: Application
) -> None:
    """Neither Argo CD nor the operator writes the object."""
    applied.wait_until_well(within=SYNC_SECONDS)
    end = after(60)
    brief = in_git("brief-bob", subject="carol", expiresAt=end)
    repository.commit({"grants/carol.yaml": brief})
    applied.refresh()
    eventually(lambda: world.may_sync("carol"), within=55)
    sleep_until(end)
    eventually(lambda: not world.may_sync("carol"), within=10)
    eventually(lambda: world.ready("brief-bob")[1] == "Expired", within=30)
    applied.wait_until_well(within=SYNC_SECONDS)
    version, syncs = world.grant("brief-bob")["metadata"], applied.syncs()
    time.sleep(QUIET_SECONDS)

    assert applied.is_well()
    assert world.grant("brief-bob")["metadata"] == version
    assert applied.syncs() == syncs


def test_deleted_expired_grant_is_restored_as_expired(
    world: World, repository: Repository, applied: Application
) -> None:
    """Argo CD creates the object again, which gives no access."""
    applied.wait_until_well(within=SYNC_SECONDS)
    end = after(60)
    brief = in_git("again-carol", subject="carol", expiresAt=end)
    repository.commit({"grants/carol.yaml": brief})
    applied.refresh()
    eventually(lambda: world.may_sync("carol"), within=55)
    sleep_until(end)
    eventually(lambda: not world.may_sync("carol"), within=10)
    before = world.grant("again-carol")["metadata"]["uid"]
    world.delete("again-carol")
    eventually(lambda: world.exists("accessgrant", "again-carol"), within=SYNC_SECONDS)
    eventually(lambda: world.ready("again-carol")[1] == "Expired", within=30)

    assert world.grant("again-carol")["metadata"]["uid"] != before
    assert not world.may_sync("carol")


def test_duration_from_git_is_rejected_with_a_remedy(
    world: World, repository: Repository, applied: Application
) -> None:
    lasting = a_grant("lasting-carol", "carol", duration="1h")
    del lasting["metadata"]["namespace"]
    repository.commit({"grants/carol.yaml": lasting})
    applied.refresh()
    eventually(
        lambda: world.exists("accessgrant", "lasting-carol"), within=SYNC_SECONDS
    )
    eventually(
        lambda: world.ready("lasting-carol")[1] == "AbsoluteEndRequired", within=30
    )

    remedy = world.ready("lasting-carol")[2]
    eventually(
        lambda: (
            applied.health_of("AccessGrant", "lasting-carol") == ("Degraded", remedy)
        ),
        within=SYNC_SECONDS,
    )
    assert "expiresAt" in remedy
    eventually(lambda: applied.says()[1] == "Degraded", within=SYNC_SECONDS)
    assert not world.may_sync("carol")


def test_waiting_grant_has_health_suspended(
    repository: Repository, applied: Application
) -> None:
    later = in_git("later-carol", subject="carol", notBefore=after(1800))
    repository.commit({"grants/carol.yaml": later})
    applied.refresh()

    eventually(lambda: applied.says() == ("Synced", "Suspended"), within=SYNC_SECONDS)


def test_revocation_by_resource_action_survives_self_heal(
    world: World, applied: Application
) -> None:
    """Git has no field ``revoked``, which self-heal therefore keeps."""
    eventually(world.may_sync, within=SYNC_SECONDS)
    applied.wait_until_well(within=SYNC_SECONDS)
    applied.act("AccessGrant", "from-git-alice", "revoke")
    eventually(lambda: not world.may_sync(), within=15)
    time.sleep(QUIET_SECONDS)

    assert applied.is_well()
    assert world.ready("from-git-alice")[1] == "Revoked"
    assert not world.may_sync()
