"""An AccessGrant as it stands, read for people: nothing is decided from it.

``read_grant`` refuses what an older CRD let pass; a list has to show that, too. So what
is missing is empty here, and nothing raises.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from argogrant.api.recorded import Recorded, read_conditions, read_recorded
from argogrant.grants.errors import InvalidGrant
from argogrant.grants.grant import RoleRef
from argogrant.grants.reasons import ApprovalCondition
from argogrant.grants.said import Said
from argogrant.grants.window import parse_instant


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldGrant:
    """What an AccessGrant says of itself; the status is the operator's last word."""

    namespace: str
    name: str
    uid: str
    created_at: datetime | None
    instance: str
    subject_kind: str
    subject: str
    role: str
    """As Argo CD says it, ``proj:team-a:deployer``."""
    requester: str
    justification: str
    duration: str
    not_before: datetime | None
    started_at: datetime | None
    expires_at: datetime | None
    """The end that is promised or forecast, or else the one that was asked for."""
    ended_at: datetime | None
    is_revoked: bool
    is_being_deleted: bool
    is_break_glass: bool
    extends: str
    extended_by: str
    url: str
    details: str
    recorded: Recorded


def read_told(body: Mapping[str, Any]) -> ToldGrant:
    """Read an AccessGrant as the API server gives it, whatever it lacks."""
    metadata, spec = _part(body, "metadata"), _part(body, "spec")
    status = _part(body, "status")
    subject = _part(spec, "subject")
    return ToldGrant(
        namespace=_text(metadata, "namespace"),
        name=_text(metadata, "name"),
        uid=_text(metadata, "uid"),
        created_at=_instant(metadata, "creationTimestamp"),
        instance=_text(spec, "instance"),
        subject_kind=_text(subject, "kind"),
        subject=_text(subject, "name"),
        role=_role(_part(spec, "role")),
        requester=_text(_part(spec, "requester"), "username"),
        justification=_text(spec, "justification"),
        duration=_text(spec, "duration"),
        not_before=_instant(spec, "notBefore"),
        started_at=_instant(status, "startedAt"),
        expires_at=_instant(status, "expiresAt") or _instant(spec, "expiresAt"),
        ended_at=_instant(status, "endedAt"),
        is_revoked=bool(spec.get("revoked")),
        is_being_deleted="deletionTimestamp" in metadata,
        is_break_glass=bool(spec.get("breakGlass")),
        extends=_text(spec, "extends"),
        extended_by=_text(status, "extendedBy"),
        url=_text(status, "url"),
        details=_text(status, "accessDetails"),
        recorded=read_recorded(status),
    )


def _role(role: Mapping[str, Any]) -> str:
    project = _text(role, "project") or None
    return RoleRef(name=_text(role, "name"), project=project).bound_as


def _part(body: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    part = body.get(key)
    return part if isinstance(part, Mapping) else {}


def _text(body: Mapping[str, Any], key: str) -> str:
    value = body.get(key)
    return "" if value is None else str(value)


def _instant(body: Mapping[str, Any], key: str) -> datetime | None:
    try:
        return parse_instant(_text(body, key))
    except InvalidGrant:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldApproval:
    """What an AccessApproval says of itself."""

    name: str
    grant_name: str
    decision: str
    approver: str
    comment: str
    created_at: datetime | None
    counted: Said | None
    """The operator's last word on whether it counts; None if there is none yet."""


def read_told_approval(body: Mapping[str, Any]) -> ToldApproval:
    """Read an AccessApproval as the API server gives it, whatever it lacks."""
    metadata, spec = _part(body, "metadata"), _part(body, "spec")
    conditions = read_conditions(_part(body, "status"))
    return ToldApproval(
        name=_text(metadata, "name"),
        grant_name=_text(_part(spec, "grant"), "name"),
        decision=_text(spec, "decision"),
        approver=_text(_part(spec, "approver"), "username"),
        comment=_text(spec, "comment"),
        created_at=_instant(metadata, "creationTimestamp"),
        counted=conditions.get(ApprovalCondition.COUNTED),
    )
