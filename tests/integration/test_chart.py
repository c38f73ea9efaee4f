"""The chart, installed by Helm on a real API server, judged by argocd-server.

No controller creates pods of Deployments and Jobs here. ``kubelet`` runs the command of
a pod with a token of its ServiceAccount.
"""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from argogrant.argocd.allowed_namespaces import ALLOWED_NAMESPACES_ANNOTATION
from argogrant.controller.status.writer import FINALIZER
from controlplane import ControlPlane, programs
from controlplane.errors import APIRequestFailed, KubectlFailed
from controlplane.helm import helm, program
from support import admission_objects, chart, doc_pages
from support.blank_cluster import FREE, make_blank
from support.chart import CHART, options
from support.kubelet import Kubelet, kubelet
from support.live_cluster import INSTANCE, PROJECT, RULES, World, a_grant, eventually
from support.live_policies import a_policy
from support.two_namespaces import TEAM, team_grant, team_instance

pytestmark = pytest.mark.long

NAMESPACE = "argogrant"
RELEASE = ("argogrant", "--namespace", NAMESPACE)
UID = "jsonpath={.metadata.uid}"
OPEN = "instance.spec.requireAccessPolicy=false"
LIMITS = options(
    [
        "replicaCount=1,resourceQuota.accessGrants=1",
        f"apiPriorityAndFairness.enabled=true,{chart.FROM_PROMETHEUS}",
    ]
)
ANY_USER = {"kind": "User", "name": "*"}
KEPT = {
    "ValidatingAdmissionPolicy/argogrant-requester",
    "ValidatingAdmissionPolicy/argogrant-approver",
    "ValidatingAdmissionPolicy/argogrant-limits",
    "MutatingAdmissionPolicy/argogrant-requester",
    "MutatingAdmissionPolicy/argogrant-approver",
}
"""Admission policies, which stay with the kinds when a release is deleted."""
NO_PROMETHEUS = (
    "metrics.serviceMonitor.enabled=false",
    "metrics.prometheusRule.enabled=false",
)
IN_ANOTHER_CLUSTER = {
    **INSTANCE,
    "metadata": {
        "name": "far",
        "namespace": NAMESPACE,
        "finalizers": [FINALIZER],
    },
    "spec": {
        "cluster": {"server": "https://127.0.0.1:1", "tokenSecret": {"name": "far"}}
    },
}
NOT_SERVED_YET = 'no matches for kind "ArgoCDInstance"'
"""Message of Helm if the API server has stored the kinds and does not serve them."""
RESTRICTED = {
    "apiVersion": "v1",
    "kind": "Namespace",
    "metadata": {
        "name": "restricted",
        "labels": {"pod-security.kubernetes.io/enforce": "restricted"},
    },
}


class Release:
    """One release of the chart, and its pods."""

    def __init__(self, plane: ControlPlane, folder: Path, pods: Kubelet) -> None:
        self.plane = plane
        self.folder = folder
        self.pods = pods
        self.world = World(plane)

    def helm(self, *arguments: str, check: bool = True) -> str:
        done = helm(
            *arguments,
            folder=self.folder,
            kubeconfig=self.plane.kubeconfig(),
            check=check,
        )
        return done.stdout

    def install(self, *options: str) -> None:
        """Install the chart; on a slow API server in two steps, as the page says."""
        install = ("install", *RELEASE, str(CHART), *options)
        try:
            self.helm(*install)
        except AssertionError as failure:
            if NOT_SERVED_YET not in str(failure):
                raise
            self.helm("upgrade", "--install", *install[1:])

    def types(self, lines: str) -> str:
        """Run lines of a page in a shell, in the folder of the repository."""
        homes = {
            f"HELM_{n}_HOME": str(self.folder) for n in ("CACHE", "CONFIG", "DATA")
        }
        programs_folders = f"{program().parent}:{programs.bin_folder()}"
        done = subprocess.run(
            ["bash", "-euc", lines],
            cwd=doc_pages.ROOT,
            env={
                **os.environ,
                **homes,
                "KUBECONFIG": str(self.plane.kubeconfig()),
                "PATH": f"{programs_folders}:{os.environ['PATH']}",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def grant(self, name: str) -> None:
        """Grant as soon as admission knows the kind: up to 20 s after its creation."""

        def is_taken() -> bool:
            try:
                self.world.apply(a_grant(name))
            except (APIRequestFailed, KubectlFailed):
                return False
            return True

        eventually(is_taken, within=40)

    def rejects_a_grant(self, words: str) -> bool:
        """Return whether the API server rejects one more grant with these words."""
        run = ("create", "--dry-run=server", "-f", "-")
        body = json.dumps(a_grant("one-more"))
        return words in self.plane.kubectl(*run, stdin=body, check=False).stderr

    def requests_are_prioritized(self) -> bool:
        """Return whether the API server classifies the operator by our FlowSchema."""
        config = self.plane.service_account_kubeconfig(NAMESPACE, "argogrant")
        request = ("get", "--raw", "/version", "-v=8", f"--kubeconfig={config}")
        schema = ("get", "flowschema", f"argogrant-{NAMESPACE}", "-o", UID)
        uid = self.plane.kubectl(*schema).stdout
        return f"Flowschema-Uid: {uid}" in self.plane.kubectl(*request).stderr


def everything_of(plane: ControlPlane) -> list[dict[str, Any]]:
    kinds = (
        "deployments,services,serviceaccounts,roles,rolebindings,clusterroles,"
        "clusterrolebindings,cronjobs,jobs,configmaps,secrets,poddisruptionbudgets,"
        "networkpolicies,resourcequotas,flowschemas,prioritylevelconfigurations,"
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
    (tmp_path / "pods").mkdir()
    with kubelet(other_plane, NAMESPACE, tmp_path / "pods") as pods:
        one = Release(other_plane, tmp_path, pods)
        yield one
        one.helm("uninstall", *RELEASE, "--no-hooks", check=False)


def test_release_grants_access_until_it_is_uninstalled(release: Release) -> None:
    """As it comes it is closed; an upgrade and a rollback change no access.

    Helm keeps the admission policies, so a second installation restores access that an
    AccessPolicy allows; another release is told to whom they belong.
    """
    world, plane = release.world, release.plane
    release.install(*LIMITS)
    release.grant("alice")
    eventually(lambda: world.condition("alice", "Approved")[0] == "False", within=30)
    assert not world.may_sync()
    opened = (*LIMITS, *options([OPEN, "instance.spec.maxDuration=8h"]))
    release.helm("upgrade", *RELEASE, str(CHART), *opened)
    assert world.instance()["spec"]["maxDuration"] == "8h"
    eventually(world.may_sync, within=20)
    eventually(lambda: release.rejects_a_grant("exceeded quota"), within=10)
    # The operator repeats requests until the API server has read the new Roles.
    eventually(lambda: world.instance_says()[1] == "Converged", within=20)

    closing = ("upgrade", *RELEASE, str(CHART), *LIMITS)
    with pytest.raises(AssertionError, match="No AccessPolicy applies"):
        release.helm(*closing)
    world.apply(a_policy("elsewhere", instances=["other"]))
    with pytest.raises(AssertionError, match="No AccessPolicy applies"):
        release.helm(*closing)
    world.apply(a_policy())
    assert "requireAccessPolicy: true" in release.helm(*closing, "--dry-run=server")
    world.delete_all("accesspolicy")
    eventually(world.may_sync, within=20)
    release.helm("rollback", "argogrant", "1", "--namespace", NAMESPACE)
    assert world.exists("argocdinstance", "default")
    assert world.may_sync()
    assert "Role/argogrant-uninstall" not in everything_of(plane)
    eventually(release.requests_are_prioritized, within=10)

    world.delete("alice")  # The quota has space for one.
    eventually(lambda: not world.may_sync(), within=10)
    world.apply(a_policy(requesters=[ANY_USER], subjects=ALICE))
    admission_objects.wait_until_they_vouch(plane)
    release.grant("verified")
    eventually(world.may_sync, within=20)

    release.helm("uninstall", *RELEASE)
    assert "0 ArgoCDInstances remain" in release.pods.said()
    eventually(lambda: not world.may_sync(), within=10)
    assert set(everything_of(plane)) == KEPT
    read = world.grant("verified")
    assert not read["metadata"].get("finalizers")

    with pytest.raises(AssertionError) as refusal:
        release.helm("install", "second", "-n", "default", str(CHART), *LIMITS)
    message = str(refusal.value)
    assert f"belongs to release argogrant in namespace {NAMESPACE}" in message
    assert "admission.identity=never" in message
    release.install(*LIMITS)
    eventually(world.may_sync, within=30)


def page_commands(*words: str) -> str:
    """Return the block of the page about installation whose commands have the words."""
    page = doc_pages.ROOT / "docs/how-to/install.md"
    (text,) = (
        block.text
        for block in doc_pages.blocks_of(page, page.read_text())
        if block.language == "console" and all(word in block.text for word in words)
    )
    return text


def test_documented_commands_hand_the_policies_over_without_an_end_of_access(
    release: Release, tmp_path: Path
) -> None:
    """A second release adopts what the first one has left; both as the page says."""
    world, plane = release.world, release.plane
    second = ("second", "--namespace", SECOND)
    values = options(["replicaCount=1", OPEN])
    release.install(*values)
    (tmp_path / "second").mkdir()
    plane.kubectl("create", "namespace", SECOND, check=False)
    with kubelet(plane, SECOND, tmp_path / "second"):
        release.types(page_commands("helm install second"))
        release.helm("uninstall", *RELEASE)
        admission_objects.wait_until_they_vouch(plane)
        world.apply(*in_second(a_policy(requesters=[ANY_USER], subjects=ALICE)))
        eventually(lambda: is_taken(world, *in_second(a_grant("verified"))), within=40)
        eventually(world.may_sync, within=60)
        adopting = ("upgrade", *second, str(CHART), "--reset-values")
        with pytest.raises(AssertionError, match="belongs to release argogrant"):
            release.helm(*adopting)
        assert world.may_sync()

        release.types(page_commands("kubectl annotate", "release-name=second"))
        release.helm(*adopting)
        time.sleep(OPERATOR_STARTS)
        read = plane.api(SECOND).find("accessgrant", "verified", namespace=SECOND)
        owners = {owner_of(one) for one in policies_and_kinds(plane)}
        still_allowed = world.may_sync()
        release.helm("uninstall", *second)
        eventually(lambda: not world.may_sync(), within=10)

    assert still_allowed
    assert read is not None
    assert owners == {("second", SECOND)}
    assert set(everything_of(plane)) >= KEPT


SECOND = "second"
ALICE = {"users": ["alice"]}
OPERATOR_STARTS = 8.0


def in_second(*bodies: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {**one, "metadata": {**one["metadata"], "namespace": SECOND}} for one in bodies
    ]


def is_taken(world: World, *bodies: dict[str, Any]) -> bool:
    """Apply objects; return whether the API server takes them."""
    try:
        world.apply(*bodies)
    except (APIRequestFailed, KubectlFailed):
        return False
    return True


def policies_and_kinds(plane: ControlPlane) -> list[dict[str, Any]]:
    kinds = (
        "crd,validatingadmissionpolicies,validatingadmissionpolicybindings,"
        "mutatingadmissionpolicies,mutatingadmissionpolicybindings"
    )
    listed = json.loads(plane.kubectl("get", kinds, "-o", "json").stdout)["items"]
    return [one for one in listed if "argogrant" in one["metadata"]["name"]]


def owner_of(body: dict[str, Any]) -> tuple[str | None, str | None]:
    found = body["metadata"].get("annotations", {})
    prefix = "meta.helm.sh/release-"
    return found.get(f"{prefix}name"), found.get(f"{prefix}namespace")


def test_uninstall_hook_revokes_without_an_operator(release: Release) -> None:
    """Its permissions are gone also after it has failed; the Job and its log stay."""
    world = release.world
    values = options([OPEN, "replicaCount=1"])
    hasty = ("--set", "uninstall.waitSeconds=0")
    release.install(*values, *hasty)
    release.grant("alice")
    eventually(world.may_sync, within=30)
    stop = ("scale", "deployment", "argogrant", "--replicas=0")
    release.plane.kubectl("-n", NAMESPACE, *stop)
    eventually(lambda: not release.pods.runs("argogrant"), within=20)
    world.apply(IN_ANOTHER_CLUSTER)
    with pytest.raises(AssertionError, match="argogrant-uninstall"):
        release.helm("uninstall", *RELEASE)
    assert "its Argo CD is in another cluster" in release.pods.said()
    assert "Job/argogrant-uninstall" in everything_of(release.plane)
    assert "Role/argogrant-uninstall" not in everything_of(release.plane)
    free = ("patch", "argocdinstance", "far", "--type=merge", "-p", FREE)
    release.plane.kubectl("-n", NAMESPACE, *free)
    release.helm("uninstall", *RELEASE)

    assert "removed 1 bindings from argocd" in release.pods.said()
    eventually(lambda: not world.may_sync(), within=10)
    assert not world.exists("argocdinstance", "default")
    world.delete("alice")


@pytest.mark.parametrize("kind", ["Deployment", "CronJob", "Job"])
def test_pods_meet_the_restricted_pod_security_standard(
    other_plane: ControlPlane, tmp_path: Path, kind: str
) -> None:
    """The API server judges; a pod without its security context is refused."""
    other_plane.apply(RESTRICTED)
    (body,) = chart.of_kind(chart.rendered(tmp_path), kind)
    spec = chart.pod_of(body)
    metadata = {"name": "judged", "namespace": RESTRICTED["metadata"]["name"]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    api = other_plane.api(metadata["namespace"])
    api.create(pod, dryRun="All")

    with pytest.raises(APIRequestFailed, match="violates PodSecurity"):
        api.create({**pod, "spec": {**spec, "securityContext": {}}}, dryRun="All")


def test_release_serves_a_further_namespace_that_its_hook_allows(
    release: Release,
) -> None:
    """The permission of the hook goes with it; so do the bindings with the release."""
    world, plane = release.world, release.plane
    plane.kubectl("create", "namespace", TEAM, check=False)
    values = ["replicaCount=1,resourceQuota.enabled=false", OPEN]
    values.append(f"operator.namespaces={{{TEAM}}}")
    release.install(*options(values))
    annotations = world.config_map()["metadata"]["annotations"]
    assert annotations[ALLOWED_NAMESPACES_ANNOTATION] == f"argogrant,{TEAM}"
    assert not [one for one in everything_of(plane) if "allow" in one]

    def is_taken() -> bool:
        try:
            world.apply(team_instance(), team_grant("carol"))
        except (APIRequestFailed, KubectlFailed):
            return False
        return True

    eventually(is_taken, within=40)
    eventually(lambda: world.may_sync("carol"), within=30)
    release.helm("uninstall", *RELEASE)
    eventually(lambda: not world.may_sync("carol"), within=10)
    plane.kubectl("-n", TEAM, "delete", "accessgrant", "carol")


@pytest.mark.long
def test_first_installation_that_failed_at_the_instance_is_completed(
    release: Release,
) -> None:
    """As after ``no matches for kind``: the hook with the instance was not created."""
    values = ["replicaCount=1", OPEN]
    wrong = options([*values, "instance.spec.maxDuration=for-ever"])
    with pytest.raises(
        AssertionError, match="INSTALLATION FAILED: failed post-install"
    ):
        release.helm("install", *RELEASE, str(CHART), *wrong)
    release.helm("upgrade", "--install", *RELEASE, str(CHART), *options(values))
    release.grant("alice")

    eventually(release.world.may_sync, within=30)


@pytest.mark.parametrize("values", chart.SETS.values(), ids=chart.SETS)
def test_rendered_objects_are_valid_on_the_api_server(release: Release, values) -> None:
    """Kinds of the Prometheus operator are not served here and are left out."""
    if "crds.enabled" not in str(values):
        values = [*values, *NO_PROMETHEUS]
    run = ("install", *RELEASE, str(CHART), "--dry-run=server", *options(values))

    assert "kind: Deployment" in release.helm(*run)
