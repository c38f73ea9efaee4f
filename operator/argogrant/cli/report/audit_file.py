"""Parser of audit files: the events of each grant become one entry. Pure.

The files contain the operator's audit stream, one CloudEvent a line. Unknown fields are
ignored, because later versions may add some. Lines without an event are counted.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from argogrant.api.accessgrant_view import get_dict, get_str, get_time
from argogrant.cli.report.entries import UNKNOWN, ReportEntry, Source
from argogrant.cli.terminal.grant_state import GrantState
from argogrant.grants.access.policy import ApprovalDecision
from argogrant.grants.model.reasons import Reason

_GRANT: Final = "dev.argogrant.grant."


@dataclass(frozen=True, slots=True)
class AuditFile:
    """Entries of audit files."""

    entries: tuple[ReportEntry, ...]
    skipped_lines: int
    """Number of lines that are neither empty nor an event."""
    first_event: datetime | None
    """Time of the earliest event."""


def read_audit_file(lines: Iterable[str]) -> AuditFile:
    """Parse lines of the audit stream, in any order and with repetitions.

    Args:
        lines: One event each. Text before the event is ignored, such as the time that
            ``kubectl logs --timestamps`` adds.
    """
    events: dict[str, Mapping[str, Any]] = {}
    skipped_lines = 0
    for line in lines:
        event = _event(line)
        if event is not None:
            events.setdefault(str(event["id"]), event)
        elif line.strip():
            skipped_lines += 1
    ordered = sorted(events.values(), key=lambda event: str(event["time"]))
    entries: dict[str, ReportEntry] = {}
    for event in ordered:
        if str(event["type"]).startswith(_GRANT):
            _apply(entries, event)
    first_event = get_time(ordered[0], "time") if ordered else None
    return AuditFile(tuple(entries.values()), skipped_lines, first_event)


def _event(line: str) -> Mapping[str, Any] | None:
    """Parse an event; return None if a required field is missing."""
    try:
        event = json.loads(line[line.find("{") :])
    except (ValueError, RecursionError):
        return None
    required = ("id", "type", "time", "data")
    if not isinstance(event, dict) or any(key not in event for key in required):
        return None
    return event if get_str(get_dict(event, "data"), "uid") else None


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
            started_at=entry.started_at or before.started_at,
            expires_at=entry.expires_at or before.expires_at,
            ended_at=entry.ended_at or before.ended_at,
            gave_access=before.gave_access or entry.gave_access,
            approval=entry.approval or before.approval,
        )
        if event_type != "ended" and before.state != UNKNOWN:
            entry = replace(entry, state=before.state, end_reason=before.end_reason)
    entries[entry.uid] = entry


def _entry(data: Mapping[str, Any], event_type: str) -> ReportEntry:
    subject, requester = get_dict(data, "subject"), get_dict(data, "requester")
    has_ended = event_type in ("ended", "deleted")
    reason = get_str(data, "reason") if has_ended else ""
    return ReportEntry(
        uid=get_str(data, "uid"),
        namespace=get_str(data, "namespace"),
        name=get_str(data, "name"),
        instance=get_str(data, "instance"),
        subject_kind=get_str(subject, "kind"),
        subject=get_str(subject, "name"),
        role=get_str(data, "role"),
        requester=get_str(requester, "username"),
        justification=get_str(data, "justification"),
        requested_at=None,
        started_at=get_time(data, "startedAt"),
        expires_at=get_time(data, "expiresAt"),
        ended_at=get_time(data, "endedAt"),
        state=_state(reason, has_ended=has_ended),
        end_reason=reason,
        gave_access=bool(data.get("wasBound")),
        is_break_glass=bool(data.get("breakGlass")),
        policy=get_str(data, "policy"),
        approval=get_str(data, "approval"),
        approvers=tuple(_approvers(data, ApprovalDecision.APPROVE)),
        deniers=tuple(_approvers(data, ApprovalDecision.DENY)),
        extends=get_str(data, "extends"),
        source=Source.AUDIT,
    )


def _state(reason: str, *, has_ended: bool) -> str:
    if not has_ended:
        return UNKNOWN
    return str(GrantState.REFUSED if reason == Reason.DENIED else GrantState.ENDED)


def _approvers(data: Mapping[str, Any], decision: ApprovalDecision) -> Iterator[str]:
    approvals = data.get("approvals")
    for one in approvals if isinstance(approvals, list) else ():
        if isinstance(one, dict) and one.get("decision") == decision:
            yield get_str(one, "approver")
