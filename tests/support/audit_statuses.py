"""Words for what the audit is told: statuses by their reasons, and a listener."""

import json
from collections.abc import Mapping
from typing import Any

from argogrant.audit.audit_log import AuditLog
from argogrant.audit.cloudevents import line_of
from argogrant.audit.event import AuditRecord, GrantChange, ObjectRef
from argogrant.grants.model.grant import Grant
from support.builders import NOON, a_grant

GRANT = ObjectRef(
    kind="AccessGrant", uid="u1", namespace="argogrant", name="g1", instance="default"
)
INSTANCE = ObjectRef(
    kind="ArgoCDInstance",
    uid="i1",
    namespace="argogrant",
    name="default",
    instance="default",
)


def status(ready: str, approved: str = "+AutoApproved", ended: str = "") -> Any:
    """A status by its reasons, each with + for True and - for False before it."""
    told = {"Approved": approved, "Ready": ready, "Ended": ended}
    return {
        "conditions": [
            {
                "type": kind,
                "status": "True" if reason[0] == "+" else "False",
                "reason": reason[1:],
                "message": f"{reason[1:]} it is.",
                "lastTransitionTime": "2026-11-24T12:00:00Z",
            }
            for kind, reason in told.items()
            if reason
        ]
    }


class Listening:
    """A ledger, and everything that it told."""

    def __init__(self) -> None:
        self.told: list[AuditRecord] = []
        self.ledger = AuditLog(self.told.append)

    def look(
        self,
        stored: Mapping[str, Any],
        new: Mapping[str, Any],
        *,
        grant: Grant | None = None,
        **news: Any,
    ) -> list[str]:
        """Look once; gives the kinds of what was told."""
        before = len(self.told)
        self.ledger.grant(
            GrantChange(
                ref=GRANT,
                grant=grant or a_grant(),
                stored=stored,
                new=new,
                now=NOON,
                **news,
            )
        )
        return [str(one.transition.kind) for one in self.told[before:]]

    @property
    def ids(self) -> list[str]:
        return [one.event.id for one in self.told]

    def last(self) -> Any:
        """The last event, as a reader of the stream has it."""
        return json.loads(line_of(self.told[-1].event))
