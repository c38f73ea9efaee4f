"""Objects and patches that the command line creates."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from argogrant.grants.access.policy import ApprovalDecision
from argogrant.grants.model.grant import RoleRef, Subject
from argogrant.grants.model.identity import Identity
from argogrant.grants.model.window import format_duration, format_instant

API_VERSION = "argogrant.dev/v1alpha1"


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantRequest:
    """AccessGrant to create.

    The API server generates the name if only ``prefix`` is set.
    """

    instance: str
    subject: Subject
    role: RoleRef
    end: datetime | timedelta
    """Expiry, or duration from the start."""
    start: datetime | None = None
    name: str = ""
    prefix: str = ""
    justification: str = ""
    break_glass: bool = False
    extends: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRequest:
    """AccessApproval to create."""

    name: str
    grant_name: str
    grant_uid: str
    decision: ApprovalDecision
    comment: str = ""


def build_grant(request: GrantRequest, requester: Identity | None) -> dict[str, Any]:
    """Build the AccessGrant; with None the admission policy sets the requester."""
    subject, role = request.subject, request.role
    named = {"name": request.name} if request.name else {"generateName": request.prefix}
    end = (
        {"duration": format_duration(request.end)}
        if isinstance(request.end, timedelta)
        else {"expiresAt": format_instant(request.end)}
    )
    spec = {
        "instance": request.instance,
        "subject": {"kind": str(subject.kind), "name": subject.name},
        "role": _non_empty({"name": role.name, "project": role.project}),
        **end,
        "notBefore": request.start and format_instant(request.start),
        "justification": request.justification,
        "breakGlass": request.break_glass,
        "extends": request.extends,
        "requester": requester and _identity(requester),
    }
    return _build("AccessGrant", named, spec)


def build_approval(
    request: ApprovalRequest, approver: Identity | None
) -> dict[str, Any]:
    """Build the AccessApproval; with None the admission policy sets the approver."""
    spec = {
        "grant": {"name": request.grant_name, "uid": request.grant_uid},
        "decision": str(request.decision),
        "comment": request.comment,
        "approver": approver and _identity(approver),
    }
    return _build("AccessApproval", {"name": request.name}, spec)


def build_revocation_patch(uid: str, justification: str) -> dict[str, Any]:
    """Build the patch that revokes a grant; the uid protects a re-created one."""
    spec: dict[str, Any] = {"revoked": True}
    if justification:
        spec["revocation"] = {"justification": justification}
    return {"metadata": {"uid": uid}, "spec": spec}


def build_expiry_patch(uid: str, end: datetime) -> dict[str, Any]:
    """Build the patch that changes the expiry; the uid protects a re-created grant."""
    return {"metadata": {"uid": uid}, "spec": {"expiresAt": format_instant(end)}}


def _build(kind: str, metadata: dict[str, str], spec: dict[str, Any]) -> dict[str, Any]:
    head = {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata}
    return {**head, "spec": _non_empty(spec)}


def _non_empty(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value}


def _identity(identity: Identity) -> dict[str, Any]:
    return {"username": identity.username, "groups": sorted(identity.groups)}
