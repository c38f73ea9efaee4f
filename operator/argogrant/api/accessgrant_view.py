"""An AccessGrant as it stands, read for people: nothing is decided from it.

``read_grant`` refuses what an older CRD let pass; a list has to show that, too. So what
is missing is empty here, and nothing raises.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from argogrant.api.parsing import get_dict, get_str, get_time
from argogrant.api.stored_status import (
    StoredGrantStatus,
    read_conditions,
    read_stored_grant_status,
)
from argogrant.grants.model.grant import RoleRef
from argogrant.grants.model.reasons import ApprovalCondition
from argogrant.grants.model.stored_condition import StoredCondition


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessGrantView:
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
    stored: StoredGrantStatus


def view_grant(body: Mapping[str, Any]) -> AccessGrantView:
    """Read an AccessGrant as the API server gives it, whatever it lacks."""
    metadata, spec = get_dict(body, "metadata"), get_dict(body, "spec")
    status = get_dict(body, "status")
    subject = get_dict(spec, "subject")
    return AccessGrantView(
        namespace=get_str(metadata, "namespace"),
        name=get_str(metadata, "name"),
        uid=get_str(metadata, "uid"),
        created_at=get_time(metadata, "creationTimestamp"),
        instance=get_str(spec, "instance"),
        subject_kind=get_str(subject, "kind"),
        subject=get_str(subject, "name"),
        role=_role(get_dict(spec, "role")),
        requester=get_str(get_dict(spec, "requester"), "username"),
        justification=get_str(spec, "justification"),
        duration=get_str(spec, "duration"),
        not_before=get_time(spec, "notBefore"),
        started_at=get_time(status, "startedAt"),
        expires_at=get_time(status, "expiresAt") or get_time(spec, "expiresAt"),
        ended_at=get_time(status, "endedAt"),
        is_revoked=bool(spec.get("revoked")),
        is_being_deleted="deletionTimestamp" in metadata,
        is_break_glass=bool(spec.get("breakGlass")),
        extends=get_str(spec, "extends"),
        extended_by=get_str(status, "extendedBy"),
        url=get_str(status, "url"),
        details=get_str(status, "accessDetails"),
        stored=read_stored_grant_status(status),
    )


def _role(role: Mapping[str, Any]) -> str:
    project = get_str(role, "project") or None
    return RoleRef(name=get_str(role, "name"), project=project).bound_as


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessApprovalView:
    """What an AccessApproval says of itself."""

    name: str
    grant_name: str
    decision: str
    approver: str
    comment: str
    created_at: datetime | None
    counted: StoredCondition | None
    """The operator's last word on whether it counts; None if there is none yet."""


def view_approval(body: Mapping[str, Any]) -> AccessApprovalView:
    """Read an AccessApproval as the API server gives it, whatever it lacks."""
    metadata, spec = get_dict(body, "metadata"), get_dict(body, "spec")
    conditions = read_conditions(get_dict(body, "status"))
    return AccessApprovalView(
        name=get_str(metadata, "name"),
        grant_name=get_str(get_dict(spec, "grant"), "name"),
        decision=get_str(spec, "decision"),
        approver=get_str(get_dict(spec, "approver"), "username"),
        comment=get_str(spec, "comment"),
        created_at=get_time(metadata, "creationTimestamp"),
        counted=conditions.get(ApprovalCondition.COUNTED),
    )
