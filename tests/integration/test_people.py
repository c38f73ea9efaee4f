"""The people of a control plane: each is to the API server whom the test says."""

import json

import pytest

from controlplane import ControlPlane
from controlplane.errors import KubectlFailed
from support.harness_requests import whoami


def test_a_person_of_the_cast_has_their_own_groups(plane: ControlPlane):
    """The API server knows alice and the groups of the cast."""
    info = whoami(plane, user="alice")

    assert info["username"] == "alice"
    assert info["groups"] == ["developers", "system:authenticated"]


def test_anybody_else_comes_with_the_groups_they_are_given(plane: ControlPlane):
    """A name that is in no list is impersonated, with exactly those groups."""
    path = plane.kubeconfig("zoë@example.com", ["auditors"])
    info = whoami(plane, f"--kubeconfig={path}")

    assert info["username"] == "zoë@example.com"
    assert info["groups"] == ["auditors", "system:authenticated"]


def test_a_service_account_comes_as_itself(plane: ControlPlane):
    """The operator's ServiceAccount speaks with its own token and no more rights."""
    plane.kubectl("create", "serviceaccount", "robot", "--namespace", "argocd")
    path = plane.service_account_kubeconfig("argocd", "robot")
    info = whoami(plane, f"--kubeconfig={path}")
    denied = plane.kubectl("get", "secrets", f"--kubeconfig={path}", check=False)

    assert info["username"] == "system:serviceaccount:argocd:robot"
    assert 'in the namespace "argocd"' in denied.stderr


def test_a_kubeconfig_names_its_namespace(plane: ControlPlane):
    """A client that is told no namespace uses the one of the context."""
    path = plane.kubeconfig(context_namespace="argocd")
    listed = plane.kubectl("get", "configmaps", "-o", "name", f"--kubeconfig={path}")

    assert "configmap/argocd-rbac-cm" in listed.stdout


def test_rights_come_from_rbac_alone(plane: ControlPlane):
    """A person whom nobody gave anything is refused, in words."""
    with pytest.raises(KubectlFailed, match='User "alice" cannot list'):
        plane.kubectl("get", "secrets", "--namespace", "argocd", user="alice")


@pytest.mark.parametrize(
    "kind", ["validatingadmissionpolicies", "mutatingadmissionpolicies"]
)
def test_admission_policies_are_served(plane: ControlPlane, kind: str):
    """The API server has v1 of the policies that guard the operator's resources."""
    listed = plane.kubectl(
        "get", "--raw", f"/apis/admissionregistration.k8s.io/v1/{kind}"
    )

    assert json.loads(listed.stdout)["kind"].endswith("PolicyList")
