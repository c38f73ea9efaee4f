"""Deletion of ended grants on a real API server, with the shipped Roles."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from argogrant.api.accessgrant import TRACKING_ANNOTATION
from controlplane import ControlPlane
from support import operator_process
from support.live_cluster import INSTANCE, RULES, World, a_grant, after, eventually

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


def test_ended_grant_is_deleted_after_its_access_ended(tidy: World, log: Path) -> None:
    tidy.apply(a_grant("g1", duration="15s"))
    eventually(tidy.may_sync, within=14)
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
    eventually(lambda: not tidy.exists("accessgrant", "by-hand"), within=30)

    assert tidy.exists("accessgrant", "from-git")
    assert tidy.ready("from-git")[1] == "Expired"


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
