"""Short builders of argogrant's kinds, and the API server's answers to them."""

from collections.abc import Iterator
from typing import Any

from argogrant.api.crd import (
    KINDS,
    Kind,
    custom_resource_definition,
    schema_with_limits,
)
from argogrant.api.structural_schema import RULES, WANTED
from controlplane import ControlPlane
from controlplane.errors import APIRequestFailed
from support.live_cluster import a_grant

ALICE = {"username": "alice", "groups": ["developers", "system:authenticated"]}
BOB = {"kind": "User", "name": "bob"}


def an_object(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "argogrant.dev/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "argogrant"},
        "spec": spec,
    }


def a_policy(**changes: Any) -> dict[str, Any]:
    spec = {
        "requesters": [{"kind": "Group", "name": "developers"}],
        "subjects": {"self": True},
        "roles": [{"name": "role:deployer"}],
    }
    return an_object("AccessPolicy", "tried", {**spec, **changes})


def an_approval(**changes: Any) -> dict[str, Any]:
    spec = {"grant": {"name": "tried", "uid": "0f0e-1"}, "decision": "Approve"}
    return an_object("AccessApproval", "tried", {**spec, **changes})


def an_instance(**spec: Any) -> dict[str, Any]:
    return an_object("ArgoCDInstance", "tried", spec)


def requested_by(**requester: Any) -> dict[str, Any]:
    """Build an AccessPolicy with one pattern of requesters."""
    return a_policy(requesters=[requester])


def for_subjects(**subjects: Any) -> dict[str, Any]:
    """Build an AccessPolicy with these subjects."""
    return a_policy(subjects=subjects)


def for_role(**role: Any) -> dict[str, Any]:
    """Build an AccessPolicy with one role."""
    return a_policy(roles=[role])


def approved_by(*approvers: dict[str, Any], required: int = 1) -> dict[str, Any]:
    """Build an AccessPolicy that requires approvals."""
    return a_policy(approval={"required": required, "approvers": approvers})


def owned_by(*integration: dict[str, Any], **owners: Any) -> dict[str, Any]:
    """Build an ArgoCDInstance with these owners."""
    return an_instance(owners={"integration": integration, **owners})


def a_project_role_grant(name: str) -> dict[str, Any]:
    return a_grant("tried", role={"name": name, "project": "team-a"})


def rejection(plane: ControlPlane, *command: str, body: dict[str, Any]) -> str:
    """Return why the API server rejects an object; empty if it accepts it.

    Args:
        plane: Its API server is asked.
        command: ``create`` or ``replace``; ``--dry-run=server`` persists nothing.
        body: The object.
    """
    api = plane.api("argogrant")
    try:
        if command == ("replace",):
            api.replace(body)
        elif "--dry-run=server" in command:
            api.create(body, dryRun="All")
        else:
            api.create(body)
    except APIRequestFailed as error:
        return str(error)
    return ""


def delete_all(plane: ControlPlane) -> None:
    """Delete every object of argogrant's kinds, and remove its finalizers."""
    api = plane.api("argogrant")
    for kind in KINDS:
        singular = kind.kind.lower()
        for item in api.list(singular, namespace="argogrant"):
            name = item["metadata"]["name"]
            if item["metadata"].get("finalizers"):
                patch = {"metadata": {"finalizers": None}}
                api.patch(singular, name, patch, namespace="argogrant")
            api.delete(singular, name, namespace="argogrant", wait=True)


def rules_of(*kinds: Kind) -> Iterator[tuple[str, str]]:
    """Yield every CEL rule in the CRDs of these kinds, with its message.

    Rules that stand for a limit of one field are left out.
    """
    pending: list[Any] = [custom_resource_definition(kind) for kind in kinds]
    wanted = frozenset[str]().union(
        *(_meanings(schema_with_limits(kind)) for kind in kinds)
    )
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            for rule in node.get(RULES, ()):
                if rule["message"] not in wanted and "fieldPath" not in rule:
                    yield rule["rule"], rule["message"]
        if isinstance(node, dict | list):
            pending += node.values() if isinstance(node, dict) else node


def _meanings(schema: dict[str, Any]) -> frozenset[str]:
    """Return what the limits of all fields mean."""
    children = [*schema.get("properties", {}).values(), schema.get("items", {})]
    below = (_meanings(child) for child in children if child)
    return frozenset({schema.get(WANTED, "")}).union(*below)
