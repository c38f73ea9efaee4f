"""What commands create in a person's name: an AccessGrant, an AccessApproval."""

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
    """What somebody asks for.

    Its name is chosen by the API server if it only has a ``prefix``.
    """

    instance: str
    subject: Subject
    role: RoleRef
    end: datetime | timedelta
    """An absolute end, or how long it lasts from its start."""
    start: datetime | None = None
    name: str = ""
    prefix: str = ""
    justification: str = ""
    break_glass: bool = False
    extends: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRequest:
    """What somebody says about one grant."""

    name: str
    grant_name: str
    grant_uid: str
    decision: ApprovalDecision
    comment: str = ""


def build_grant(wish: GrantRequest, requester: Identity | None) -> dict[str, Any]:
    """Write an AccessGrant as it is created; None leaves the requester to admission."""
    named = {"name": wish.name} if wish.name else {"generateName": wish.prefix}
    end = (
        {"duration": format_duration(wish.end)}
        if isinstance(wish.end, timedelta)
        else {"expiresAt": format_instant(wish.end)}
    )
    spec = {
        "instance": wish.instance,
        "subject": {"kind": str(wish.subject.kind), "name": wish.subject.name},
        "role": _said({"name": wish.role.name, "project": wish.role.project}),
        **end,
        "notBefore": wish.start and format_instant(wish.start),
        "justification": wish.justification,
        "breakGlass": wish.break_glass,
        "extends": wish.extends,
        "requester": requester and _identity(requester),
    }
    return _object("AccessGrant", named, spec)


def build_approval(vote: ApprovalRequest, approver: Identity | None) -> dict[str, Any]:
    """Write an AccessApproval as it is created; None leaves it to admission, too."""
    spec = {
        "grant": {"name": vote.grant_name, "uid": vote.grant_uid},
        "decision": str(vote.decision),
        "comment": vote.comment,
        "approver": approver and _identity(approver),
    }
    return _object("AccessApproval", {"name": vote.name}, spec)


def build_revocation_patch(uid: str, justification: str) -> dict[str, Any]:
    """Write the change that ends a grant early, if it still is this one."""
    spec: dict[str, Any] = {"revoked": True}
    if justification:
        spec["revocation"] = {"justification": justification}
    return {"metadata": {"uid": uid}, "spec": spec}


def build_expiry_patch(uid: str, end: datetime) -> dict[str, Any]:
    """Write the change that moves an end, if the grant still is this one."""
    return {"metadata": {"uid": uid}, "spec": {"expiresAt": format_instant(end)}}


def _object(
    kind: str, metadata: dict[str, str], spec: dict[str, Any]
) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": kind,
        "metadata": metadata,
        "spec": _said(spec),
    }


def _said(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value}


def _identity(identity: Identity) -> dict[str, Any]:
    return {"username": identity.username, "groups": sorted(identity.groups)}
