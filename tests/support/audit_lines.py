"""Lines of the audit stream."""

import json
from typing import Any, Final

from argogrant.audit.event import EventType
from argogrant.audit.transitions import event_id

DATA: Final = {
    "uid": "u1",
    "name": "g1",
    "namespace": "argogrant",
    "instance": "default",
    "subject": {"kind": "User", "name": "alice"},
    "role": "role:deployer",
    "requester": {"username": "oidc:alice", "groups": []},
    "approvals": [
        {"approver": "dan", "decision": "Approve", "at": "2026-11-24T12:00:00Z"},
        {"approver": "erin", "decision": "Deny", "at": "2026-11-24T12:00:00Z"},
    ],
    "breakGlass": False,
    "wasBound": False,
}


def an_audit_event(event_type: str, minute: int = 0, /, **data: Any) -> dict[str, Any]:
    """Build an event of a grant or an instance, such as ``grant.bound``."""
    everything = {**DATA, **data}
    _, _, name = event_type.partition(".")
    is_grant = event_type.startswith("grant.")
    instance = everything["instance" if is_grant else "name"]
    key = str(minute)
    return {
        "specversion": "1.0",
        "id": event_id(everything["uid"], EventType(name), key),
        "source": f"/argogrant/{everything['namespace']}/{instance}",
        "type": f"dev.argogrant.{event_type}",
        "time": f"2026-11-24T12:{minute:02}:01.000Z",
        "subject": f"{everything['namespace']}/{everything['name']}",
        "datacontenttype": "application/json",
        "data": everything
        if is_grant
        else {**everything, "subject": None, "role": None},
    }


def an_audit_line(event_type: str, minute: int = 0, /, **data: Any) -> str:
    """Build the line of an event."""
    return json.dumps(an_audit_event(event_type, minute, **data), separators=(",", ":"))
