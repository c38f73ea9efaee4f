"""Kubernetes Events of a grant, posted in the background at a limited rate."""

import asyncio
from contextlib import asynccontextmanager
from typing import Any

import pytest

from argogrant.audit.event import AuditEvent, EventType
from argogrant.audit.kubernetes_events import (
    BURST,
    KubernetesEvents,
    TokenBucket,
    build_event,
    describe_event,
)
from argogrant.grants.model.stored_condition import StoredCondition
from argogrant.kube.errors import Forbidden
from support.audit_statuses import INSTANCE, RecordedAuditLog, status
from support.builders import NOON, a_grant
from support.in_memory_operator import SOON

WAITING = status("-AwaitingApproval", "-AwaitingApproval")
EXPIRED = status("-Expired", ended="+Expired")
DENIED = status("-Denied", "-Denied", "+Denied")
EMERGENCY = status("+Bound", "+BreakGlass")


def records(*states: Any, **change: Any) -> list[AuditEvent]:
    """Return the audit events of a grant that has one status after the other."""
    audit, stored = RecordedAuditLog(), {}
    for state in states:
        audit.change(stored, state, **change)
        stored = state
    return audit.records


def posted(audit_records: list[AuditEvent]) -> list[str]:
    """Return the type and reason of the Kubernetes Events of audit events."""
    shown = [one for one in audit_records if describe_event(one.event_type)]
    bodies = map(build_event, shown)
    return [f"{body['type']} {body['reason']}" for body in bodies]


@pytest.mark.parametrize(
    ("audit_records", "expected"),
    [
        pytest.param(
            records(WAITING, status("+Bound"), EXPIRED),
            [
                "Normal AwaitingApproval",
                "Normal Approved",
                "Normal Bound",
                "Normal Ended",
            ],
            id="approved grant",
        ),
        pytest.param(
            records(DENIED), ["Warning Denied", "Normal Ended"], id="denied grant"
        ),
        pytest.param(
            records(status("-NotAllowed", "-NotAllowed")),
            ["Warning NotAllowed"],
            id="grant that no policy allows",
        ),
        pytest.param(
            records(EMERGENCY),
            ["Warning BreakGlass", "Normal Bound"],
            id="break-glass grant is a warning",
        ),
        pytest.param(
            records(status("+Bound", "+PolicyNotRequired")),
            ["Normal Bound"],
            id="grant without access policies",
        ),
        pytest.param(
            records(status("-ConfigMapMissing"), is_overdue=True),
            ["Warning Overdue"],
            id="overdue grant",
        ),
        pytest.param(
            records(status("+Bound"), status("-RoleNotFound")),
            ["Normal Approved", "Normal Bound", "Warning Unbound"],
            id="grant whose role was removed",
        ),
    ],
)
def test_grant_gets_kubernetes_events(audit_records, expected) -> None:
    assert posted(audit_records) == expected


def test_event_names_the_object_and_has_the_message_of_the_condition() -> None:
    bound = records(status("+Bound", "+PolicyNotRequired"))[-1]

    assert build_event(bound) == {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"g1.{bound.id[:16]}",
            "namespace": "argogrant",
        },
        "type": "Normal",
        "reason": "Bound",
        "message": "Bound it is.",
        "involvedObject": {
            "apiVersion": "argogrant.dev/v1alpha1",
            "kind": "AccessGrant",
            "namespace": "argogrant",
            "name": "g1",
            "uid": "u1",
        },
        "source": {"component": "argogrant"},
        "firstTimestamp": "2026-11-24T12:00:00Z",
        "lastTimestamp": "2026-11-24T12:00:00Z",
        "count": 1,
    }


def test_contested_instance_gets_a_kubernetes_event() -> None:
    audit = RecordedAuditLog()
    contested = {"Contested": StoredCondition(status=True, reason="Contested")}
    audit.log.instance(INSTANCE, stored={}, conditions=contested, now=NOON)
    body = build_event(audit.records[-1])

    assert body["involvedObject"]["kind"] == "ArgoCDInstance"
    assert posted(audit.records) == ["Warning Contested"]


def test_message_is_truncated_to_the_limit_of_the_api_server() -> None:
    long = status("-NotAllowed", "-NotAllowed")
    long["conditions"][1]["message"] = "é" * 2000
    body = build_event(records(long)[-1])

    assert len(body["message"]) == 1024


def test_token_bucket_allows_a_burst_and_then_a_rate() -> None:
    now = [0.0]
    tokens = TokenBucket(rate=2, burst=3, clock=lambda: now[0])
    taken = []
    for second in (0, 0, 0, 0, 0.5, 0.5, 10, 10, 10, 10):
        now[0] = second
        taken.append(tokens.take())

    assert taken == [True, True, True, False, True, False, True, True, True, False]


class EventReceiver:
    """An API server that records the Events that it gets, or fails."""

    def __init__(self) -> None:
        self.posted: list[tuple[str, Any]] = []
        self.dropped = 0
        self.error: Exception | None = None
        self.events = KubernetesEvents(self._post, self._drop)

    def emit(self, count: int) -> None:
        """Emit the audit events of some grants."""
        for number in range(count):
            grant = a_grant(name=f"g{number}")
            for record in records(status("+Bound", "+PolicyNotRequired"), grant=grant):
                self.events(record)

    async def _post(self, namespace: str, body: Any) -> None:
        await asyncio.sleep(0.001)
        if self.error is not None:
            raise self.error
        self.posted.append((namespace, body))

    def _drop(self) -> None:
        self.dropped += 1


@asynccontextmanager
async def a_receiver():
    receiver = EventReceiver()
    running = asyncio.create_task(receiver.events.run())
    try:
        yield receiver
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_events_are_posted_in_the_background() -> None:
    async with a_receiver() as receiver:
        receiver.emit(1)
        assert receiver.posted == []
        await asyncio.sleep(SOON)

        ((namespace, body),) = receiver.posted
        assert namespace == "argogrant"
        assert body["reason"] == "Bound"


async def test_events_above_the_rate_are_dropped_and_counted() -> None:
    async with a_receiver() as receiver:
        receiver.emit(BURST + 7)
        await asyncio.sleep(SOON * 2)

        assert len(receiver.posted) == BURST
        assert receiver.dropped == 7


async def test_missing_permission_is_logged_once_and_counted(caplog) -> None:
    caplog.set_level("INFO")
    async with a_receiver() as receiver:
        receiver.error = Forbidden("403 events is forbidden")
        receiver.emit(3)
        await asyncio.sleep(SOON)
        assert receiver.dropped == 3
        assert caplog.text.count("403 events is forbidden") == 1
        receiver.error = None
        receiver.emit(1)
        await asyncio.sleep(SOON)

        assert len(receiver.posted) == 1


@pytest.mark.parametrize(
    ("event_type", "text"),
    [
        (EventType.BOUND, "`Bound`, Normal"),
        (EventType.REFUSED, "the condition's reason, Warning"),
        (EventType.REQUESTED, ""),
    ],
)
def test_reference_describes_the_kubernetes_event(event_type, text) -> None:
    assert describe_event(event_type) == text
