"""``argogrant doctor`` with a real API server and different callers."""

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
from support.live_cluster import RIGHTS, RULES, World, a_grant, after, eventually

ACCOUNTS = [
    {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": name, "namespace": "argogrant"},
    }
    for name in ("rita", "unprivileged")
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
class DoctorRun:
    """Exit status and output of one run of the doctor."""

    status: int
    text: str
    errors: str

    def outcomes(self) -> dict[str, str]:
        """Return the outcome of each check, from JSON output."""
        return {one["check"]: one["outcome"] for one in self.checks()}

    def checks(self) -> list[dict[str, Any]]:
        checks: list[dict[str, Any]] = json.loads(self.text)["checks"]
        return checks

    def wrong(self) -> dict[str, str]:
        """Return the texts of the problems by their check."""
        return {
            one["check"]: one["text"]
            for one in self.checks()
            if one["outcome"] == "wrong"
        }


def run_doctor(kubeconfig: Path | str, *options: str, columns: int = 80) -> DoctorRun:
    """Run the command as the user of a kubeconfig."""
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
    return DoctorRun(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def world(
    identity_policies: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A healthy installation with a leader and its admission policies."""
    world = World(identity_policies)
    log = tmp_path_factory.mktemp("log") / "operator.log"
    with operator_process.serving(world, log):
        admission_objects.wait_until_they_vouch(identity_policies)
        yield world


@pytest.fixture
def healthy(world: World) -> World:
    world.reset()
    eventually(lambda: world.instance_says()[1] == "Converged", within=30)
    return world


def test_healthy_installation_has_no_problem(healthy: World) -> None:
    """The control plane has no Deployment argocd-server, so its version is unknown."""
    healthy.apply(a_grant("g1"))
    eventually(healthy.may_sync, within=30)
    result = run_doctor(healthy.plane.kubeconfig(), "-o", "json")

    assert result.wrong() == {}
    assert (result.status, result.errors) == (0, "")
    unknown = {name for name, what in result.outcomes().items() if what == "unknown"}
    assert unknown == {"Argo CD"}
    assert json.loads(result.text)["healthy"]


def test_output_fits_eighty_columns(healthy: World) -> None:
    result = run_doctor(healthy.plane.kubeconfig())
    lines = result.text.splitlines()

    assert max(map(len, lines)) <= 80
    assert "✓ Ready" in result.text
    assert "\x1b" not in result.text
    assert lines[-1] == "No problem found; 1 check could not be completed."


def test_malformed_line_is_reported_with_its_place_and_a_remedy(healthy: World) -> None:
    healthy.edit({"policy.csv": RULES + "p, role:broken, applications\n"})
    eventually(lambda: healthy.instance_says()[1] == "RBACTextInvalid", within=30)
    result = run_doctor(healthy.plane.kubeconfig())

    assert result.status == 1
    assert "policy.csv line 3" in result.text
    assert "$ kubectl -n argocd edit configmap argocd-rbac-cm" in result.text
    assert max(map(len, result.text.splitlines())) <= 80


def test_missing_config_map_is_a_problem(healthy: World) -> None:
    healthy.remove_config_map()
    eventually(lambda: healthy.instance_says()[1] == "ConfigMapMissing", within=30)
    result = run_doctor(healthy.plane.kubeconfig(), "-o", "json")

    assert "ConfigMapMissing: argocd-rbac-cm is missing" in result.wrong()["Ready"]


def test_missing_permission_in_the_namespace_of_argocd_is_named(
    healthy: World,
) -> None:
    healthy.remove_rights()
    healthy.edit({"policy.csv": f"{RULES}# changed\n"})
    eventually(lambda: healthy.instance_says()[1] == "Forbidden", within=60)
    result = run_doctor(healthy.plane.kubeconfig(), "-o", "json")

    assert "configmaps/argocd-rbac-cm" in result.wrong()["Ready"]
    assert "manifests/argocd-namespace.yaml" in result.wrong()["Ready"]


def test_operator_that_cannot_write_its_status_is_not_believed(
    healthy: World,
) -> None:
    plane = healthy.plane
    role = plane.kubectl("-n", "argogrant", "get", "role", "argogrant", "-o", "json")
    body = json.loads(role.stdout)
    for rule in body["rules"]:
        if "argocdinstances/status" in rule["resources"]:
            rule["resources"].remove("argocdinstances/status")
    plane.kubectl("replace", "-f", "-", stdin=json.dumps(body))
    try:
        result = run_doctor(plane.kubeconfig(), "-o", "json")
    finally:
        home = RIGHTS.with_name("argogrant-namespace.yaml")
        plane.apply(home)
    (rights,) = (one for one in result.checks() if one["check"] == "Rights")

    assert "patch argocdinstances/status in namespace argogrant" in rights["text"]
    assert rights["command"] == "kubectl apply -f manifests/argogrant-namespace.yaml"
    assert result.outcomes()["Ready"] == "unknown"


ABSOLUTE_END = "AbsoluteEndRequired"


def test_grants_without_effect_are_named(healthy: World) -> None:
    """The admission policy refuses a mark of Argo CD at the creation only."""
    tracked = a_grant("from-git", duration="1h", role={"name": "role:none"})
    mailed = a_grant("mailed", "alice@example.com", expiresAt=after(600))
    lost = a_grant("lost", instance="elsewhere")
    healthy.apply(tracked, mailed, lost)
    mark = f"{TRACKING_ANNOTATION}=app:argogrant.dev/x"
    healthy.ours("annotate", "accessgrant", "from-git", mark)
    eventually(lambda: healthy.ready("from-git")[1] == ABSOLUTE_END, within=30)
    eventually(lambda: healthy.condition("mailed", "Effective")[1] != "", within=30)
    result = run_doctor(healthy.plane.kubeconfig(), "-o", "json")

    assert "from-git" in result.wrong()["Git"]
    assert "mailed: EmailNotInScopes" in result.wrong()["Effective"]
    assert "lost: spec.instance names an ArgoCDInstance" in result.wrong()["Grants"]


def test_missing_admission_policy_is_reported_once(healthy: World) -> None:
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
        result = run_doctor(plane.kubeconfig(), "-o", "json")
    finally:
        plane.kubectl("create", "-f", "-", stdin=kept)

    assert list(result.wrong()) == ["Admission"]
    assert f"ValidatingAdmissionPolicyBinding {name}" in result.wrong()["Admission"]


def test_reader_of_grants_gets_unknown_for_everything_else(healthy: World) -> None:
    healthy.apply(*ACCOUNTS, READER, READS)
    eventually(lambda: healthy.instance_says()[0] == "True", within=30)
    rita = healthy.plane.service_account_kubeconfig("argogrant", "rita")
    result = run_doctor(rita, "-o", "json")
    outcomes = result.outcomes()

    assert (result.status, result.errors) == (0, "")
    for readable in ("Kubernetes", "Instances", "Ready", "Grants"):
        assert outcomes[readable] == "fine"
    for hidden in ("CRDs", "Operator", "Rights", "Admission", "Argo CD"):
        assert outcomes[hidden] == "unknown"


def test_caller_without_permissions_gets_an_answer(healthy: World) -> None:
    healthy.apply(*ACCOUNTS)
    kubeconfig = healthy.plane.service_account_kubeconfig("argogrant", "unprivileged")
    result = run_doctor(kubeconfig)

    assert "Traceback" not in result.text + result.errors
    assert "? Instances" in result.text


def test_operators_account_reviews_its_own_permissions(healthy: World) -> None:
    own = healthy.plane.service_account_kubeconfig("argogrant", "argogrant")

    assert run_doctor(own, "-o", "json").outcomes()["Rights"] == "fine"


def test_missing_instance_is_a_problem(healthy: World) -> None:
    result = run_doctor(healthy.plane.kubeconfig(), "--instance", "prod", "-o", "json")

    assert result.wrong() == {
        "Instance": "there is no ArgoCDInstance prod in namespace argogrant"
    }
    assert "Ready" not in result.outcomes()


def test_unknown_context_is_a_problem(healthy: World) -> None:
    result = run_doctor(healthy.plane.kubeconfig(), "--context", "nowhere")

    assert result.status == 1
    assert "✗ API server" in result.text
    assert "nowhere" in result.text


@pytest.mark.parametrize("part", ["", "/no/such/kubeconfig"])
def test_missing_api_server_is_a_problem(part: str) -> None:
    result = run_doctor(part)

    assert result.status == 1
    assert "✗ API server" in result.text
    assert "Traceback" not in result.text + result.errors
