"""Removal of everything that argogrant installed in a cluster."""

import json

from argogrant.api.crd import KINDS
from argogrant.argocd.allowed_namespaces import ALLOWED_NAMESPACES_ANNOTATION
from controlplane import ControlPlane

NAMES = [f"{kind.plural}.argogrant.dev" for kind in KINDS]
FREE = json.dumps({"metadata": {"finalizers": None}})
POLICIES = (
    *("validatingadmissionpolicies", "validatingadmissionpolicybindings"),
    *("mutatingadmissionpolicies", "mutatingadmissionpolicybindings"),
)
POLICY_NAMES = ("argogrant-requester", "argogrant-approver", "argogrant-limits")
REMOTE_RIGHTS = "serviceaccounts,roles,rolebindings"
"""Kinds of `manifests/remote-cluster.yaml`."""


def make_blank(plane: ControlPlane) -> None:
    """Remove our objects with finalizers, CRDs, policies, rights and the annotation."""
    for name in NAMES:
        listed = plane.kubectl("get", name, "-A", "-o", "json", check=False)
        for one in json.loads(listed.stdout or "{}").get("items", ()):
            where = ("-n", one["metadata"]["namespace"])
            patch = ("--type=merge", "-p", FREE)
            plane.kubectl(
                *(*where, "patch", name, one["metadata"]["name"], *patch), check=False
            )
    plane.kubectl("delete", "crd", "--ignore-not-found", *NAMES)
    for kind in POLICIES:
        plane.kubectl("delete", kind, "--ignore-not-found", *POLICY_NAMES)
    rights = ("delete", REMOTE_RIGHTS, "argogrant", "--ignore-not-found")
    plane.kubectl("-n", "argocd", *rights)
    forbid = ("annotate", "configmap", "argocd-rbac-cm")
    plane.kubectl(
        "-n", "argocd", *forbid, f"{ALLOWED_NAMESPACES_ANNOTATION}-", check=False
    )
