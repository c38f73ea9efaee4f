"""Conversion of AccessGrants from JSON."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from argogrant.api.accessgrant_spec import AccessGrantSpec
from argogrant.api.identity import read_identity
from argogrant.api.parsing import read_spec
from argogrant.grants.model.errors import InvalidGrant
from argogrant.grants.model.grant import (
    Grant,
    RecordedFinding,
    RoleRef,
    Subject,
    SubjectKind,
)
from argogrant.grants.model.reason_table import FINAL_REASONS
from argogrant.grants.model.reasons import GrantCondition, Reason
from argogrant.grants.model.window import parse_duration, parse_instant

TRACKING_ANNOTATION: Final = "argocd.argoproj.io/tracking-id"
"""Source: argoproj/argo-cd, ``docs/user-guide/resource_tracking.md``."""
ABANDON_ANNOTATION: Final = "argogrant.dev/abandon"
"""``"true"`` on a deleted grant: do not wait until its revocation is confirmed."""
BREAK_GLASS_LABEL: Final = "argogrant.dev/break-glass"
"""``"true"`` on every grant with ``spec.breakGlass``; the operator sets it."""


def read_grant(body: dict[str, Any]) -> Grant:
    """Parse an AccessGrant as the API server returns it.

    Raises:
        InvalidGrant: The object does not match the CRD: it was created under an older
            CRD, or without one.
    """
    metadata, status = body["metadata"], body.get("status") or {}
    spec = _read_spec(body)
    revocation = spec.revocation
    return Grant(
        uid=metadata["uid"],
        namespace=metadata["namespace"],
        name=metadata["name"],
        instance=spec.instance,
        subject=Subject(kind=SubjectKind(spec.subject.kind), name=spec.subject.name),
        role=RoleRef(name=spec.role.name, project=spec.role.project),
        created_at=parse_instant(metadata["creationTimestamp"]),
        expires_at=None if spec.expires_at is None else parse_instant(spec.expires_at),
        duration=_read_duration(spec),
        not_before=_read_not_before(spec),
        frozen_end=_read_frozen_end(status),
        revoked=bool(spec.revoked),
        revocation_justification=revocation.justification if revocation else None,
        tracked_by_git=TRACKING_ANNOTATION in (metadata.get("annotations") or {}),
        being_deleted="deletionTimestamp" in metadata,
        requester=read_identity(spec.requester),
        justification=spec.justification or "",
        extends=spec.extends,
        break_glass=bool(spec.break_glass),
        recorded_policy=status.get("accessPolicy"),
        recorded_extension=_read_extension(status),
        recorded_finding=_read_finding(status),
    )


def _read_spec(body: dict[str, Any]) -> AccessGrantSpec:
    spec = read_spec(AccessGrantSpec, body.get("spec"))
    if (spec.expires_at is None) == (spec.duration is None):
        raise InvalidGrant("spec: exactly one of expiresAt and duration is required")
    return spec


def _read_duration(spec: AccessGrantSpec) -> timedelta | None:
    return None if spec.duration is None else parse_duration(spec.duration)


def _read_not_before(spec: AccessGrantSpec) -> datetime | None:
    if spec.not_before is None:
        return None
    return parse_instant(spec.not_before, round_up=True)


def _read_frozen_end(status: Mapping[str, Any]) -> datetime | None:
    """Read the expiry that was fixed at activation; an earlier one is a forecast."""
    if "startedAt" not in status or "expiresAt" not in status:
        return None
    return parse_instant(status["expiresAt"])


def _read_extension(status: Mapping[str, Any]) -> int | None:
    """Read how many grants this grant extended when it started."""
    return len(status.get("extensionOf") or ()) if "startedAt" in status else None


def _read_finding(status: Mapping[str, Any]) -> RecordedFinding | None:
    """Read the recorded end, because its cause may be deleted, such as a denial."""
    for condition in status.get("conditions") or ():
        if (condition.get("type"), condition.get("status")) == (
            GrantCondition.ENDED,
            "True",
        ) and condition.get("reason") in FINAL_REASONS:
            return RecordedFinding(
                Reason(condition["reason"]), condition.get("message") or ""
            )
    return None
