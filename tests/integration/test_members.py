"""Members of AppProject roles, judged by argocd-server.

A member of such a role can create tokens of it, which end with the grant.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from controlplane import ControlPlane
from controlplane.argocd_client import ArgoCDClient
from controlplane.errors import ArgoCDError
from support import operator_process
from support.live_cluster import INSTANCE, PROJECT, RULES, World, a_grant, eventually

RIGHTS = Path(__file__).parents[2] / "manifests/argocd-appprojects.yaml"
DEPLOYER = {"project": "team-a", "name": "deployer"}
IN_PROJECT = {**INSTANCE, "spec": {"bindProjectRolesIn": "AppProject"}}
IN_TEXT = {**INSTANCE, "spec": {"bindProjectRolesIn": "ConfigMap"}}
COLLECTION = "/api/v1/projects/team-a/roles/deployer/token"


@pytest.fixture(scope="module")
def served(
    installed: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    installed.apply(RIGHTS)
    installed.argocd.set_rbac({"policy.csv": RULES})
    with operator_process.running(
        installed, tmp_path_factory.mktemp("o") / "operator.log"
    ):
        yield World(installed)
        installed.kubectl("-n", "argogrant", "delete", "accessgrants", "--all")
        installed.apply(IN_TEXT)
    installed.kubectl("delete", "-f", str(RIGHTS))


@pytest.fixture
def world(served: World) -> World:
    served.delete_all("accessgrant")
    served.argocds("delete", "appproject", "team-a", "--ignore-not-found")
    served.apply(IN_PROJECT, PROJECT)
    return served


def in_project(name: str, subject: str = "alice", **spec: Any) -> dict[str, Any]:
    return a_grant(name, subject, role=DEPLOYER, **spec)


def project(world: World) -> dict[str, Any]:
    return world.appproject("team-a")


def members(world: World) -> list[str]:
    found: list[str] = project(world)["spec"]["roles"][0].get("groups", [])
    return found


def mint(world: World, group: str) -> str:
    """Make a token of the role that never ends, as a member may on Argo CD's pages."""
    argocd = world.plane.argocd
    token = argocd.token("nobody", groups=[group])
    with closing(client(world)) as argocds:
        made: str = argocds.post(COLLECTION, {"expiresIn": 0}, token=token)["token"]
    return made


def client(world: World) -> ArgoCDClient:
    return ArgoCDClient(world.plane.argocd.url)


def works(world: World, token: str) -> bool:
    path = "/api/v1/account/can-i/applications/sync/team-a/shop"
    with closing(client(world)) as argocds:
        try:
            answer = argocds.get(path, token=token)
        except ArgoCDError:
            return False
    return answer.get("value") == "yes"


def test_expired_member_loses_access_and_tokens(world: World) -> None:
    world.apply(in_project("deploys"))
    eventually(world.may_sync, within=30)
    eventually(lambda: members(world) == ["alice"], within=10)
    token = mint(world, "alice")
    eventually(lambda: works(world, token), within=10)
    world.wait_until_bound("deploys")
    world.delete("deploys")

    eventually(lambda: not works(world, token), within=10)
    eventually(lambda: not world.may_sync(), within=10)
    assert members(world) == []


def test_members_and_tokens_of_others_are_kept(world: World) -> None:
    patch = [{"op": "add", "path": "/spec/roles/0/groups", "value": ["carol"]}]
    edit = ("patch", "appproject", "team-a", "--type=json", "-p", json.dumps(patch))
    world.argocds(*edit)
    eventually(lambda: world.may_sync("carol"), within=10)
    token = mint(world, "carol")
    world.apply(in_project("deploys"), in_project("also", "carol"))
    world.wait_until_bound("deploys", "also")
    world.delete("deploys", "also")

    eventually(lambda: not world.may_sync(), within=10)
    assert members(world) == ["carol"]
    assert works(world, token)


def test_switch_to_appproject_mode_leaves_no_gap(world: World) -> None:
    world.apply(in_project("deploys"))
    eventually(world.may_sync, within=30)
    for instance in (IN_TEXT, IN_PROJECT):
        world.apply(instance)
        in_text = instance is IN_TEXT

        def has_moved(*, in_text: bool = in_text) -> bool:
            assert world.may_sync()
            is_there = bool(members(world))
            return is_there is not in_text and ("proj:" in world.overlay()) is in_text

        eventually(has_moved, within=30)


def test_member_removed_by_git_is_restored(world: World) -> None:
    world.apply(in_project("deploys"))
    eventually(world.may_sync, within=30)
    world.plane.kubectl(
        *("apply", "--server-side", "--force-conflicts"),
        *("--field-manager=argocd-controller", "-f", "-"),
        stdin=json.dumps(PROJECT),
    )

    eventually(lambda: members(world) == ["alice"], within=30)
    eventually(world.may_sync, within=10)


def test_recreated_project_gets_its_members(world: World) -> None:
    world.apply(in_project("deploys"))
    eventually(world.may_sync, within=30)
    world.argocds("delete", "appproject", "team-a")
    eventually(lambda: not world.may_sync(), within=10)
    world.apply(PROJECT)

    eventually(world.may_sync, within=30)
    assert members(world) == ["alice"]


NAMES = {
    "comma": "a,b",
    "distinguished name": "CN=ops,OU=it,DC=example,DC=com",
    "number sign": "#x",
    "blank inside": "Ops Team",
    "g line": "g, x, role:admin",
    "apostrophe": "o'brien",
    "backslash n": "a\\nb",
    "Chinese": "\u7ba1\u7406\u5458",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_member_is_exactly_the_subject(world: World, name: str) -> None:
    def may_sync(group: str) -> bool:
        return world.plane.argocd.can_i(
            "nobody", "applications", "sync", "team-a/shop", groups=[group]
        )

    assert not may_sync(name)
    world.apply(in_project("odd", name))
    eventually(lambda: may_sync(name), within=30)
    assert not may_sync(name + "x")
    assert world.may_sync("bob")
    world.wait_until_bound("odd")
    world.delete("odd")

    eventually(lambda: not may_sync(name), within=10)


def test_subject_with_a_quote_is_rejected(world: World) -> None:
    world.apply(in_project("odd", 'a"b'))

    eventually(lambda: world.ready("odd")[1] == "SubjectRefused", within=30)


EDITOR = """#!/bin/sh
touch {folder}/open
while [ ! -e {folder}/save ]; do sleep 0.1; done
sed 's|^    name: deployer|    description: edited\\n&|' "$1" > {folder}/new
cat {folder}/new > "$1"
"""


def run(world: World, *command: str) -> str:
    """Run argogrant as an administrator; return what it prints."""
    return subprocess.run(
        [sys.executable, "-m", "argogrant.cli.main", *command, "-n", "argogrant"],
        env={**os.environ, "KUBECONFIG": str(world.plane.kubeconfig())},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    ).stdout


def returned(world: World) -> tuple[str, str, str]:
    return world.instance_says("MembersReturned")


def test_editor_that_is_open_across_the_end_gives_no_access(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``kubectl edit`` writes all roles back, with the member and its token.

    What returns again is kept, as argocd-server confirms, and reported until it is
    acknowledged.
    """
    editor = tmp_path / "editor"
    editor.write_text(EDITOR.format(folder=tmp_path))
    editor.chmod(0o755)
    monkeypatch.setenv("KUBE_EDITOR", str(editor))
    world.apply(in_project("deploys"))
    eventually(world.may_sync, within=30)
    token = mint(world, "alice")
    eventually(lambda: works(world, token), within=10)
    world.wait_until_bound("deploys")
    with ThreadPoolExecutor(1) as background:
        editing = background.submit(world.argocds, "edit", "appproject", "team-a")
        eventually((tmp_path / "open").exists, within=30)
        stale = {"spec": {"roles": project(world)["spec"]["roles"]}}
        world.delete("deploys")
        eventually(lambda: not works(world, token), within=10)
        (tmp_path / "save").touch()
        editing.result()
    eventually(lambda: returned(world)[1] == "MemberRemovedAgain", within=30)

    assert project(world)["spec"]["roles"][0]["description"] == "edited"
    eventually(lambda: not world.may_sync() and not works(world, token), within=10)
    assert members(world) == []
    assert "MemberRemovedAgain" in world.ours("get", "events")

    world.argocds(
        *("patch", "appproject", "team-a", "--type=merge", "-p", json.dumps(stale))
    )
    eventually(lambda: returned(world)[1] == "MemberReturned", within=30)
    eventually(world.may_sync, within=10)
    (member,) = world.instance()["status"]["returnedMembers"]
    assert (member["subject"], member["state"], member["tokens"]) == (
        "alice",
        "Kept",
        1,
    )
    key = f"acknowledged.argogrant.dev/{member['id']}"
    world.ours("annotate", "argocdinstance", "default", f"{key}=OPS-12")
    eventually(lambda: "returnedMembers" not in world.instance()["status"], within=30)
    assert world.may_sync()
    world.ours("annotate", "argocdinstance", "default", f"{key}-")


def test_whole_object_with_its_old_annotation_gives_no_access(world: World) -> None:
    world.apply(in_project("deploys"))
    eventually(world.may_sync, within=30)
    stale = project(world)
    del stale["metadata"]["resourceVersion"]
    world.wait_until_bound("deploys")
    world.delete("deploys")
    eventually(lambda: not world.may_sync(), within=10)
    for _ in range(2):
        world.plane.kubectl("replace", "-f", "-", stdin=json.dumps(stale))
        eventually(lambda: not members(world), within=10)
        eventually(lambda: not world.may_sync(), within=10)
    eventually(lambda: returned(world)[1] == "MemberRemovedAgain", within=30)


def test_ended_member_that_returns_in_a_renamed_role_is_removed(world: World) -> None:
    world.apply(in_project("deploys"))
    eventually(world.may_sync, within=30)
    world.wait_until_bound("deploys")
    stale = json.dumps({"spec": {"roles": project(world)["spec"]["roles"]}})
    assert members(world) == ["alice"]
    world.delete("deploys")
    eventually(lambda: not world.may_sync(), within=10)
    renamed = stale.replace("deployer", "releaser")
    world.argocds("patch", "appproject", "team-a", "--type=merge", "-p", renamed)

    eventually(lambda: returned(world)[1] == "MemberRemovedAgain", within=30)
    assert project(world)["spec"]["roles"][0]["name"] == "releaser"
    assert members(world) == []
    eventually(lambda: not world.may_sync(), within=10)
