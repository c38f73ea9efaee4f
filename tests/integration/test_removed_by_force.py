"""Access that outlives its objects, and the deletion of the operator's namespace.

argocd-server judges what is left; nothing that the operator reported counts.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from controlplane import ControlPlane
from support import operator_process
from support.blank_cluster import FREE
from support.live_cluster import INSTANCE, RULES, World, a_grant, eventually

LOST = 'argocd/argocd-rbac-cm gives access ("alice" has "role:deployer" until '
REMEDY = "argogrant sweep --all --argocd-namespace argocd"
HOME = operator_process.ROOT / "manifests/argogrant-namespace.yaml"


@pytest.fixture
def world(installed: ControlPlane) -> Iterator[World]:
    """A world with a grant for alice, and no operator after it was bound."""
    world = World(installed)
    installed.argocd.set_rbac({"policy.csv": RULES})
    yield world
    world.apply(INSTANCE)
    installed.argocd.set_rbac({"policy.csv": RULES})
    with operator_process.running(installed, Path(os.devnull)):
        installed.kubectl("-n", "argogrant", "delete", "accessgrants", "--all")


def argogrant(
    plane: ControlPlane, *words: str, status: int
) -> subprocess.CompletedProcess[str]:
    """Run a command as the administrator; it must end with this status."""
    done = subprocess.run(
        [sys.executable, "-m", "argogrant.cli.main", *words],
        env={**os.environ, "KUBECONFIG": str(plane.kubeconfig())},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done


def access_of(plane: ControlPlane, *, status: int) -> list[str]:
    """Return the lines Access of the doctor."""
    run = argogrant(plane, "doctor", "-n", "argogrant", "-o", "json", status=status)
    checks = json.loads(run.stdout)["checks"]
    return [one["text"] for one in checks if one["check"] == "Access"]


@pytest.mark.long
def test_access_of_objects_that_were_removed_by_force_is_found_and_removed(
    world: World, tmp_path: Path
) -> None:
    plane = world.plane
    with operator_process.running(plane, tmp_path / "operator.log"):
        world.apply(a_grant("one"))
        world.wait_until_bound("one")
    free = ("--type=merge", "-p", FREE)
    for kind, name in (("accessgrant", "one"), ("argocdinstance", "default")):
        world.ours("patch", kind, name, *free)
        world.ours("delete", kind, name)
    assert world.may_sync()

    (found,) = access_of(plane, status=1)
    assert found.startswith(LOST)
    hasty = ("uninstall", "--namespace", "argogrant", "--wait-seconds", "0")
    refused = argogrant(plane, *hasty, status=1)
    assert '"alice" has "role:deployer"' in refused.stderr
    assert refused.stderr.strip().endswith(REMEDY)
    argogrant(plane, *REMEDY.split()[1:], status=0)

    eventually(lambda: not world.may_sync(), within=10)
    argogrant(plane, *hasty, status=0)
    assert access_of(plane, status=1) == [  # there is no operator and no instance
        "no Argo CD that was read has a binding of argogrant"
    ]


@pytest.mark.long
def test_access_ends_first_when_the_namespace_is_deleted(
    world: World, tmp_path: Path
) -> None:
    """No controller deletes the content of namespaces here, so nothing else did it."""
    plane = world.plane
    with operator_process.running(plane, tmp_path / "operator.log"):
        world.apply(a_grant("one"))
        world.wait_until_bound("one")
        assert world.may_sync()
        plane.kubectl("delete", "namespace", "argogrant", "--wait=false")
        try:
            eventually(lambda: not world.may_sync(), within=5)
            assert world.overlay() == ""
            assert "deletionTimestamp" not in world.instance()["metadata"]
            says = argogrant(plane, "doctor", "-n", "argogrant", status=1).stdout
            assert "$ argogrant uninstall --namespace argogrant" in says
        finally:
            complete_deletion(plane)
            plane.apply(HOME)


def complete_deletion(plane: ControlPlane) -> None:
    """Remove the finalizer of the Namespace, as the controller of Kubernetes does."""
    read = plane.kubectl("get", "namespace", "argogrant", "-o", "json").stdout
    body = json.loads(read)
    body["spec"]["finalizers"] = []
    path = "/api/v1/namespaces/argogrant/finalize"
    plane.kubectl("replace", "--raw", path, "-f", "-", stdin=json.dumps(body))
