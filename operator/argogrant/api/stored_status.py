"""What a status has recorded, read back: conditions and the facts of a grant.

What a status says about its object, for those who read it and wait for more.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from argogrant.grants.model.stored_condition import Conditions, StoredCondition
from argogrant.grants.model.window import parse_instant

_STATUS: Final = {"True": True, "False": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredApproval:
    """An approval that counted, as the status of a grant lists it."""

    name: str
    approver: str
    decision: str
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredGrantStatus:
    """What the status of a grant says; instants are text, as they are written."""

    conditions: Conditions
    started_at: str | None = None
    expires_at: str | None = None
    ended_at: str | None = None
    policy: str | None = None
    approvals: tuple[StoredApproval, ...] = ()
    has_been_bound: bool = False


def read_conditions(status: Mapping[str, Any]) -> Conditions:
    """Read the conditions of any status, whoever wrote it."""
    return {
        str(one.get("type")): StoredCondition(
            status=_STATUS.get(str(one.get("status"))),
            reason=str(one.get("reason", "")),
            message=str(one.get("message", "")),
            since=str(one.get("lastTransitionTime", "")),
        )
        for one in status.get("conditions") or ()
    }


def read_stored_grant_status(status: Mapping[str, Any]) -> StoredGrantStatus:
    """Read the status of a grant."""
    return StoredGrantStatus(
        conditions=read_conditions(status),
        started_at=status.get("startedAt"),
        expires_at=status.get("expiresAt"),
        ended_at=status.get("endedAt"),
        policy=status.get("accessPolicy"),
        approvals=tuple(map(_approval, status.get("approvals") or ())),
        has_been_bound="boundAs" in status and "startedAt" in status,
    )


def _approval(entry: Mapping[str, Any]) -> StoredApproval:
    return StoredApproval(
        name=str(entry.get("name", "")),
        approver=str(entry.get("approver", "")),
        decision=str(entry.get("decision", "")),
        at=str(entry.get("at", "")),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredStatus:
    """An object of ours as far as a status tells about it."""

    uid: str
    name: str
    is_current: bool
    """Whether the status is about the object as it is now."""
    conditions: Conditions = field(default_factory=dict)
    expires_at: datetime | None = None
    extended_by: str = ""
    url: str = ""
    details: str = ""

    def condition_is_true(self, condition: str) -> bool:
        """Tell whether a condition is there and True."""
        said = self.conditions.get(condition)
        return said is not None and said.status is True


def read_stored_status(body: dict[str, Any]) -> StoredStatus:
    """Read what the status of a grant or an approval says."""
    metadata, status = body["metadata"], body.get("status") or {}
    end = status.get("expiresAt")
    return StoredStatus(
        uid=metadata["uid"],
        name=metadata["name"],
        is_current=status.get("observedGeneration", 0) >= metadata.get("generation", 1),
        conditions=read_conditions(status),
        expires_at=parse_instant(end) if end else None,
        extended_by=status.get("extendedBy") or "",
        url=status.get("url") or "",
        details=status.get("accessDetails") or "",
    )
