"""Positions of attackers: a service account with exactly the rights of one position."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from controlplane.api import APIClient
from controlplane.plane import ControlPlane
from support.live_cluster import after

OURS: Final = "argogrant"
ARGOCD: Final = "argocd"
OTHER: Final = "argogrant-b"
"""A second namespace that the operator serves."""
OTHER_ARGOCD: Final = "argocd-b"
"""Namespace of a second Argo CD, whose argocd-rbac-cm has an owner of its own."""
HOME: Final = "hostile"
"""Namespace of the attackers' service accounts."""
PROJECT: Final = "hostile-team"
"""The AppProject of the project admin."""

CHANGE: Final = ["get", "update", "patch"]
ANYTHING: Final = ["get", "list", "create", "update", "patch", "delete"]
OUR_GROUP: Final = ["argogrant.dev"]


def _rule(
    groups: list[str], resources: list[str], verbs: list[str], *names: str
) -> dict[str, Any]:
    rule: dict[str, Any] = {"apiGroups": groups, "resources": resources, "verbs": verbs}
    return {**rule, "resourceNames": list(names)} if names else rule


REQUESTED_END: Final = after(12 * 3600)
"""End of the attackers' grants: they are service accounts, which need one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """What a person may do in the cluster, and nothing else."""

    name: str
    """Such as ``project-admin``; the name of the service account."""
    sentence: str
    """Who that is, for reports."""
    rules: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Rules of a Role in every namespace."""

    @property
    def username(self) -> str:
        """The user name of the service account in Kubernetes."""
        return f"system:serviceaccount:{HOME}:{self.name}"


_POSITIONS: Final = (
    Position(
        name="project-admin",
        sentence="An admin of one AppProject",
        rules={
            ARGOCD: [_rule(["argoproj.io"], ["appprojects"], CHANGE, PROJECT)],
        },
    ),
    Position(
        name="rbac-owner",
        sentence="The owner of another Argo CD",
        rules={
            OTHER_ARGOCD: [
                _rule([""], ["configmaps"], CHANGE, "argocd-rbac-cm", "argocd-cm"),
                _rule(["argoproj.io"], ["appprojects"], ANYTHING),
            ],
        },
    ),
    Position(
        name="requester",
        sentence="A requester of access",
        rules={
            OURS: [
                _rule(
                    OUR_GROUP,
                    ["accessgrants"],
                    ["create", "get", "list", "patch", "delete"],
                )
            ],
        },
    ),
    Position(
        name="approver",
        sentence="Someone who may create approvals",
        rules={
            OURS: [
                _rule(OUR_GROUP, ["accessapprovals"], ["create", "get", "delete"]),
                _rule(OUR_GROUP, ["accessgrants"], ["create", "get"]),
            ],
        },
    ),
    Position(
        name="neighbour",
        sentence="The owner of another served namespace",
        rules={
            OTHER: [
                _rule(
                    OUR_GROUP,
                    [
                        "accessgrants",
                        "accessapprovals",
                        "accesspolicies",
                        "argocdinstances",
                    ],
                    ANYTHING,
                )
            ],
        },
    ),
    Position(
        name="lease-writer",
        sentence="Someone who may write the Lease",
        rules={
            OURS: [_rule(["coordination.k8s.io"], ["leases"], CHANGE, "argogrant")],
        },
    ),
    Position(
        name="status-writer",
        sentence="Someone who may write statuses",
        rules={
            OURS: [
                _rule(
                    OUR_GROUP,
                    [
                        "accessgrants/status",
                        "accesspolicies/status",
                        "accessapprovals/status",
                        "argocdinstances/status",
                    ],
                    CHANGE,
                ),
                _rule(OUR_GROUP, ["accessgrants"], ["create", "get", "list"]),
            ],
        },
    ),
    Position(
        name="remote-owner",
        sentence="The owner of a remote API server",
    ),
    Position(
        name="settings-writer",
        sentence="Someone who may write argocd-cm",
        rules={OTHER_ARGOCD: [_rule([""], ["configmaps"], CHANGE, "argocd-cm")]},
    ),
    Position(
        name="secret-writer",
        sentence="Someone who may write the Secret with a token",
        rules={OURS: [_rule([""], ["secrets"], CHANGE, "argocd-prod")]},
    ),
    Position(
        name="passer-by",
        sentence="Anyone who reaches the metrics port",
    ),
)
POSITIONS: Final = {one.name: one for one in _POSITIONS}


def install(plane: ControlPlane) -> None:
    """Create the service account and the Roles of every position."""
    plane.apply(_namespace(HOME))
    for position in POSITIONS.values():
        account = {"name": position.name, "namespace": HOME}
        plane.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})
        subject = {"kind": "ServiceAccount", **account}
        for namespace, rules in position.rules.items():
            plane.apply(*role(position.name, namespace, rules, subject))


def client(plane: ControlPlane, position: Position) -> APIClient:
    """Return a client with a token of the position's service account."""
    path = plane.service_account_kubeconfig(HOME, position.name)
    return APIClient(json.loads(path.read_text("utf-8")))


def _namespace(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def role(
    name: str, namespace: str, rules: list[dict[str, Any]], subject: Mapping[str, str]
) -> tuple[dict[str, Any], ...]:
    """Return a Role and its binding to one subject."""
    group = "rbac.authorization.k8s.io"
    metadata = {"name": f"hostile-{name}", "namespace": namespace}
    body = {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": metadata}
    reference = {"apiGroup": group, "kind": "Role", "name": metadata["name"]}
    binding = {"roleRef": reference, "subjects": [dict(subject)]}
    return {**body, "rules": rules}, {**body, "kind": "RoleBinding", **binding}
