"""An AccessGrant as it stands, read for people: nothing is decided from it.

``read_grant`` refuses what an older CRD let pass; a list has to show that, too. So what
is missing is empty here, and nothing raises.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from argogrant.api.parsing import instant, part, text
from argogrant.api.stored_status import Recorded, read_conditions, read_recorded
from argogrant.grants.model.grant import RoleRef
from argogrant.grants.model.reasons import ApprovalCondition
from argogrant.grants.model.stored_condition import Said


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
    metadata, spec = part(body, "metadata"), part(body, "spec")
    status = part(body, "status")
    subject = part(spec, "subject")
    return ToldGrant(
        namespace=text(metadata, "namespace"),
        name=text(metadata, "name"),
        uid=text(metadata, "uid"),
        created_at=instant(metadata, "creationTimestamp"),
        instance=text(spec, "instance"),
        subject_kind=text(subject, "kind"),
        subject=text(subject, "name"),
        role=_role(part(spec, "role")),
        requester=text(part(spec, "requester"), "username"),
        justification=text(spec, "justification"),
        duration=text(spec, "duration"),
        not_before=instant(spec, "notBefore"),
        started_at=instant(status, "startedAt"),
        expires_at=instant(status, "expiresAt") or instant(spec, "expiresAt"),
        ended_at=instant(status, "endedAt"),
        is_revoked=bool(spec.get("revoked")),
        is_being_deleted="deletionTimestamp" in metadata,
        is_break_glass=bool(spec.get("breakGlass")),
        extends=text(spec, "extends"),
        extended_by=text(status, "extendedBy"),
        url=text(status, "url"),
        details=text(status, "accessDetails"),
        recorded=read_recorded(status),
    )


def _role(role: Mapping[str, Any]) -> str:
    project = text(role, "project") or None
    return RoleRef(name=text(role, "name"), project=project).bound_as


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
    metadata, spec = part(body, "metadata"), part(body, "spec")
    conditions = read_conditions(part(body, "status"))
    return ToldApproval(
        name=text(metadata, "name"),
        grant_name=text(part(spec, "grant"), "name"),
        decision=text(spec, "decision"),
        approver=text(part(spec, "approver"), "username"),
        comment=text(spec, "comment"),
        created_at=instant(metadata, "creationTimestamp"),
        counted=conditions.get(ApprovalCondition.COUNTED),
    )
