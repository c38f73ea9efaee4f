"""Who had what, when, why, and who agreed: one entry for each grant. Pure.

The period that a report is about, as a person names it. Pure.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from argogrant.api.accessgrant_view import AccessGrantView, StoredApproval
from argogrant.cli.terminal.grant_state import grant_state
from argogrant.grants.access.policy import ApprovalDecision
from argogrant.grants.model.errors import InvalidGrant
from argogrant.grants.model.reasons import GrantCondition
from argogrant.grants.model.validation import quote
from argogrant.grants.model.window import parse_instant

_AGO: Final = re.compile(r"([0-9]{1,5})([smhdw])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class InvalidPeriod(ValueError):
    """A text names no moment; the message says how to write one."""


class Period(NamedTuple):
    """From ``since`` on, until just before ``until``."""

    since: datetime
    until: datetime

    def touches(self, start: datetime, end: datetime | None) -> bool:
        """Tell whether some moment between two others is in it; None: no end yet."""
        return start < self.until and (end is None or end > self.since)


def parse_past(text: str, now: datetime) -> datetime:
    """Read how long ago, or a date, whose day begins in UTC, or an RFC 3339 time.

    Args:
        text: ``30d``, ``2026-11-01`` or ``2026-11-01T08:00:00+01:00``.
        now: What is counted back from.

    Raises:
        NoMoment: It is none of these.
    """
    ago = _AGO.fullmatch(text)
    try:
        if ago:
            return now - timedelta(seconds=int(ago[1]) * _SECONDS[ago[2]])
        if _DATE.fullmatch(text):
            return datetime.fromisoformat(text).replace(tzinfo=UTC)
        return parse_instant(text)
    except (InvalidGrant, ValueError, OverflowError) as error:
        raise InvalidPeriod(
            f"{quote(text)} is no moment; write 30d, 2026-11-01 or 2026-11-01T08:00:00Z"
        ) from error


UNKNOWN: Final = "Unknown"
"""The state of a grant of whose end the audit does not tell."""
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


class Source(StrEnum):
    """Where an entry is from."""

    CLUSTER = "cluster"
    AUDIT = "audit"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportEntry:
    """One grant; what is not known is empty."""

    uid: str
    namespace: str
    name: str
    instance: str
    subject_kind: str
    subject: str
    role: str
    requester: str
    justification: str
    requested_at: datetime | None
    """Of the audit: when the operator saw it first."""
    started_at: datetime | None
    expires_at: datetime | None
    ended_at: datetime | None
    state: str
    end_reason: str
    gave_access: bool
    """Argo CD's RBAC text held the binding, now or earlier."""
    is_break_glass: bool
    policy: str
    approval: str
    """The reason of ``Approved``, such as ``AutoApproved``."""
    approvers: tuple[str, ...]
    deniers: tuple[str, ...]
    extends: str
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFilter:
    """Which entries a report is about; what is empty leaves all of them."""

    period: Period
    namespace: str = ""
    subject: str = ""
    role: str = ""
    instance: str = ""
    and_without_access: bool = False

    def includes(self, entry: ReportEntry) -> bool:
        """Tell whether an entry is meant.

        A grant that gave access is by when it did; another by when it was asked for.
        """
        return (
            self.namespace in ("", entry.namespace)
            and self.subject in ("", entry.subject)
            and self.role in ("", entry.role, entry.role.rpartition(":")[2])
            and self.instance in ("", entry.instance)
            and self._is_in_period(entry)
        )

    def _is_in_period(self, entry: ReportEntry) -> bool:
        if entry.gave_access:
            start = entry.started_at or entry.requested_at or _LONG_AGO
            # Only a certain end counts: one that was promised may have been missed.
            return self.period.touches(start, entry.ended_at)
        asked = entry.requested_at
        return self.and_without_access and (
            asked is None or self.period.since <= asked < self.period.until
        )


def entry_of(grant: AccessGrantView, now: datetime) -> ReportEntry:
    """Write down what an AccessGrant says."""
    said = grant.stored.conditions
    ended, approved = (
        said.get(GrantCondition.ENDED),
        said.get(GrantCondition.APPROVED),
    )
    ready = said.get(GrantCondition.READY)
    approvals = grant.stored.approvals
    return ReportEntry(
        uid=grant.uid,
        namespace=grant.namespace,
        name=grant.name,
        instance=grant.instance,
        subject_kind=grant.subject_kind,
        subject=grant.subject,
        role=grant.role,
        requester=grant.requester,
        justification=grant.justification,
        requested_at=grant.created_at,
        started_at=grant.started_at,
        expires_at=grant.expires_at,
        ended_at=grant.ended_at,
        state=str(grant_state(grant, now)),
        end_reason=ended.reason if ended else "",
        gave_access=grant.stored.has_been_bound or bool(ready and ready.status),
        is_break_glass=grant.is_break_glass,
        policy=grant.stored.policy or "",
        approval=approved.reason if approved and approved.status else "",
        approvers=_who(approvals, ApprovalDecision.APPROVE),
        deniers=_who(approvals, ApprovalDecision.DENY),
        extends=grant.extends,
        source=Source.CLUSTER,
    )


def access_report(
    audit: Iterable[ReportEntry], cluster: Iterable[ReportEntry], asked: ReportFilter
) -> tuple[ReportEntry, ...]:
    """Put what two sources say together, by the start.

    Args:
        audit: What the audit told.
        cluster: What the objects say, which is believed where both know a grant.
        asked: Which are wanted.
    """
    known = {entry.uid: entry for entry in (*audit, *cluster)}
    meant = [entry for entry in known.values() if asked.includes(entry)]
    return tuple(sorted(meant, key=_in_order))


def _in_order(entry: ReportEntry) -> tuple[datetime, str, str]:
    start = entry.started_at or entry.requested_at or _LONG_AGO
    return start, entry.namespace, entry.name


def _who(
    approvals: Iterable[StoredApproval], verdict: ApprovalDecision
) -> tuple[str, ...]:
    return tuple(one.approver for one in approvals if one.decision == verdict)
