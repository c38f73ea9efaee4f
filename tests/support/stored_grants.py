"""Manifests of AccessGrants and AccessApprovals with a status."""

from datetime import datetime
from typing import Any

from argogrant.grants.model.window import format_instant
from support.builders import HOUR, NOON


def a_stored_grant(
    name: str = "g1", subject: str = "alice", **others: Any
) -> dict[str, Any]:
    """Build a grant for role:deployer of one hour, created at noon.

    ``status`` replaces the status, ``metadata`` extends the metadata, and every other
    argument is a field of the spec.
    """
    status, metadata = others.pop("status", {}), others.pop("metadata", {})
    spec = {
        "instance": "default",
        "subject": {"kind": "User", "name": subject},
        "role": {"name": "role:deployer"},
        **others,
    }
    if "expiresAt" not in spec:
        spec.setdefault("duration", "1h")
    return {
        "apiVersion": "argogrant.dev/v1alpha1",
        "kind": "AccessGrant",
        "metadata": {
            "name": name,
            "namespace": "argogrant",
            "uid": f"uid-of-{name}",
            "creationTimestamp": format_instant(NOON),
            **metadata,
        },
        "spec": spec,
        "status": status,
    }


def condition(kind: str, status: str, reason: str, message: str = "") -> dict[str, Any]:
    """Build a condition."""
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message or f"The reason is {reason}.",
        "lastTransitionTime": format_instant(NOON),
    }


def active_status(
    *others: dict[str, Any], until: datetime = NOON + HOUR, **status: Any
):
    """Build the status of an active grant."""
    return {
        "conditions": [
            condition("Approved", "True", "AutoApproved"),
            condition("Ready", "True", "Bound"),
            *others,
        ],
        "startedAt": format_instant(NOON),
        "expiresAt": format_instant(until),
        "boundAs": "role:deployer",
        **status,
    }


def not_ready_status(reason: str, message: str = "", **status: Any) -> dict[str, Any]:
    """Build the status of a grant that is not in force."""
    return {"conditions": [condition("Ready", "False", reason, message)], **status}


def ended_status(
    reason: str, at: datetime = NOON + HOUR, **status: Any
) -> dict[str, Any]:
    """Build the status of a grant that has ended."""
    conditions = [
        condition("Ready", "False", reason),
        condition("Ended", "True", reason),
    ]
    return {"conditions": conditions, "endedAt": format_instant(at), **status}


def a_stored_approval(
    decision: str = "Approve",
    counted: tuple[str, ...] = (),
    grant: str = "g1",
    **others: Any,
) -> dict[str, Any]:
    """Build an AccessApproval by dan, one minute after noon.

    ``counted`` is the status, reason and message of its condition ``Counted``.
    """
    conditions = [condition("Counted", *counted)] if counted else []
    return {
        "apiVersion": "argogrant.dev/v1alpha1",
        "kind": "AccessApproval",
        "metadata": {
            "name": f"{grant}-{decision.lower()}",
            "creationTimestamp": "2026-11-24T12:01:00Z",
        },
        "spec": {
            "grant": {"name": grant, "uid": "u1"},
            "decision": decision,
            "approver": {"username": "dan"},
            **others,
        },
        "status": {"conditions": conditions},
    }
