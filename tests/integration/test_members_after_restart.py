"""Members of AppProjects whose annotations are lost while the operator is down.

Only the statuses of the grants say then which members argogrant had added;
argocd-server is the judge.
"""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from controlplane import ControlPlane
from support import operator_process
from support.live_cluster import INSTANCE, PROJECT, RULES, World, a_grant, eventually

RIGHTS = Path(__file__).parents[2] / "manifests/argocd-appprojects.yaml"
DEPLOYER = {"project": "team-a", "name": "deployer"}
IN_PROJECT = {**INSTANCE, "spec": {"bindProjectRolesIn": "AppProject"}}
IN_TEXT = {**INSTANCE, "spec": {"bindProjectRolesIn": "ConfigMap"}}
REVOKED = '{"spec":{"revoked":true}}'


@pytest.fixture
def world(installed: ControlPlane) -> Iterator[World]:
    installed.apply(RIGHTS)
    installed.argocd.set_rbac({"policy.csv": RULES})
    world = World(installed)
    world.argocds("delete", "appproject", "team-a", "--ignore-not-found")
    world.apply(IN_PROJECT, PROJECT)
    yield world
    with operator_process.running(installed, Path("/dev/null")):
        world.delete_all("accessgrant")
        world.apply(IN_TEXT)
    world.argocds("delete", "appproject", "team-a", "--ignore-not-found")
    world.apply(PROJECT)
    installed.kubectl("delete", "-f", str(RIGHTS))


def operator(world: World, folder: Path) -> AbstractContextManager[Any]:
    return operator_process.running(world.plane, folder / "operator.log")


def members(world: World) -> list[str]:
    roles = world.appproject("team-a")["spec"]["roles"]
    found: list[str] = roles[0].get("groups", [])
    return found


def without_annotations(world: World) -> str:
    """Return the whole AppProject as a script has read it, for ``kubectl replace``."""
    stale = world.appproject("team-a")
    for name in ("resourceVersion", "annotations"):
        stale["metadata"].pop(name, None)
    return json.dumps(stale)


def replace(world: World, stale: str) -> None:
    world.plane.kubectl("replace", "-f", "-", stdin=stale)


def has(world: World, field: str) -> bool:
    return field in world.grant("deploys").get("status", {})


def test_ended_member_gives_no_access_after_a_restart_and_is_then_kept(
    world: World, tmp_path: Path
) -> None:
    with operator(world, tmp_path):
        world.apply(a_grant("deploys", role=DEPLOYER))
        eventually(world.may_sync, within=30)
        eventually(lambda: has(world, "memberSince"), within=30)
        stale = without_annotations(world)
        world.ours("patch", "accessgrant", "deploys", "--type=merge", "-p", REVOKED)
        eventually(lambda: not world.may_sync(), within=30)
        eventually(lambda: has(world, "memberRemovedAt"), within=30)
    replace(world, stale)
    eventually(world.may_sync, within=30)

    with operator(world, tmp_path):
        eventually(lambda: not world.may_sync(), within=60)
        assert members(world) == []
        eventually(
            lambda: world.instance_says("MembersReturned")[1] == "MemberRemovedAgain",
            within=30,
        )
        replace(world, stale)
        eventually(
            lambda: world.instance_says("MembersReturned")[1] == "MemberReturned",
            within=30,
        )
        assert members(world) == ["alice"]


def test_member_whose_grant_ends_during_the_restart_loses_access(
    world: World, tmp_path: Path
) -> None:
    with operator(world, tmp_path):
        world.apply(a_grant("deploys", role=DEPLOYER))
        eventually(world.may_sync, within=30)
        eventually(lambda: has(world, "memberSince"), within=30)
    replace(world, without_annotations(world))
    world.ours("patch", "accessgrant", "deploys", "--type=merge", "-p", REVOKED)
    assert world.may_sync()

    with operator(world, tmp_path):
        eventually(lambda: not world.may_sync(), within=60)
        assert members(world) == []


@pytest.mark.long
def test_member_that_a_person_had_added_before_the_grant_stays(
    world: World, tmp_path: Path
) -> None:
    patch = [{"op": "add", "path": "/spec/roles/0/groups", "value": ["alice"]}]
    edit = ("patch", "appproject", "team-a", "--type=json", "-p", json.dumps(patch))
    world.argocds(*edit)
    with operator(world, tmp_path):
        world.apply(a_grant("deploys", role=DEPLOYER))
        world.wait_until_bound("deploys")
        world.ours("patch", "accessgrant", "deploys", "--type=merge", "-p", REVOKED)
        eventually(lambda: has(world, "endedAt"), within=30)
    replace(world, without_annotations(world))

    world.log = tmp_path / "operator.log"
    with operator(world, tmp_path):
        world.wait_for_resyncs(within=60)
        assert world.may_sync()
        assert members(world) == ["alice"]
