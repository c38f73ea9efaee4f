"""Verification that a line of text is one of the audit stream. Pure.

A pod's log has the lines of standard output and of standard error, and log lines repeat
text from elsewhere. No log line can pass for an event (``telemetry.log_lines``), if a
reader accepts as little before the event as this module does.
"""

import json
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from pydantic import ValidationError

from argogrant.audit.event import (
    TYPE_PREFIX,
    AuditEvent,
    EventType,
    GrantData,
    InstanceData,
)
from argogrant.audit.transitions import ONCE_PER_GRANT, event_id
from argogrant.grants.model.errors import InvalidGrant
from argogrant.grants.model.window import parse_instant

_STAMP: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)"
_START: Final = re.compile(rf"(?:\[pod/[^\]\s]+\] )?(?:{_STAMP} (?:stdout F )?)?(?={{)")
"""Text that may precede an event: that of ``kubectl logs --prefix --timestamps``,
or of the container runtime in its files, which name the stream.

Source: kubernetes/kubernetes, ``pkg/kubelet/kuberuntime/logs``; the CRI log format.
"""
_ID: Final = re.compile("[0-9a-f]{32}")
_DATA: Final[Mapping[str, type[GrantData | InstanceData]]] = {
    "grant": GrantData,
    "instance": InstanceData,
}


class LeftOut(StrEnum):
    """Why a line is not accepted as an event, as a person reads it."""

    NO_EVENT = "no line of the audit stream"
    UNKNOWN_TYPE = "of a type that this version does not know"
    INVALID = "not as the schema says"
    FORGED = "with an id, source or subject that does not match the rest"


def verified_event(line: str) -> Mapping[str, Any] | LeftOut:
    """Return the event of a line as JSON, or why the line is not accepted.

    An event has the schema of ``AuditEvent``; its id, its source and its subject follow
    from its data. The id of a type that may occur several times cannot be recomputed.
    """
    start = _START.match(line)
    try:
        event = json.loads(line[start.end() :]) if start else None
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict) or "specversion" not in event:
        return LeftOut.NO_EVENT
    kind, _, name = (
        str(event.get("type")).removeprefix(f"{TYPE_PREFIX}.").partition(".")
    )
    if kind not in _DATA or name not in set(EventType):
        return LeftOut.UNKNOWN_TYPE
    try:
        model = AuditEvent.model_validate(event)
        data = _DATA[kind].model_validate(event["data"])
        parse_instant(model.time)
    except (ValidationError, InvalidGrant):
        return LeftOut.INVALID
    return event if _is_consistent(model, data, EventType(name)) else LeftOut.FORGED


def _is_consistent(
    event: AuditEvent, data: GrantData | InstanceData, event_type: EventType
) -> bool:
    instance = data.instance if isinstance(data, GrantData) else data.name
    has_id = _ID.fullmatch(event.id) is not None
    if event_type in ONCE_PER_GRANT:
        has_id = event.id == event_id(data.uid, event_type, "")
    return (
        has_id
        and event.source == f"/argogrant/{data.namespace}/{instance}"
        and event.subject == f"{data.namespace}/{data.name}"
    )
