"""The audit stream read back: what its lines tell of each grant. Pure.

Fields may be added to the stream by later versions, so that what is not known here is
passed over; a line that is no event is counted and left out.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from argogrant.api.parsing import get_dict, get_str, get_time
from argogrant.cli.report.entries import UNKNOWN, ReportEntry, Source
from argogrant.cli.terminal.grant_state import GrantState
from argogrant.grants.access.policy import ApprovalDecision
from argogrant.grants.model.reasons import Reason

_GRANT: Final = "dev.argogrant.grant."


@dataclass(frozen=True, slots=True)
class AuditFile:
    """What lines told."""

    entries: tuple[ReportEntry, ...]
    left_out: int
    """Lines that were not empty and no events."""
    first: datetime | None
    """When the earliest event was told."""


def read_audit_file(lines: Iterable[str]) -> AuditFile:
    """Read lines of the audit stream, in any order and with repetitions.

    Args:
        lines: One event each, as the operator writes them. What stands before the
            event, such as a time of ``kubectl logs --timestamps``, is passed over.
    """
    events: dict[str, Mapping[str, Any]] = {}
    left_out = 0
    for line in lines:
        event = _event(line)
        if event is not None:
            events.setdefault(str(event["id"]), event)
        elif line.strip():
            left_out += 1
    told = sorted(events.values(), key=lambda event: str(event["time"]))
    entries: dict[str, ReportEntry] = {}
    for event in told:
        if str(event["type"]).startswith(_GRANT):
            _fold(entries, event)
    first = get_time(told[0], "time") if told else None
    return AuditFile(tuple(entries.values()), left_out, first)


def _event(line: str) -> Mapping[str, Any] | None:
    """Read an event; one without what is always there is none."""
    try:
        event = json.loads(line[line.find("{") :])
    except (ValueError, RecursionError):
        return None
    needed = ("id", "type", "time", "data")
    if not isinstance(event, dict) or any(key not in event for key in needed):
        return None
    return event if get_str(get_dict(event, "data"), "uid") else None


def _fold(entries: dict[str, ReportEntry], event: Mapping[str, Any]) -> None:
    """Add what an event tells: the latest word holds, and what was so remains."""
    what = str(event["type"]).removeprefix(_GRANT)
    entry = _entry(get_dict(event, "data"), what)
    before = entries.get(entry.uid)
    if what == "requested":
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
        if what != "ended" and before.state != UNKNOWN:
            entry = replace(entry, state=before.state, end_reason=before.end_reason)
    entries[entry.uid] = entry


def _entry(data: Mapping[str, Any], what: str) -> ReportEntry:
    subject, requester = get_dict(data, "subject"), get_dict(data, "requester")
    is_over = what in ("ended", "deleted")
    reason = get_str(data, "reason") if is_over else ""
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
        state=_state(reason, is_over=is_over),
        end_reason=reason,
        gave_access=bool(data.get("wasBound")),
        is_break_glass=bool(data.get("breakGlass")),
        policy=get_str(data, "policy"),
        approval=get_str(data, "approval"),
        approvers=tuple(_who(data, ApprovalDecision.APPROVE)),
        deniers=tuple(_who(data, ApprovalDecision.DENY)),
        extends=get_str(data, "extends"),
        source=Source.AUDIT,
    )


def _state(reason: str, *, is_over: bool) -> str:
    if not is_over:
        return UNKNOWN
    return str(GrantState.REFUSED if reason == Reason.DENIED else GrantState.ENDED)


def _who(data: Mapping[str, Any], verdict: ApprovalDecision) -> Iterator[str]:
    approvals = data.get("approvals")
    for one in approvals if isinstance(approvals, list) else ():
        if isinstance(one, dict) and one.get("decision") == verdict:
            yield get_str(one, "approver")
