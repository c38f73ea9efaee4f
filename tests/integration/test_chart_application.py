"""The chart as an Application that Argo CD installs and deletes.

The manifests are those of the how-to page. What nodes would run is run by ``kubelet``,
and argocd-server is the judge of who has access.
"""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pytest
import yaml

from argogrant.argocd.allowed_namespaces import ALLOWED_NAMESPACES_ANNOTATION
from controlplane import ControlPlane, gitops
from controlplane.errors import APIRequestFailed, KubectlFailed
from support import chart, doc_pages
from support.blank_cluster import make_blank
from support.git_repository import SYNC_SECONDS, Application, Repository
from support.kubelet import Kubelet, kubelet
from support.live_cluster import PROJECT, RULES, World, a_grant, eventually
from support.two_namespaces import TEAM

pytestmark = pytest.mark.long

PAGE = doc_pages.ROOT / "docs/how-to/deploy-with-argocd.md"
HEALTH = doc_pages.ROOT / "argocd/argocd-cm-patch.yaml"
NAMESPACE = "argogrant"
CHART = "charts/argogrant"
NO_COLLECTOR = "resources-finalizer.argocd.argoproj.io/background"
"""Foreground deletion needs the garbage collector, which does not run here."""
BACKGROUND = "PrunePropagationPolicy=background"
"""The same for hooks."""
HOOK = "argogrant-uninstall"
KINDS_OF_OBJECTS = (
    "deployments,services,serviceaccounts,roles,rolebindings,clusterroles,"
    "clusterrolebindings,cronjobs,jobs,secrets,poddisruptionbudgets,"
    "networkpolicies,resourcequotas"
)


def shown(kind: str) -> dict[str, Any]:
    """The one object of a kind that the page shows."""
    bodies = [
        body
        for block in doc_pages.blocks_of(PAGE, PAGE.read_text())
        if block.language == "yaml"
        for body in yaml.safe_load_all(block.text)
    ]
    (found,) = (body for body in bodies if body["kind"] == kind)
    return dict(found)


def shown_commands(beginning: str) -> list[str]:
    """The commands of the page that begin with these words."""
    page = str(PAGE.relative_to(doc_pages.ROOT))
    return [
        command
        for place, command in doc_pages.commands()
        if place.startswith(page) and command.startswith(beginning)
    ]


def argogrant(plane: ControlPlane, command: str) -> str:
    """Run an argogrant command as the admin; it must succeed."""
    _, *words = shlex.split(command)
    done = subprocess.run(
        [sys.executable, "-m", "argogrant.cli.main", *words],
        env={**os.environ, "KUBECONFIG": str(plane.kubeconfig())},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@dataclass(frozen=True, slots=True)
class Deployed:
    """The chart in Git, the Application of the page, and the pods of both."""

    world: World
    repository: Repository
    application: Application
    pods: Kubelet
    log: BinaryIO
    """Log of Argo CD's controller, from its current end."""

    def create(self, *, owns: bool = True, **values: Any) -> None:
        """Apply what the page shows; only the repository and the values differ.

        The ArgoCDInstance is open: these tests are about bindings, not about policies.

        Args:
            owns: Whether its objects go with it.
            values: More values of the chart.
        """
        project, application = shown("AppProject"), shown("Application")
        project["spec"]["sourceRepos"] = [self.repository.url]
        project["spec"]["destinations"] += [
            {"server": "https://kubernetes.default.svc", "namespace": one}
            for one in values.get("operator", {}).get("namespaces", ())
        ]
        application["metadata"]["finalizers"] = [NO_COLLECTOR] if owns else []
        application["spec"]["syncPolicy"]["syncOptions"].append(BACKGROUND)
        application["spec"]["source"]["repoURL"] = self.repository.url
        opened = {"instance": {"spec": {"requireAccessPolicy": False}}}
        application["spec"]["source"]["helm"]["valuesObject"] |= opened | values
        self.world.apply(project, application)
        self.application.wait_until_well(within=SYNC_SECONDS)
        if values.get("uninstall", {}).get("enabled", True):
            eventually(self.application.knows_of_a_hook, within=SYNC_SECONDS)

    def grant(self, name: str) -> None:
        """Grant as soon as admission knows the kind: up to 20 s after its creation."""

        def is_taken() -> bool:
            try:
                self.world.apply(a_grant(name))
            except (APIRequestFailed, KubectlFailed):
                return False
            return True

        eventually(is_taken, within=40)
        self.world.wait_until_bound(name)
        eventually(self.world.may_sync, within=30)

    def objects(self) -> list[str]:
        """Return the objects of the release, by kind and name."""
        listed = self.world.plane.kubectl(
            "get", KINDS_OF_OBJECTS, "--all-namespaces", "-o", "json"
        ).stdout
        return [
            f"{one['kind']}/{one['metadata']['name']}"
            for one in json.loads(listed)["items"]
            if "argogrant" in one["metadata"]["name"]
        ]

    def delete(self) -> None:
        """Delete the Application, and wait until Argo CD has deleted its objects."""
        self.application.delete_later()
        eventually(lambda: not self.application.exists(), within=SYNC_SECONDS)

    def lost_the_hook(self) -> bool:
        """Return whether Argo CD took the hook, which it had just created, for done.

        It does so if it reconciles before its cache has the Job, and deletes the
        Job with everything else: https://github.com/argoproj/argo-cd/issues/29100.
        """
        job = f"{{batch Job {NAMESPACE} {HOOK}}}"
        skipped = f"Hook resource {job} already exists, skipping"
        return skipped.encode() in self.log.read()

    def has_run_the_hook(self) -> bool:
        """Return whether the chart's Job has run once, or Argo CD has lost it.

        In the second case, sync waves have ended access, and the command cleans up.
        """
        if self.pods.ran == [HOOK]:
            return True
        if self.pods.ran or not self.lost_the_hook():
            return False
        self.clean_up()
        return True

    def clean_up(self) -> str:
        """Run the command of the page for an Argo CD that has not run the hook."""
        (command,) = shown_commands("argogrant uninstall")
        return argogrant(self.world.plane, command)


@pytest.fixture(scope="module")
def controllers(other_plane: ControlPlane) -> Iterator[ControlPlane]:
    gitops.start(other_plane)
    patch = ("-n", "argocd", "patch", "configmap", "argocd-cm", "--patch-file")
    other_plane.kubectl(*patch, str(HEALTH))
    yield other_plane
    gitops.stop(other_plane)


@pytest.fixture
def deployed(controllers: ControlPlane, tmp_path: Path) -> Iterator[Deployed]:
    """A cluster that has never heard of argogrant, and the chart in Git."""
    make_blank(controllers)
    controllers.argocd.set_rbac({"policy.csv": RULES})
    world = World(controllers)
    world.apply(PROJECT)
    repository = Repository(tmp_path / "repository")
    repository.commit_folder(chart.CHART, CHART)
    application = Application(world, "argogrant")
    (tmp_path / "pods").mkdir()
    with (
        (controllers.logs / f"{gitops.ACCOUNT}.log").open("rb") as log,
        kubelet(controllers, NAMESPACE, tmp_path / "pods") as pods,
    ):
        log.seek(0, os.SEEK_END)
        yield Deployed(world, repository, application, pods, log)
        application.abandon()


def test_application_grants_access_until_it_is_deleted(deployed: Deployed) -> None:
    """A new cluster, a grant and an upgrade from Git; the hook of the chart revokes."""
    world = deployed.world
    deployed.create()
    deployed.grant("alice")
    closed = "    requireAccessPolicy: true\n"
    longer = f"{closed}    maxDuration: 8h\n"
    deployed.repository.edit(f"{CHART}/values.yaml", closed, longer)
    deployed.application.refresh()

    def ceiling() -> str:
        return str(world.instance()["spec"].get("maxDuration"))

    eventually(lambda: ceiling() == "8h", within=SYNC_SECONDS)
    deployed.application.wait_until_well(within=SYNC_SECONDS)
    assert world.may_sync()
    eventually(lambda: world.instance_says()[1] == "Converged", within=20)
    deployed.delete()

    eventually(lambda: not world.may_sync(), within=10)
    assert world.overlay() == ""
    assert deployed.has_run_the_hook(), deployed.pods.said()
    assert not world.exists("argocdinstance", "default")
    assert deployed.objects() == []
    policies = ("get", "validatingadmissionpolicies", "argogrant-requester")
    assert world.plane.kubectl(*policies, check=False).returncode == 0
    assert not world.grant("alice")["metadata"].get("finalizers")
    world.delete("alice")


def test_hook_allows_a_further_namespace_before_the_sync(deployed: Deployed) -> None:
    """Its permissions go with it."""
    world = deployed.world
    world.plane.kubectl("create", "namespace", TEAM, check=False)
    deployed.create(operator={"namespaces": [TEAM]}, uninstall={"enabled": False})
    annotations = world.config_map()["metadata"]["annotations"]

    assert annotations[ALLOWED_NAMESPACES_ANNOTATION] == f"argogrant,{TEAM}"
    assert set(deployed.pods.ran) == {"argogrant-allow"}
    eventually(lambda: "allow" not in str(deployed.objects()), within=20)
    deployed.delete()


def test_sync_waves_end_access_without_the_hook(deployed: Deployed) -> None:
    """Argo CD before 3.3 does not have this hook.

    Remaining grants keep their finalizers, which the page's command removes.
    """
    world = deployed.world
    deployed.create(uninstall={"enabled": False})
    deployed.grant("alice")
    deployed.delete()

    eventually(lambda: not world.may_sync(), within=10)
    assert world.overlay() == ""
    assert deployed.pods.ran == []
    assert not world.exists("argocdinstance", "default")
    assert deployed.objects() == []
    assert "removed the finalizers of 1 AccessGrants" in deployed.clean_up()
    world.delete("alice")


def test_second_application_adopts_the_objects_without_a_gap(
    deployed: Deployed,
) -> None:
    """Without the hook and the finalizer, a deletion changes no object."""
    world = deployed.world
    deployed.create(owns=False, uninstall={"enabled": False})
    deployed.grant("alice")
    deployed.delete()
    assert world.exists("argocdinstance", "default")
    assert world.may_sync()
    deployed.create()
    assert world.may_sync()
    deployed.delete()

    eventually(lambda: not world.may_sync(), within=10)
    assert deployed.has_run_the_hook(), deployed.pods.said()
    assert deployed.objects() == []
    world.delete("alice")
