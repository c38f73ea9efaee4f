"""Statuses of grants in short form, and an audit log whose events are recorded."""

import json
from collections.abc import Mapping
from typing import Any

from argogrant.api.accessgrant_view import read_conditions
from argogrant.audit.audit_log import AuditLog, GrantChange
from argogrant.audit.event import AuditEvent, InstanceData
from support.builders import NOON, a_grant

INSTANCE = InstanceData(uid="i1", namespace="argogrant", name="default")


def status(ready: str, approved: str = "+AutoApproved", ended: str = "") -> Any:
    """Return a status from its reasons, each after + for True or - for False."""
    reasons = {"Approved": approved, "Ready": ready, "Ended": ended}
    return {
        "conditions": [
            {
                "type": kind,
                "status": "True" if reason[0] == "+" else "False",
                "reason": reason[1:],
                "message": f"{reason[1:]} it is.",
                "lastTransitionTime": "2026-11-24T12:00:00Z",
            }
            for kind, reason in reasons.items()
            if reason
        ]
    }


def a_change(
    stored: Mapping[str, Any], new: Mapping[str, Any], **change: Any
) -> GrantChange:
    """Return a change of a grant from one status to another."""
    return GrantChange(
        uid="u1",
        namespace="argogrant",
        name="g1",
        instance="default",
        stored=stored,
        new=new,
        conditions=read_conditions(new),
        now=NOON,
        **{"grant": a_grant(), **change},
    )


class RecordedAuditLog:
    """An audit log, and the events that it emitted."""

    def __init__(self) -> None:
        self.records: list[AuditEvent] = []
        self.log = AuditLog(self.records.append)

    def change(
        self, stored: Mapping[str, Any], new: Mapping[str, Any], **change: Any
    ) -> list[str]:
        """Report a change; return the types of the events that it emits."""
        before = len(self.records)
        self.log.grant(a_change(stored, new, **change))
        return [str(one.event_type) for one in self.records[before:]]

    @property
    def ids(self) -> list[str]:
        """The ids of all events."""
        return [one.id for one in self.records]

    def last(self) -> Any:
        """Return the last event as a reader of the stream parses it."""
        return json.loads(self.records[-1].line)
