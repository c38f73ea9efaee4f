"""AccessGrants as the API server holds them once the operator has looked."""

from datetime import datetime
from typing import Any

from argogrant.grants.model.window import format_instant
from support.builders import HOUR, NOON


def a_body(name: str = "g1", subject: str = "alice", **others: Any) -> dict[str, Any]:
    """A grant of an hour for role:deployer, created at noon.

    ``status`` is what the operator wrote, ``metadata`` adds to it, and the rest is of
    the spec.
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


def said(kind: str, status: str, reason: str, message: str = "") -> dict[str, Any]:
    """A condition."""
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message or f"{reason} it is.",
        "lastTransitionTime": format_instant(NOON),
    }


def in_force(*others: dict[str, Any], until: datetime = NOON + HOUR, **status: Any):
    """The status of a grant that Argo CD obeys."""
    return {
        "conditions": [
            said("Approved", "True", "AutoApproved"),
            said("Ready", "True", "Bound"),
            *others,
        ],
        "startedAt": format_instant(NOON),
        "expiresAt": format_instant(until),
        "boundAs": "role:deployer",
        **status,
    }


def not_ready(reason: str, message: str = "", **status: Any) -> dict[str, Any]:
    """The status of a grant that Argo CD does not obey."""
    return {"conditions": [said("Ready", "False", reason, message)], **status}


def over(reason: str, at: datetime = NOON + HOUR, **status: Any) -> dict[str, Any]:
    """The status of a grant that has ended."""
    conditions = [said("Ready", "False", reason), said("Ended", "True", reason)]
    return {"conditions": conditions, "endedAt": format_instant(at), **status}


def an_approval(
    decision: str = "Approve",
    counted: tuple[str, ...] = (),
    grant: str = "g1",
    **others: Any,
) -> dict[str, Any]:
    """An AccessApproval by dan, a minute after noon; ``counted`` is its condition."""
    conditions = [said("Counted", *counted)] if counted else []
    return {
        "apiVersion": "argogrant.dev/v1alpha1",
        "kind": "AccessApproval",
        "metadata": {
            "name": f"of-{grant}-{decision.lower()}",
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
