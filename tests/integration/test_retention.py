"""Deletion of ended grants on a real API server, with the shipped Roles."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from argogrant.api.accessgrant import TRACKING_ANNOTATION
from argogrant.grants.checks import RECORD_ANNOTATION
from controlplane import ControlPlane
from support import operator_process
from support.live_cluster import (
    INSTANCE,
    RULES,
    World,
    a_grant,
    after,
    eventually,
    sleep_until,
)

REVOKED = json.dumps({"spec": {"revoked": True}})
SHORT = {**INSTANCE, "spec": {"retention": "2s"}}
OUR_RIGHTS = Path(__file__).parent.parent.parent / "manifests/argogrant-namespace.yaml"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "operator.log"


@pytest.fixture
def tidy(installed: ControlPlane, log: Path) -> Iterator[World]:
    """A world whose instance keeps records for two seconds."""
    installed.argocd.set_rbac({"policy.csv": RULES})
    world = World(installed)
    world.apply(SHORT)
    with operator_process.running(installed, log):
        yield world
        world.ours("delete", "accessgrants", "--all")
    world.apply({**INSTANCE, "spec": {"retention": "720h"}})


@pytest.mark.long
def test_ended_grant_is_deleted_after_its_access_ended(tidy: World, log: Path) -> None:
    tidy.apply(a_grant("g1", duration="30s"))
    eventually(tidy.may_sync, within=25)
    uid = tidy.grant("g1")["metadata"]["uid"]
    eventually(lambda: not tidy.exists("accessgrant", "g1"), within=90)

    assert not tidy.may_sync()
    assert kinds(log, uid) == ["requested", "bound", "ended", "deleted"]


def test_grant_tracked_by_argocd_is_not_deleted(tidy: World) -> None:
    """Another grant that ended with it shows that the retention has passed."""
    end = after(3)
    tracked = a_grant("from-git", expiresAt=end)
    tracked["metadata"]["annotations"] = {TRACKING_ANNOTATION: "app:argogrant.dev/x"}
    tidy.apply(tracked, a_grant("by-hand", "bob", expiresAt=end))
    eventually(lambda: not tidy.exists("accessgrant", "by-hand"), within=60)

    eventually(lambda: tidy.ready("from-git")[1] == "Expired", within=30)
    assert tidy.exists("accessgrant", "from-git")


def test_revoked_grant_is_kept_while_its_manifest_would_give_access(
    tidy: World,
) -> None:
    """Retention has passed for both; the manifest of one is applied again and again."""
    kept = a_grant("revoked", expiresAt=after(900))
    tidy.apply(kept)
    tidy.wait_until_bound("revoked")
    tidy.ours("patch", "accessgrant", "revoked", "--type=merge", "-p", REVOKED)
    eventually(lambda: not tidy.may_sync(), within=10)
    tidy.apply(a_grant("brief", "bob", duration="1s"))
    eventually(lambda: not tidy.exists("accessgrant", "brief"), within=60)
    uid = tidy.grant("revoked")["metadata"]["uid"]
    tidy.apply(kept)

    assert tidy.grant("revoked")["metadata"]["uid"] == uid
    assert tidy.ready("revoked")[1] == "Revoked"
    assert not tidy.may_sync()


@pytest.mark.long
def test_restored_namespace_gives_no_more_than_the_first_windows(tidy: World) -> None:
    """Ended, revoked and running grants are created again, also under other names."""
    tidy.apply(a_grant("revoked", "dave", expiresAt=after(300)))
    tidy.wait_until_bound("revoked")  # The operator runs, so the short ones can start.
    tidy.apply(
        a_grant("ended", "carol", duration="20s"),
        a_grant("running", "alice", duration="75s"),
    )
    tidy.wait_until_bound("ended", "running")
    saved = [tidy.grant("running"), tidy.grant("ended")]
    tidy.ours("patch", "accessgrant", "revoked", "--type=merge", "-p", REVOKED)
    eventually(lambda: "ended" in record_of(tidy, "revoked"), within=15)
    saved.append(tidy.grant("revoked"))
    sleep_until(saved[1]["status"]["expiresAt"])
    tidy.delete_all("accessgrant")
    for body in saved:
        restored = copy_of(body)
        restored["spec"].pop("revoked", None)
        tidy.apply(restored, copy_of(restored, f"{body['metadata']['name']}-2"))
    eventually(tidy.may_sync, within=25)
    eventually(lambda: tidy.ready("revoked-2")[1] == "Revoked", within=30)
    assert not tidy.may_sync("carol")
    assert not tidy.may_sync("dave")
    sleep_until(saved[0]["status"]["expiresAt"])
    eventually(lambda: not tidy.may_sync(), within=3)
    tidy.apply(a_grant("new", "alice", duration="1m"))

    eventually(tidy.may_sync, within=30)


def copy_of(body: dict[str, Any], name: str = "") -> dict[str, Any]:
    """Return an object without what ``jq`` removes in the page about backups."""
    dropped = ("uid", "creationTimestamp", "resourceVersion", "managedFields")
    metadata = {k: v for k, v in body["metadata"].items() if k not in dropped}
    metadata["name"] = name or metadata["name"]
    kept = {key: value for key, value in body.items() if key != "status"}
    return {**kept, "metadata": metadata, "spec": dict(body["spec"])}


def record_of(world: World, name: str) -> dict[str, str]:
    annotations = world.grant(name)["metadata"].get("annotations", {})
    record: dict[str, str] = json.loads(annotations.get(RECORD_ANNOTATION, "{}"))
    return record


@pytest.mark.long
def test_missing_permission_is_reported_with_a_working_remedy(tidy: World) -> None:
    role = json.loads(tidy.ours("get", "role", "argogrant", "-o", "json"))
    kept = [rule for rule in role["rules"] if "delete" not in rule["verbs"]]
    patch = json.dumps({"rules": kept})
    tidy.ours("patch", "role", "argogrant", "--type=merge", "-p", patch)
    try:
        tidy.apply(a_grant("g1", duration="2s"))
        eventually(lambda: tidy.instance_says()[1] == "Forbidden", within=30)
        message = tidy.instance_says()[2]
    finally:
        tidy.plane.apply(OUR_RIGHTS)

    assert 'cannot delete resource "accessgrants"' in message
    assert "manifests/argogrant-namespace.yaml" in message
    eventually(lambda: not tidy.exists("accessgrant", "g1"), within=40)


def kinds(log: Path, uid: str) -> list[str]:
    """Return the types of a grant's audit events in order."""
    return [
        event["type"].rpartition(".")[2]
        for event in operator_process.audit_of(log)
        if event["data"]["uid"] == uid
    ]
