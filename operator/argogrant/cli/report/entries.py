"""Entries of an access report: one for each grant, from two sources. Pure.

The AccessGrants of a cluster are the first source, and the audit stream is the second,
for grants that were deleted. An audit file has one CloudEvent a line, and may have
others, such as those of the log. Only what is verified is believed; the rest is counted
with the reason. Unknown fields are ignored, because later versions may add some.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

from argogrant.api.accessgrant_view import AccessGrantView
from argogrant.api.json_fields import get_dict, get_str, get_time
from argogrant.audit.verification import LeftOut, verified_event
from argogrant.cli.terminal.grant_state import GrantState, grant_state
from argogrant.grants.access.policy import ApprovalDecision
from argogrant.grants.model.reasons import GRANT_REASONS, GrantCondition, Reason

UNKNOWN: Final = "Unknown"
"""State of a grant whose end is not in the audit files."""
_UNKNOWN_START: Final = datetime.min.replace(tzinfo=UTC)
_GRANT: Final = "dev.argogrant.grant."
_APPROVED: Final = frozenset(map(str, GRANT_REASONS[GrantCondition.APPROVED][True]))


class Source(StrEnum):
    """Source of an entry."""

    CLUSTER = "cluster"
    AUDIT = "audit"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportEntry:
    """One grant, with the fields of ``COLUMNS``; an unknown value is empty."""

    subject: str
    subject_kind: str
    role: str
    instance: str
    started_at: datetime | None
    ended_at: datetime | None
    expires_at: datetime | None
    last_bound_at: datetime | None
    state: str
    end_reason: str | None
    gave_access: bool
    justification: str | None
    requester: str | None
    requested_at: datetime | None
    approval: str | None
    approvers: tuple[str, ...]
    refusers: tuple[str, ...]
    policy: str | None
    break_glass: bool
    extends: str | None
    namespace: str
    name: str
    uid: str
    source: Source

    @property
    def start(self) -> datetime:
        """Start of the access, or else the time of the request."""
        return self.started_at or self.requested_at or _UNKNOWN_START


class Period(NamedTuple):
    """Half-open period: from ``since``, and until just before ``until``."""

    since: datetime
    until: datetime

    def overlaps(self, start: datetime, end: datetime | None) -> bool:
        """Return whether an interval overlaps the period; None is an open end."""
        return start < self.until and (end is None or end > self.since)


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
            # Only a confirmed end counts: an expired grant may still be bound.
            return self.period.overlaps(entry.start, entry.ended_at)
        requested = entry.requested_at
        return self.include_without_access and (
            requested is None or self.period.since <= requested < self.period.until
        )


def access_report(
    audit: Iterable[ReportEntry],
    cluster: Iterable[ReportEntry],
    report_filter: ReportFilter,
) -> list[ReportEntry]:
    """Merge the entries of both sources, sorted by their start.

    An entry of the cluster replaces that of the same grant from audit files, because an
    object has its latest state. What only the audit files tell of its past is added.
    """
    entries = {entry.uid: entry for entry in audit}
    for entry in cluster:
        entries[entry.uid] = _with_history(entry, entries.get(entry.uid))
    return sorted(
        filter(report_filter.matches, entries.values()),
        key=lambda entry: (entry.start, entry.namespace, entry.name),
    )


def _with_history(entry: ReportEntry, earlier: ReportEntry | None) -> ReportEntry:
    """Return an entry with what an earlier one tells of the approval and the access."""
    if earlier is None:
        return entry
    return replace(
        entry,
        started_at=entry.started_at or earlier.started_at,
        last_bound_at=entry.last_bound_at or earlier.last_bound_at,
        gave_access=entry.gave_access or earlier.gave_access,
        approval=entry.approval or earlier.approval,
        approvers=_merged(earlier.approvers, entry.approvers),
        refusers=_merged(earlier.refusers, entry.refusers),
        policy=entry.policy or earlier.policy,
    )


def _merged(*names: tuple[str, ...]) -> tuple[str, ...]:
    """Return all names once, in the order in which they appear first."""
    return tuple(dict.fromkeys(name for some in names for name in some))


def entry_of(grant: AccessGrantView, now: datetime) -> ReportEntry:
    """Convert an AccessGrant to an entry."""
    ended = grant.conditions.get(GrantCondition.ENDED)
    approvals = [(one.approver, one.decision) for one in grant.approvals]
    return ReportEntry(
        subject=grant.subject,
        subject_kind=grant.subject_kind,
        role=grant.role,
        instance=grant.instance,
        started_at=grant.started_at,
        ended_at=grant.ended_at,
        expires_at=grant.expires_at,
        last_bound_at=grant.last_bound_at,
        state=str(grant_state(grant, now)),
        end_reason=(ended.reason or None) if ended else None,
        gave_access=grant.has_been_bound
        or grant.condition_is_true(GrantCondition.READY),
        justification=grant.justification or None,
        requester=grant.requester or None,
        requested_at=grant.created_at,
        approval=_approval_of(grant),
        approvers=_names(approvals, ApprovalDecision.APPROVE),
        refusers=_names(approvals, ApprovalDecision.DENY),
        policy=grant.policy,
        break_glass=grant.is_break_glass,
        extends=grant.extends or None,
        namespace=grant.namespace,
        name=grant.name,
        uid=grant.uid,
        source=Source.CLUSTER,
    )


def _approval_of(grant: AccessGrantView) -> str | None:
    """Return why a grant was approved, also if it is not any more.

    The status of a grant that gave access tells it: the approvals that counted, and the
    policy. None if the grant was never approved.
    """
    approved = grant.conditions.get(GrantCondition.APPROVED)
    if approved is None or (not approved.status and not grant.has_been_bound):
        return None
    if approved.status:
        return approved.reason or None
    if grant.is_break_glass:
        return Reason.BREAK_GLASS
    if any(one.decision == ApprovalDecision.APPROVE for one in grant.approvals):
        return Reason.APPROVED_BY_REVIEWERS
    return Reason.AUTO_APPROVED if grant.policy else Reason.POLICY_NOT_REQUIRED


def _names(
    approvals: Iterable[tuple[str, str]], decision: ApprovalDecision
) -> tuple[str, ...]:
    return _merged(
        tuple(approver for approver, decided in approvals if decided == decision)
    )


@dataclass(frozen=True, slots=True)
class AuditFile:
    """Entries of audit files."""

    entries: tuple[ReportEntry, ...]
    left_out: Mapping[LeftOut, int]
    """Number of lines that are neither empty nor an event, by the reason."""
    first_event: datetime | None
    """Time of the earliest event."""


def read_audit_file(lines: Iterable[str]) -> AuditFile:
    """Parse lines of the audit stream, in any order and with repetitions.

    Args:
        lines: One event each. What ``kubectl logs --prefix --timestamps`` writes before
            the event is ignored.
    """
    events: dict[str, Mapping[str, Any]] = {}
    left_out: Counter[LeftOut] = Counter()
    for line in lines:
        event = verified_event(line)
        if not isinstance(event, LeftOut):
            events.setdefault(str(event["id"]), event)
        elif line.strip():
            left_out[event] += 1
    ordered = sorted(events.values(), key=lambda event: str(event["time"]))
    entries: dict[str, ReportEntry] = {}
    for event in ordered:
        if str(event["type"]).startswith(_GRANT):
            _apply(entries, event)
    first_event = get_time(ordered[0], "time") if ordered else None
    return AuditFile(tuple(entries.values()), left_out, first_event)


def _apply(entries: dict[str, ReportEntry], event: Mapping[str, Any]) -> None:
    """Update the entry of a grant with an event; an event removes no known value."""
    event_type = str(event["type"]).removeprefix(_GRANT)
    entry = _entry(get_dict(event, "data"), event_type)
    before = entries.get(entry.uid)
    if event_type == "requested":
        entry = replace(entry, requested_at=get_time(event, "time"))
    if before is not None:
        entry = replace(
            entry,
            requested_at=before.requested_at or entry.requested_at,
            expires_at=entry.expires_at or before.expires_at,
            ended_at=entry.ended_at or before.ended_at,
        )
        entry = replace(
            _with_history(entry, before), last_bound_at=_last_bound_at(event, before)
        )
        if event_type != "ended" and before.state != UNKNOWN:
            entry = replace(entry, state=before.state, end_reason=before.end_reason)
    entries[entry.uid] = entry


def _last_bound_at(event: Mapping[str, Any], before: ReportEntry) -> datetime | None:
    """Return until when the grant was bound, after an event that is not the first."""
    match str(event["type"]).removeprefix(_GRANT):
        case "bound":
            return None
        case "unbound":
            return get_time(event, "time")
        case "ended" | "deleted" if before.gave_access and not before.last_bound_at:
            return get_time(get_dict(event, "data"), "endedAt") or get_time(
                event, "time"
            )
        case _:
            return before.last_bound_at


def _entry(data: Mapping[str, Any], event_type: str) -> ReportEntry:
    subject, listed = get_dict(data, "subject"), data.get("approvals")
    approval = get_str(data, "approval")
    state, reason = UNKNOWN, ""
    if event_type in ("ended", "deleted"):
        reason = get_str(data, "reason")
        is_refused = reason == Reason.DENIED and not data.get("wasBound")
        state = str(GrantState.REFUSED if is_refused else GrantState.ENDED)
    approvals = [
        (get_str(one, "approver"), get_str(one, "decision"))
        for one in (listed if isinstance(listed, list) else ())
        if isinstance(one, dict)
    ]
    return ReportEntry(
        subject=get_str(subject, "name"),
        subject_kind=get_str(subject, "kind"),
        role=get_str(data, "role"),
        instance=get_str(data, "instance"),
        started_at=get_time(data, "startedAt"),
        ended_at=get_time(data, "endedAt"),
        expires_at=get_time(data, "expiresAt"),
        last_bound_at=None,
        state=state,
        end_reason=reason or None,
        gave_access=bool(data.get("wasBound")),
        justification=get_str(data, "justification") or None,
        requester=get_str(get_dict(data, "requester"), "username") or None,
        requested_at=None,
        approval=approval if approval in _APPROVED else None,
        approvers=_names(approvals, ApprovalDecision.APPROVE),
        refusers=_names(approvals, ApprovalDecision.DENY),
        policy=get_str(data, "policy") or None,
        break_glass=bool(data.get("breakGlass")),
        extends=get_str(data, "extends") or None,
        namespace=get_str(data, "namespace"),
        name=get_str(data, "name"),
        uid=get_str(data, "uid"),
        source=Source.AUDIT,
    )
