"""How a grant stands, in a word."""

import pytest

from argogrant.api.accessgrant_view import view_grant
from argogrant.cli.terminal.grant_state import GrantState, grant_state, in_order
from support.builders import HOUR, MINUTE, NOON
from support.stored_grants import (
    a_stored_grant,
    active_status,
    condition,
    ended_status,
    not_ready_status,
)

LATER = NOON + 2 * HOUR
CASES = {
    "a grant that Argo CD obeys": (
        a_stored_grant(status=active_status()),
        GrantState.ACTIVE,
    ),
    "one that the operator has not seen": (a_stored_grant(), GrantState.STARTING),
    "one that is being written": (
        a_stored_grant(status=not_ready_status("Binding")),
        GrantState.STARTING,
    ),
    "one that waits for people": (
        a_stored_grant(status=not_ready_status("AwaitingApproval")),
        GrantState.PENDING,
    ),
    "one that begins later": (
        a_stored_grant(status=not_ready_status("Scheduled")),
        GrantState.SCHEDULED,
    ),
    "one that no policy allows": (
        a_stored_grant(status=not_ready_status("NotAllowed")),
        GrantState.REFUSED,
    ),
    "one that somebody refused": (
        a_stored_grant(status=ended_status("Denied")),
        GrantState.REFUSED,
    ),
    "one that nobody approved in time": (
        a_stored_grant(status=ended_status("ApprovalTimedOut")),
        GrantState.ENDED,
    ),
    "one whose end has come": (
        a_stored_grant(status=ended_status("Expired")),
        GrantState.ENDED,
    ),
    "one whose role is missing": (
        a_stored_grant(status=not_ready_status("RoleNotFound")),
        GrantState.BLOCKED,
    ),
    "one that was revoked a moment ago": (
        a_stored_grant(revoked=True, status=active_status()),
        GrantState.ENDING,
    ),
    "one that is being deleted": (
        a_stored_grant(metadata={"deletionTimestamp": "x"}, status=active_status()),
        GrantState.ENDING,
    ),
    "a revoked one that never gave access": (
        a_stored_grant(revoked=True, status=not_ready_status("RoleNotFound")),
        GrantState.BLOCKED,
    ),
    "one whose end the operator has not kept": (
        a_stored_grant(status=active_status(until=NOON + MINUTE)),
        GrantState.OVERDUE,
    ),
    "one whose end could not be written": (
        a_stored_grant(
            status=active_status(until=NOON)
            | {"conditions": [condition("Ready", "False", "ConfigMapMissing")]}
        ),
        GrantState.OVERDUE,
    ),
    "something that is no grant at all": (
        {"metadata": {"name": "x"}, "spec": "nothing"},
        GrantState.STARTING,
    ),
}


@pytest.mark.parametrize(
    ("body", "expected"),
    [pytest.param(*row, id=sentence) for sentence, row in CASES.items()],
)
def test_a_grant_stands(body, expected) -> None:
    assert grant_state(view_grant(body), NOON + 2 * MINUTE) is expected


def test_what_ends_first_is_first_and_what_has_no_end_is_last() -> None:
    bodies = [
        a_stored_grant("no-end", status=not_ready_status("AwaitingApproval")),
        a_stored_grant("promised", status=active_status(until=LATER)),
        a_stored_grant("asked", expiresAt="2026-11-24T13:30:00Z"),
        a_stored_grant(
            "ended", status=ended_status("Expired", NOON + HOUR, expiresAt="x")
        ),
    ]

    told = sorted(map(view_grant, bodies), key=in_order)
    assert [one.name for one in told] == ["ended", "asked", "promised", "no-end"]
