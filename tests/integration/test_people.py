"""Users of a control plane, as the API server identifies them."""

import json

import pytest

from controlplane import ControlPlane
from controlplane.errors import KubectlFailed
from support.harness_requests import whoami


def test_predefined_user_has_predefined_groups(plane: ControlPlane):
    """The API server knows alice and the groups of the cast."""
    info = whoami(plane, user="alice")

    assert info["username"] == "alice"
    assert info["groups"] == ["developers", "system:authenticated"]


def test_other_user_is_impersonated_with_exact_groups(plane: ControlPlane):
    """A name that is in no list is impersonated, with exactly those groups."""
    path = plane.kubeconfig("zoë@example.com", ["auditors"])
    info = whoami(plane, f"--kubeconfig={path}")

    assert info["username"] == "zoë@example.com"
    assert info["groups"] == ["auditors", "system:authenticated"]


def test_service_account_uses_its_own_token_and_permissions(plane: ControlPlane):
    """The operator's ServiceAccount speaks with its own token and no more rights."""
    plane.kubectl("create", "serviceaccount", "robot", "--namespace", "argocd")
    path = plane.service_account_kubeconfig("argocd", "robot")
    info = whoami(plane, f"--kubeconfig={path}")
    denied = plane.kubectl("get", "secrets", f"--kubeconfig={path}", check=False)

    assert info["username"] == "system:serviceaccount:argocd:robot"
    assert 'in the namespace "argocd"' in denied.stderr


def test_kubeconfig_has_a_default_namespace(plane: ControlPlane):
    """A client without a namespace uses that of the context."""
    path = plane.kubeconfig(context_namespace="argocd")
    listed = plane.kubectl("get", "configmaps", "-o", "name", f"--kubeconfig={path}")

    assert "configmap/argocd-rbac-cm" in listed.stdout


def test_user_without_rbac_is_rejected(plane: ControlPlane):
    """The message names the user and the missing permission."""
    with pytest.raises(KubectlFailed, match='User "alice" cannot list'):
        plane.kubectl("get", "secrets", "--namespace", "argocd", user="alice")


@pytest.mark.parametrize(
    "kind", ["validatingadmissionpolicies", "mutatingadmissionpolicies"]
)
def test_admission_policies_are_served(plane: ControlPlane, kind: str):
    """The API server has v1 of both kinds."""
    listed = plane.kubectl(
        "get", "--raw", f"/apis/admissionregistration.k8s.io/v1/{kind}"
    )

    assert json.loads(listed.stdout)["kind"].endswith("PolicyList")
