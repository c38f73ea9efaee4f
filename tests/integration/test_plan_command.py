"""Output of ``argogrant plan``, compared with what the operator writes."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controlplane import ControlPlane
from support import operator_process
from support.live_cluster import OVERLAY, RULES, World, a_grant, eventually

PATIENCE = 60.0
"""Seconds that an operator may take to start and to write, on a busy machine."""
PROJECT_RIGHTS = Path(__file__).parents[2] / "manifests/argocd-appprojects.yaml"
OF_PROJECT = {"name": "deployer", "project": "team-a"}


def plan(
    world: World, *words: str, user: str = "admin", stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    path = world.plane.kubeconfig(user, context_namespace="argogrant")
    return subprocess.run(
        [sys.executable, "-m", "argogrant.cli.main", "plan", *words],
        env={**os.environ, "KUBECONFIG": str(path), "COLUMNS": "80"},
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )


def planned(world: World, *words: str, stdin: str = "") -> dict[str, Any]:
    """Return the JSON of a plan that has a difference."""
    done = plan(world, "-o", "json", *words, stdin=stdin)
    assert (done.returncode, done.stderr) == (1, "")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture
def stopped(installed: ControlPlane) -> Iterator[World]:
    """The usual rules, and no operator."""
    world = World(installed)
    world.reset()
    yield world
    with operator_process.running(installed, Path(os.devnull)):
        world.reset()
        eventually(lambda: not world.overlay(), within=PATIENCE)


def mode(world: World, where: str) -> None:
    patch = json.dumps({"spec": {"bindProjectRolesIn": where}})
    world.ours("patch", "argocdinstance", "default", "--type=merge", "-p", patch)


@pytest.fixture
def in_projects(stopped: World) -> Iterator[World]:
    """Members are written into AppProjects, and the operator may do so."""
    stopped.plane.apply(PROJECT_RIGHTS)
    mode(stopped, "AppProject")
    yield stopped
    mode(stopped, "ConfigMap")
    with operator_process.running(stopped.plane, Path(os.devnull)):
        stopped.ours("delete", "accessgrants", "--all")
        eventually(
            lambda: not project(stopped)["spec"]["roles"][0].get("groups"),
            within=PATIENCE,
        )
    stopped.plane.kubectl("delete", "-f", str(PROJECT_RIGHTS))


def project(world: World) -> dict[str, Any]:
    return world.appproject("team-a")


@pytest.mark.long
def test_operator_writes_the_planned_text(stopped: World, tmp_path: Path) -> None:
    stopped.apply(
        a_grant("one"), a_grant("two", subject="dave", role=OF_PROJECT, duration="2h")
    )
    (change,) = planned(stopped)["changes"]
    shown = plan(stopped)
    before = stopped.overlay()
    with operator_process.running(stopped.plane, tmp_path / "operator.log"):
        eventually(lambda: stopped.ready("two")[1] == "Bound", within=PATIENCE)
        eventually(lambda: stopped.ready("one")[1] == "Bound", within=PATIENCE)
        written = stopped.overlay()
        after = plan(stopped)

    assert (change["part"], change["before"], before) == (OVERLAY, "", "")
    assert written == change["after"]
    assert "+g, alice, role:deployer" in shown.stdout.splitlines()
    assert (after.returncode, after.stdout, after.stderr) == (0, "", "")


def test_plan_includes_members_of_a_project(in_projects: World, tmp_path: Path) -> None:
    in_projects.apply(a_grant("one", role=OF_PROJECT))
    told = planned(in_projects)
    with operator_process.running(in_projects.plane, tmp_path / "operator.log"):
        eventually(lambda: in_projects.ready("one")[1] == "Bound", within=PATIENCE)
        after = plan(in_projects)
    groups = project(in_projects)["spec"]["roles"][0]["groups"]

    assert told["added"] == [{"subject": "alice", "role": "proj:team-a:deployer"}]
    assert told["changes"][0]["object"] == "appproject/team-a"
    assert groups == ["alice"]
    assert (after.returncode, after.stdout) == (0, "")


def test_plan_of_a_manifest_creates_no_grant(stopped: World) -> None:
    told = planned(stopped, "-f", "-", stdin=json.dumps(a_grant("idea")))

    assert told["added"] == [{"subject": "alice", "role": "role:deployer"}]
    assert not stopped.exists("accessgrant", "idea")
    assert not stopped.overlay()


def test_plan_reports_a_rejected_manifest(stopped: World) -> None:
    broken = a_grant("idea", duration="soon")
    told = plan(stopped, "-f", "-", stdin=json.dumps(broken))

    assert (told.returncode, told.stdout) == (2, "")
    assert "spec.duration" in told.stderr


def test_missing_permission_is_reported(stopped: World) -> None:
    told = plan(stopped, user="erin")

    assert (told.returncode, told.stdout) == (2, "")
    assert "cannot get resource" in told.stderr
    assert told.stderr.count("\n") == 1


def test_plan_without_grants_is_empty(stopped: World) -> None:
    stopped.plane.argocd.set_rbac({"policy.csv": RULES})

    assert plan(stopped).returncode == 0
