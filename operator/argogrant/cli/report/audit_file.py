"""The audit stream read back: what its lines tell of each grant. Pure.

Fields may be added to the stream by later versions, so that what is not known here is
passed over; a line that is no event is counted and left out.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from argogrant.api.parsing import instant, part, text
from argogrant.cli.report.entries import UNKNOWN, Entry, Source
from argogrant.cli.terminal.grant_state import Standing
from argogrant.grants.access.policy import Verdict
from argogrant.grants.model.reasons import Reason

_GRANT: Final = "dev.argogrant.grant."


@dataclass(frozen=True, slots=True)
class Retold:
    """What lines told."""

    entries: tuple[Entry, ...]
    left_out: int
    """Lines that were not empty and no events."""
    first: datetime | None
    """When the earliest event was told."""


def retell(lines: Iterable[str]) -> Retold:
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
    entries: dict[str, Entry] = {}
    for event in told:
        if str(event["type"]).startswith(_GRANT):
            _fold(entries, event)
    first = instant(told[0], "time") if told else None
    return Retold(tuple(entries.values()), left_out, first)


def _event(line: str) -> Mapping[str, Any] | None:
    """Read an event; one without what is always there is none."""
    try:
        event = json.loads(line[line.find("{") :])
    except (ValueError, RecursionError):
        return None
    needed = ("id", "type", "time", "data")
    if not isinstance(event, dict) or any(key not in event for key in needed):
        return None
    return event if text(part(event, "data"), "uid") else None


def _fold(entries: dict[str, Entry], event: Mapping[str, Any]) -> None:
    """Add what an event tells: the latest word holds, and what was so remains."""
    what = str(event["type"]).removeprefix(_GRANT)
    entry = _entry(part(event, "data"), what)
    before = entries.get(entry.uid)
    if what == "requested":
        entry = replace(entry, requested_at=instant(event, "time"))
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


def _entry(data: Mapping[str, Any], what: str) -> Entry:
    subject, requester = part(data, "subject"), part(data, "requester")
    is_over = what in ("ended", "deleted")
    reason = text(data, "reason") if is_over else ""
    return Entry(
        uid=text(data, "uid"),
        namespace=text(data, "namespace"),
        name=text(data, "name"),
        instance=text(data, "instance"),
        subject_kind=text(subject, "kind"),
        subject=text(subject, "name"),
        role=text(data, "role"),
        requester=text(requester, "username"),
        justification=text(data, "justification"),
        requested_at=None,
        started_at=instant(data, "startedAt"),
        expires_at=instant(data, "expiresAt"),
        ended_at=instant(data, "endedAt"),
        state=_state(reason, is_over=is_over),
        end_reason=reason,
        gave_access=bool(data.get("wasBound")),
        is_break_glass=bool(data.get("breakGlass")),
        policy=text(data, "policy"),
        approval=text(data, "approval"),
        approvers=tuple(_who(data, Verdict.APPROVE)),
        refusers=tuple(_who(data, Verdict.DENY)),
        extends=text(data, "extends"),
        source=Source.AUDIT,
    )


def _state(reason: str, *, is_over: bool) -> str:
    if not is_over:
        return UNKNOWN
    return str(Standing.REFUSED if reason == Reason.DENIED else Standing.ENDED)


def _who(data: Mapping[str, Any], verdict: Verdict) -> Iterator[str]:
    approvals = data.get("approvals")
    for one in approvals if isinstance(approvals, list) else ():
        if isinstance(one, dict) and one.get("decision") == verdict:
            yield text(one, "approver")
