"""Entries of an access report: one for each grant, from two sources. Pure.

The AccessGrants of a cluster are the first source, and the audit stream is the second,
for grants that were deleted. Both are converted to the same ``ReportEntry``.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, NamedTuple

from argogrant.api.accessgrant_view import AccessGrantView, StoredApproval
from argogrant.cli.terminal.grant_state import grant_state
from argogrant.grants.access.policy import ApprovalDecision
from argogrant.grants.model.reasons import GrantCondition

UNKNOWN: Final = "Unknown"
"""State of a grant whose end is not in the audit files."""
_UNKNOWN_START: Final = datetime.min.replace(tzinfo=UTC)


class Period(NamedTuple):
    """Half-open period: from ``since``, and until just before ``until``."""

    since: datetime
    until: datetime

    def overlaps(self, start: datetime, end: datetime | None) -> bool:
        """Return whether an interval overlaps the period; None is an open end."""
        return start < self.until and (end is None or end > self.since)


class Source(StrEnum):
    """Source of an entry."""

    CLUSTER = "cluster"
    AUDIT = "audit"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportEntry:
    """One grant; an unknown value is empty."""

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
    """Creation of the grant; from the audit: when the operator first saw it."""
    started_at: datetime | None
    expires_at: datetime | None
    ended_at: datetime | None
    state: str
    end_reason: str
    gave_access: bool
    """Argo CD's policy has contained the binding."""
    is_break_glass: bool
    policy: str
    approval: str
    """Reason of ``Approved``, such as ``AutoApproved``."""
    approvers: tuple[str, ...]
    deniers: tuple[str, ...]
    extends: str
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFilter:
    """Filters of a report; an empty one matches every entry."""

    period: Period
    namespace: str = ""
    subject: str = ""
    role: str = ""
    instance: str = ""
    include_without_access: bool = False

    def matches(self, entry: ReportEntry) -> bool:
        """Return whether an entry passes all filters.

        A grant that gave access is selected by the time of the access, another one by
        the time of its request.
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
            start = entry.started_at or entry.requested_at or _UNKNOWN_START
            # Only a confirmed end counts: an expired grant may still be bound.
            return self.period.overlaps(start, entry.ended_at)
        requested = entry.requested_at
        return self.include_without_access and (
            requested is None or self.period.since <= requested < self.period.until
        )


def entry_of(grant: AccessGrantView, now: datetime) -> ReportEntry:
    """Convert an AccessGrant to an entry."""
    conditions = grant.conditions
    approved = conditions.get(GrantCondition.APPROVED)
    ready = conditions.get(GrantCondition.READY)
    ended = conditions.get(GrantCondition.ENDED)
    approvals = grant.approvals
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
        gave_access=grant.has_been_bound or bool(ready and ready.status),
        is_break_glass=grant.is_break_glass,
        policy=grant.policy or "",
        approval=approved.reason if approved and approved.status else "",
        approvers=_approvers(approvals, ApprovalDecision.APPROVE),
        deniers=_approvers(approvals, ApprovalDecision.DENY),
        extends=grant.extends,
        source=Source.CLUSTER,
    )


def access_report(
    audit: Iterable[ReportEntry],
    cluster: Iterable[ReportEntry],
    report_filter: ReportFilter,
) -> tuple[ReportEntry, ...]:
    """Merge the entries of both sources, sorted by their start.

    Args:
        audit: Entries from audit files.
        cluster: Entries from AccessGrants. They replace those of the same grant from
            audit files, because an object has its latest state.
        report_filter: Filters of the report.
    """
    entries = {entry.uid: entry for entry in (*audit, *cluster)}
    selected = [entry for entry in entries.values() if report_filter.matches(entry)]
    return tuple(sorted(selected, key=_sort_key))


def _sort_key(entry: ReportEntry) -> tuple[datetime, str, str]:
    start = entry.started_at or entry.requested_at or _UNKNOWN_START
    return start, entry.namespace, entry.name


def _approvers(
    approvals: Iterable[StoredApproval], decision: ApprovalDecision
) -> tuple[str, ...]:
    return tuple(one.approver for one in approvals if one.decision == decision)
