"""Grants with conditions, and approvals, in a FakeCluster."""

from typing import Any, Final

from argogrant.kube.client import Body
from argogrant.kube.resources import ACCESS_APPROVALS, ACCESS_GRANTS
from support.fake_cluster import FakeCluster

GRANTS: Final = ACCESS_GRANTS.path("argogrant")
APPROVALS: Final = ACCESS_APPROVALS.path("argogrant")


def create_grant(cluster: FakeCluster, name: str, **spec: Any) -> Body:
    """Create a grant without a status."""
    subject = {"kind": "User", "name": "alice"}
    return cluster.add(
        GRANTS,
        {
            "apiVersion": "argogrant.dev/v1alpha1",
            "kind": "AccessGrant",
            "metadata": {"name": name},
            "spec": {
                "subject": subject,
                "role": {"name": "role:ops"},
                "justification": "hotfix",
                **spec,
            },
        },
    )


def set_condition(
    cluster: FakeCluster, condition: str, status: str, **more: Any
) -> None:
    """Set a condition in the status of the grant ``hotfix``."""
    one = {"type": condition, "status": status, "reason": "R", "message": "Because."}
    body = {"status": {"observedGeneration": 9, "conditions": [one], **more}}
    cluster.edit(f"{GRANTS}/hotfix/status", body)


def created_approvals(cluster: FakeCluster) -> list[Body]:
    """Return all approvals, including denials."""
    return [
        body for path, body in cluster._objects.items() if path.startswith(APPROVALS)
    ]
