"""Kubernetes Events: what people see, and never too much of it."""

import asyncio
from contextlib import asynccontextmanager
from typing import Any

import pytest

from argogrant.audit.event import AuditRecord
from argogrant.audit.kubernetes_events import (
    BURST,
    KubernetesEvents,
    TokenBucket,
    event_of,
    shown_as,
)
from argogrant.audit.transition_kinds import TransitionKind
from argogrant.kube.errors import Forbidden
from support.audit_statuses import INSTANCE, Listening, status
from support.builders import NOON, a_grant
from support.in_memory_operator import SOON

WAITING = status("-AwaitingApproval", "-AwaitingApproval")
EXPIRED = status("-Expired", ended="+Expired")
DENIED = status("-Denied", "-Denied", "+Denied")
EMERGENCY = status("+Bound", "+BreakGlass")


def told(*states: Any, **news: Any) -> list[AuditRecord]:
    listening, stored = Listening(), {}
    for state in states:
        listening.look(stored, state, **news)
        stored = state
    return listening.told


def shown(tellings: list[AuditRecord]) -> list[str]:
    bodies = [event_of(one) for one in tellings if shown_as(one.transition.kind)]
    return [f"{body['type']} {body['reason']}" for body in bodies]


@pytest.mark.parametrize(
    ("tellings", "events"),
    [
        pytest.param(
            told(WAITING, status("+Bound"), EXPIRED),
            [
                "Normal AwaitingApproval",
                "Normal Approved",
                "Normal Bound",
                "Normal Ended",
            ],
            id="a grant that is approved",
        ),
        pytest.param(
            told(DENIED), ["Warning Denied", "Normal Ended"], id="one that is denied"
        ),
        pytest.param(
            told(status("-NotAllowed", "-NotAllowed")),
            ["Warning NotAllowed"],
            id="one that no policy allows",
        ),
        pytest.param(
            told(EMERGENCY),
            ["Warning BreakGlass", "Normal Bound"],
            id="an emergency, loudly",
        ),
        pytest.param(
            told(status("+Bound", "+PolicyNotRequired")),
            ["Normal Bound"],
            id="one where nobody has to agree",
        ),
        pytest.param(
            told(status("-ConfigMapMissing"), is_overdue=True),
            ["Warning Overdue"],
            id="one that is overdue",
        ),
        pytest.param(
            told(status("+Bound"), status("-RoleNotFound")),
            ["Normal Approved", "Normal Bound", "Warning Unbound"],
            id="one whose role is gone",
        ),
    ],
)
def test_people_see(tellings, events) -> None:
    assert shown(tellings) == events


def test_an_event_is_about_the_object_and_says_what_the_condition_says() -> None:
    bound = told(status("+Bound", "+PolicyNotRequired"))[-1]

    assert event_of(bound) == {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"g1.{bound.event.id[:16]}",
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


def test_an_instance_that_is_contested_is_shown() -> None:
    listening = Listening()
    conditions = [{"type": "Contested", "status": "True", "reason": "Contested"}]
    new = {"conditions": conditions}
    listening.ledger.instance(INSTANCE, stored={}, new=new, now=NOON)
    body = event_of(listening.told[-1])

    assert body["involvedObject"]["kind"] == "ArgoCDInstance"
    assert shown(listening.told) == ["Warning Contested"]


def test_a_message_that_is_too_long_for_the_api_server_is_cut() -> None:
    long = status("-NotAllowed", "-NotAllowed")
    long["conditions"][1]["message"] = "é" * 2000
    body = event_of(told(long)[-1])

    assert len(body["message"]) == 1024


def test_a_bucket_gives_a_burst_and_then_a_rate() -> None:
    now = [0.0]
    tokens = TokenBucket(rate=2, burst=3, clock=lambda: now[0])
    taken = []
    for second in (0, 0, 0, 0, 0.5, 0.5, 10, 10, 10, 10):
        now[0] = second
        taken.append(tokens.take())

    assert taken == [True, True, True, False, True, False, True, True, True, False]


class Board:
    """Where Events are posted, if it is not away."""

    def __init__(self) -> None:
        self.posted: list[tuple[str, Any]] = []
        self.dropped = 0
        self.error: Exception | None = None
        self.events = KubernetesEvents(self._post, self._drop)

    def tell(self, count: int) -> None:
        for number in range(count):
            grant = a_grant(name=f"g{number}")
            for telling in told(status("+Bound", "+PolicyNotRequired"), grant=grant):
                self.events(telling)

    async def _post(self, namespace: str, body: Any) -> None:
        await asyncio.sleep(0.001)
        if self.error is not None:
            raise self.error
        self.posted.append((namespace, body))

    def _drop(self) -> None:
        self.dropped += 1


@asynccontextmanager
async def a_board():
    board = Board()
    running = asyncio.create_task(board.events.run())
    try:
        yield board
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_events_are_posted_in_the_background() -> None:
    async with a_board() as board:
        board.tell(1)
        assert board.posted == []
        await asyncio.sleep(SOON)

        ((namespace, body),) = board.posted
        assert namespace == "argogrant"
        assert body["reason"] == "Bound"


async def test_what_is_too_much_is_dropped_and_counted() -> None:
    async with a_board() as board:
        board.tell(BURST + 7)
        await asyncio.sleep(SOON * 2)

        assert len(board.posted) == BURST
        assert board.dropped == 7


async def test_a_right_that_is_missing_is_said_once_and_counted(caplog) -> None:
    caplog.set_level("INFO")
    async with a_board() as board:
        board.error = Forbidden("403 events is forbidden")
        board.tell(3)
        await asyncio.sleep(SOON)
        assert board.dropped == 3
        assert caplog.text.count("403 events is forbidden") == 1
        board.error = None
        board.tell(1)
        await asyncio.sleep(SOON)

        assert len(board.posted) == 1


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (TransitionKind.BOUND, "`Bound`, Normal"),
        (TransitionKind.REFUSED, "the condition's reason, Warning"),
        (TransitionKind.REQUESTED, ""),
    ],
)
def test_the_documentation_says_how_it_is_shown(kind, text) -> None:
    assert shown_as(kind) == text
