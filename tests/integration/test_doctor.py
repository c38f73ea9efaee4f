"""``argogrant doctor`` beside a real API server: what is wrong, and for whom."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from argogrant.api.accessgrant import TRACKING_ANNOTATION
from controlplane import ControlPlane
from support import admission_objects, operator_process
from support.live_cluster import RULES, World, a_grant, after, eventually

ACCOUNTS = [
    {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": name, "namespace": "argogrant"},
    }
    for name in ("rita", "nobody")
]
READER = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "Role",
    "metadata": {"name": "reader", "namespace": "argogrant"},
    "rules": [
        {
            "apiGroups": ["argogrant.dev"],
            "resources": ["*"],
            "verbs": ["get", "list", "watch"],
        }
    ],
}
READS = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "RoleBinding",
    "metadata": {"name": "reader", "namespace": "argogrant"},
    "roleRef": {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": "Role",
        "name": "reader",
    },
    "subjects": [{"kind": "ServiceAccount", "name": "rita", "namespace": "argogrant"}],
}


@dataclass(frozen=True)
class Visit:
    """What the doctor said."""

    status: int
    text: str
    errors: str

    def outcomes(self) -> dict[str, str]:
        """The outcome of each check, of a visit that was asked for JSON."""
        return {one["check"]: one["outcome"] for one in self.checks()}

    def checks(self) -> list[dict[str, Any]]:
        checks: list[dict[str, Any]] = json.loads(self.text)["checks"]
        return checks

    def wrong(self) -> dict[str, str]:
        """What is wrong, by the check."""
        return {
            one["check"]: one["text"]
            for one in self.checks()
            if one["outcome"] == "wrong"
        }


def visit(kubeconfig: Path | str, *options: str, columns: int = 80) -> Visit:
    """Run the command as somebody."""
    environment = {
        **os.environ,
        "KUBECONFIG": str(kubeconfig),
        "ARGOGRANT_NAMESPACE": "argogrant",
        "COLUMNS": str(columns),
        "PYTHONUTF8": "1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "argogrant.cli.main", "doctor", *options],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return Visit(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def world(
    identity_policies: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A healthy installation that leads, with its admission policies."""
    world = World(identity_policies)
    log = tmp_path_factory.mktemp("log") / "operator.log"
    with operator_process.serving(world, log):
        admission_objects.wait_until_they_vouch(identity_policies)
        yield world


@pytest.fixture
def healthy(world: World) -> World:
    world.reset()
    eventually(lambda: world.instance_says()[1] == "Converged", within=20)
    return world


def test_nothing_is_wrong_with_a_healthy_installation(healthy: World) -> None:
    """Only the Deployment of argocd-server is not to be found here."""
    healthy.apply(a_grant("g1"))
    eventually(healthy.may_sync, within=30)
    seen = visit(healthy.plane.kubeconfig(), "-o", "json")

    assert seen.wrong() == {}
    assert (seen.status, seen.errors) == (0, "")
    doubts = {name for name, what in seen.outcomes().items() if what == "unknown"}
    assert doubts == {"Argo CD"}
    assert json.loads(seen.text)["healthy"]


def test_it_is_a_line_for_each_check_within_eighty_columns(healthy: World) -> None:
    seen = visit(healthy.plane.kubeconfig())
    lines = seen.text.splitlines()

    assert max(map(len, lines)) <= 80
    assert "✓ Ready" in seen.text
    assert "\x1b" not in seen.text
    assert lines[-1] == "Nothing wrong was seen; 1 check could not be made."


def test_what_is_wrong_is_named_with_its_place_and_its_remedy(healthy: World) -> None:
    healthy.edit({"policy.csv": RULES + "p, role:broken, applications\n"})
    eventually(lambda: healthy.instance_says()[1] == "RBACTextInvalid", within=30)
    seen = visit(healthy.plane.kubeconfig())

    assert seen.status == 1
    assert "policy.csv line 3" in seen.text
    assert "$ kubectl -n argocd edit configmap argocd-rbac-cm" in seen.text
    assert max(map(len, seen.text.splitlines())) <= 80


def test_a_missing_config_map_is_wrong(healthy: World) -> None:
    healthy.remove_config_map()
    seen = visit(healthy.plane.kubeconfig(), "-o", "json")

    assert "there is no argocd/argocd-rbac-cm" in seen.wrong()["ConfigMap"]


def test_a_missing_right_of_the_operator_is_named(healthy: World) -> None:
    healthy.remove_rights()
    seen = visit(healthy.plane.kubeconfig(), "-o", "json")
    (said,) = (one for one in seen.checks() if one["check"] == "Rights")

    assert "may not get configmaps/argocd-rbac-cm in namespace argocd" in said["text"]
    assert said["command"] == "kubectl apply -f manifests/argocd-namespace.yaml"


def test_grants_that_can_not_work_are_named(healthy: World) -> None:
    tracked = a_grant("from-git", duration="1h")
    tracked["metadata"]["annotations"] = {TRACKING_ANNOTATION: "app:argogrant.dev/x"}
    mailed = a_grant("mailed", "alice@example.com", expiresAt=after(600))
    lost = a_grant("lost", instance="elsewhere")
    healthy.apply(tracked, mailed, lost)
    eventually(lambda: healthy.ready("from-git")[1] != "", within=30)
    seen = visit(healthy.plane.kubeconfig(), "-o", "json")

    assert "from-git" in seen.wrong()["Git"]
    assert "mailed" in seen.wrong()["Scopes"]
    assert "lost: spec.instance names no ArgoCDInstance" in seen.wrong()["Grants"]


def test_a_missing_admission_policy_is_said_once(healthy: World) -> None:
    plane = healthy.plane
    kind, name = "validatingadmissionpolicybinding", "argogrant-requester"
    kept = plane.kubectl("get", kind, name, "-o", "json").stdout
    plane.kubectl("delete", kind, name)
    try:
        eventually(
            lambda: (
                healthy.instance_says("RequesterVerified")[1]
                == "AdmissionPolicyMissing"
            ),
            within=30,
        )
        seen = visit(plane.kubeconfig(), "-o", "json")
    finally:
        plane.kubectl("create", "-f", "-", stdin=kept)

    assert list(seen.wrong()) == ["Admission"]
    assert f"ValidatingAdmissionPolicyBinding {name}" in seen.wrong()["Admission"]


def test_somebody_who_may_only_read_grants_gets_question_marks(healthy: World) -> None:
    healthy.apply(*ACCOUNTS, READER, READS)
    eventually(lambda: healthy.instance_says()[0] == "True", within=30)
    rita = healthy.plane.service_account_kubeconfig("argogrant", "rita")
    seen = visit(rita, "-o", "json")
    outcomes = seen.outcomes()

    assert (seen.status, seen.errors) == (0, "")
    for readable in ("Kubernetes", "Instances", "Ready", "Grants"):
        assert outcomes[readable] == "fine"
    for hidden in ("CRDs", "Operator", "Rights", "Admission", "ConfigMap", "Argo CD"):
        assert outcomes[hidden] == "unknown"


def test_somebody_who_may_nothing_gets_an_answer(healthy: World) -> None:
    healthy.apply(*ACCOUNTS)
    nobody = healthy.plane.service_account_kubeconfig("argogrant", "nobody")
    seen = visit(nobody)

    assert "Traceback" not in seen.text + seen.errors
    assert "? Instances" in seen.text


def test_the_operators_own_account_asks_about_itself(healthy: World) -> None:
    own = healthy.plane.service_account_kubeconfig("argogrant", "argogrant")

    assert visit(own, "-o", "json").outcomes()["Rights"] == "fine"


def test_an_instance_that_is_not_there_is_wrong(healthy: World) -> None:
    seen = visit(healthy.plane.kubeconfig(), "--instance", "prod", "-o", "json")

    assert seen.wrong() == {
        "Instance": "there is no ArgoCDInstance prod in namespace argogrant"
    }
    assert "Ready" not in seen.outcomes()


def test_another_context_can_be_named(healthy: World) -> None:
    seen = visit(healthy.plane.kubeconfig(), "--context", "nowhere")

    assert seen.status == 1
    assert "✗ API server" in seen.text
    assert "nowhere" in seen.text


@pytest.mark.parametrize("part", ["", "/no/such/kubeconfig"])
def test_without_an_api_server_it_says_so(part: str) -> None:
    seen = visit(part)

    assert seen.status == 1
    assert "✗ API server" in seen.text
    assert "Traceback" not in seen.text + seen.errors
