"""What a status has recorded, read back: conditions and the facts of a grant."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from argogrant.grants.model.stored_condition import Conditions, Said

_STATUS: Final = {"True": True, "False": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedApproval:
    """An approval that counted, as the status of a grant lists it."""

    name: str
    approver: str
    verdict: str
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What the status of a grant says; instants are text, as they are written."""

    conditions: Conditions
    started_at: str | None = None
    expires_at: str | None = None
    ended_at: str | None = None
    policy: str | None = None
    approvals: tuple[RecordedApproval, ...] = ()
    has_been_bound: bool = False


def read_conditions(status: Mapping[str, Any]) -> Conditions:
    """Read the conditions of any status, whoever wrote it."""
    return {
        str(one.get("type")): Said(
            status=_STATUS.get(str(one.get("status"))),
            reason=str(one.get("reason", "")),
            message=str(one.get("message", "")),
            since=str(one.get("lastTransitionTime", "")),
        )
        for one in status.get("conditions") or ()
    }


def read_recorded(status: Mapping[str, Any]) -> Recorded:
    """Read the status of a grant."""
    return Recorded(
        conditions=read_conditions(status),
        started_at=status.get("startedAt"),
        expires_at=status.get("expiresAt"),
        ended_at=status.get("endedAt"),
        policy=status.get("accessPolicy"),
        approvals=tuple(map(_approval, status.get("approvals") or ())),
        has_been_bound="boundAs" in status and "startedAt" in status,
    )


def _approval(entry: Mapping[str, Any]) -> RecordedApproval:
    return RecordedApproval(
        name=str(entry.get("name", "")),
        approver=str(entry.get("approver", "")),
        verdict=str(entry.get("decision", "")),
        at=str(entry.get("at", "")),
    )
