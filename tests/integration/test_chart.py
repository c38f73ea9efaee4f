"""The chart, installed by Helm on a real API server, judged by argocd-server.

No controller creates pods of Deployments and Jobs here. The tests run the command of a
pod with a token of its ServiceAccount.
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controlplane import ControlPlane
from controlplane.errors import APIRequestFailed, KubectlFailed
from controlplane.helm import helm
from support import chart, operator_process
from support.blank_cluster import make_blank
from support.chart import CHART, one_of, options
from support.kubelet import container
from support.live_cluster import PROJECT, RULES, World, a_grant, eventually

NAMESPACE = "argogrant"
RELEASE = ("argogrant", "--namespace", NAMESPACE)
NO_PROMETHEUS = (
    "metrics.serviceMonitor.enabled=false",
    "metrics.prometheusRule.enabled=false",
)


class Release:
    """One release of the chart, and what it says that pods should run."""

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        self.plane = plane
        self.folder = folder
        self.world = World(plane)

    def helm(self, *arguments: str, check: bool = True) -> str:
        done = helm(
            *arguments,
            folder=self.folder,
            kubeconfig=self.plane.kubeconfig(),
            check=check,
        )
        return done.stdout

    def objects(self) -> list[chart.Object]:
        return chart.rendered(self.folder)

    def start(self, kind: str, name: str) -> subprocess.Popen[str]:
        """Start what a pod of that object would run, as its ServiceAccount."""
        body = one_of(self.objects(), kind, name)
        command, environment = container(self.plane, body, NAMESPACE, "argogrant-0")
        with (self.folder / f"{kind}.log").open("w") as log:
            return subprocess.Popen(
                command,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
            )

    def grant(self, name: str) -> None:
        """Grant as soon as admission knows the kind: up to 20 s after its creation."""

        def is_taken() -> bool:
            try:
                self.world.apply(a_grant(name))
            except (APIRequestFailed, KubectlFailed):
                return False
            return True

        eventually(is_taken, within=40)

    def uninstall_hook(self) -> str:
        """Run the hook as its Job would."""
        process = self.start("Job", "argogrant-uninstall")
        code = process.wait(90)
        said = (self.folder / "Job.log").read_text()
        assert code == 0, said
        return said


def everything_of(plane: ControlPlane) -> list[dict[str, Any]]:
    kinds = (
        "deployments,services,serviceaccounts,roles,rolebindings,clusterroles,"
        "clusterrolebindings,cronjobs,jobs,configmaps,secrets,poddisruptionbudgets,"
        "validatingadmissionpolicies,mutatingadmissionpolicies"
    )
    listed = plane.kubectl("get", kinds, "--all-namespaces", "-o", "json").stdout
    return [
        one["kind"] + "/" + one["metadata"]["name"]
        for one in json.loads(listed)["items"]
        if "argogrant" in one["metadata"]["name"]
    ]


@pytest.fixture
def release(other_plane: ControlPlane, tmp_path: Path) -> Iterator[Release]:
    make_blank(other_plane)
    other_plane.argocd.set_rbac({"policy.csv": RULES})
    other_plane.apply(PROJECT)
    other_plane.kubectl("create", "namespace", NAMESPACE, check=False)
    one = Release(other_plane, tmp_path)
    yield one
    one.helm("uninstall", *RELEASE, "--no-hooks", check=False)


def test_release_grants_access_until_it_is_uninstalled(release: Release) -> None:
    """An upgrade and a rollback change no access; the hook revokes it."""
    world, plane = release.world, release.plane
    release.helm("install", *RELEASE, str(CHART))
    operator = release.start("Deployment", "argogrant")
    try:
        release.grant("alice")
        eventually(world.may_sync, within=30)
        # The operator repeats requests until the API server has read the new Roles.
        eventually(lambda: world.instance_says()[1] == "Converged", within=20)
        longer = ("--set", "instance.spec.maxDuration=8h")
        release.helm("upgrade", *RELEASE, str(CHART), *longer)
        assert world.instance()["spec"]["maxDuration"] == "8h"
        release.helm("rollback", "argogrant", "1", "--namespace", NAMESPACE)
        assert world.exists("argocdinstance", "default")
        assert world.may_sync()
        said = release.uninstall_hook()
        assert "0 ArgoCDInstances remain" in said
    finally:
        operator_process.stop(operator)
    eventually(lambda: not world.may_sync(), within=10)
    release.helm("uninstall", *RELEASE, "--no-hooks")

    assert everything_of(plane) == []
    read = world.grant("alice")
    assert not read["metadata"].get("finalizers")
    world.delete("alice")


def test_uninstall_hook_revokes_without_an_operator(release: Release) -> None:
    world = release.world
    release.helm("install", *RELEASE, str(CHART), "--set", "uninstall.waitSeconds=0")
    operator = release.start("Deployment", "argogrant")
    release.grant("alice")
    eventually(world.may_sync, within=30)
    operator.kill()
    operator.wait()
    said = release.uninstall_hook()

    assert "removed 1 bindings from argocd" in said
    eventually(lambda: not world.may_sync(), within=10)
    assert not world.exists("argocdinstance", "default")
    world.delete("alice")


@pytest.mark.parametrize("values", chart.SETS.values(), ids=chart.SETS)
def test_rendered_objects_are_valid_on_the_api_server(release: Release, values) -> None:
    """Kinds of the Prometheus operator are not served here and are left out."""
    if "crds.enabled" not in str(values):
        values = [*values, *NO_PROMETHEUS]
    run = ("install", *RELEASE, str(CHART), "--dry-run=server", *options(values))

    assert "kind: Deployment" in release.helm(*run)
