"""Command ``argogrant sweep``, which revokes without a running operator."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from controlplane import ControlPlane
from support import operator_process
from support.live_cluster import RULES, World, a_grant, after, eventually, seconds_until


@pytest.fixture
def world(installed: ControlPlane) -> Iterator[World]:
    """Argo CD with its rules, and no operator."""
    installed.argocd.set_rbac({"policy.csv": RULES})
    installed.apply(operator_process.ROOT / "manifests/sweep-cronjob.yaml")
    yield World(installed)
    installed.argocd.set_rbac({"policy.csv": RULES})
    with operator_process.running(installed, Path("/dev/null")):
        installed.kubectl("-n", "argogrant", "delete", "accessgrants", "--all")


def sweep(plane: ControlPlane) -> subprocess.CompletedProcess[str]:
    """Run the command under the CronJob's own service account."""
    kubeconfig = plane.service_account_kubeconfig("argocd", "argogrant-sweep")
    return subprocess.run(
        [sys.executable, "-m", "argogrant.cli.main", "sweep"],
        env={**os.environ, "KUBECONFIG": str(kubeconfig)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.long
def test_sweep_revokes_without_an_operator(world: World, tmp_path: Path) -> None:
    """Access outlives its end only until the next sweep."""
    process = operator_process.start(world.plane, tmp_path / "operator.log")
    world.apply(a_grant("long", subject="carol"))
    eventually(lambda: world.may_sync("carol"), within=60)
    end = after(35)
    world.apply(a_grant("short", expiresAt=end))
    eventually(world.may_sync, within=20)
    process.kill()
    process.wait()
    early = sweep(world.plane)
    assert (early.returncode, world.may_sync()) == (0, True)
    assert "0 removed, 2 kept, 0 unreadable" in early.stdout
    time.sleep(seconds_until(end))
    assert world.may_sync()  # no operator runs
    swept = sweep(world.plane)
    assert swept.returncode == 0
    assert swept.stdout == (
        "sweep of argocd/argocd-rbac-cm: 1 removed, 1 kept, 0 unreadable"
        " (context control-plane, namespace argocd)\n"
    )

    eventually(lambda: not world.may_sync(), within=10)
    assert world.may_sync("carol")
    assert world.may_sync("bob")


def test_sweep_keeps_lines_it_cannot_parse(world: World) -> None:
    """A section without a valid end, and another key, stay unchanged."""
    ours = "# until someday\ng, carol, role:deployer\n# until 2020-01-01T00:00:00Z\n"
    world.plane.argocd.set_rbac(
        {"policy.csv": RULES, "policy.argogrant.csv": f"{ours}g, alice, role:deployer"}
    )
    assert world.may_sync()
    swept = sweep(world.plane)
    assert "1 removed, 1 kept, 1 unreadable" in swept.stdout

    eventually(lambda: not world.may_sync(), within=10)
    assert world.may_sync("carol")
    assert world.plane.argocd.rbac_config_map()["data"]["policy.csv"] == RULES


def test_sweep_that_cannot_write_fails_with_the_cause(world: World) -> None:
    """Exit status 1, and one line that names the missing permission."""
    world.plane.kubectl("-n", "argocd", "delete", "rolebinding", "argogrant-sweep")
    swept = sweep(world.plane)

    assert swept.returncode == 1
    assert 'argogrant-sweep" cannot get resource "configmaps"' in swept.stderr
    assert swept.stdout == ""
