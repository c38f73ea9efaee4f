"""State of a grant in one word."""

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
    "ready": (
        a_stored_grant(status=active_status()),
        GrantState.ACTIVE,
    ),
    "not observed": (a_stored_grant(), GrantState.STARTING),
    "being written": (
        a_stored_grant(status=not_ready_status("Binding")),
        GrantState.STARTING,
    ),
    "approval missing": (
        a_stored_grant(status=not_ready_status("AwaitingApproval")),
        GrantState.PENDING,
    ),
    "later start": (
        a_stored_grant(status=not_ready_status("Scheduled")),
        GrantState.SCHEDULED,
    ),
    "not allowed by a policy": (
        a_stored_grant(status=not_ready_status("NotAllowed")),
        GrantState.REFUSED,
    ),
    "denied": (
        a_stored_grant(status=ended_status("Denied")),
        GrantState.REFUSED,
    ),
    "denied after it gave access": (
        a_stored_grant(status=active_status() | ended_status("Denied")),
        GrantState.ENDED,
    ),
    "approval timed out": (
        a_stored_grant(status=ended_status("ApprovalTimedOut")),
        GrantState.ENDED,
    ),
    "expired": (
        a_stored_grant(status=ended_status("Expired")),
        GrantState.ENDED,
    ),
    "role missing": (
        a_stored_grant(status=not_ready_status("RoleNotFound")),
        GrantState.BLOCKED,
    ),
    "revoked, and still ready": (
        a_stored_grant(revoked=True, status=active_status()),
        GrantState.ENDING,
    ),
    "being deleted": (
        a_stored_grant(metadata={"deletionTimestamp": "x"}, status=active_status()),
        GrantState.ENDING,
    ),
    "revoked, and never ready": (
        a_stored_grant(revoked=True, status=not_ready_status("RoleNotFound")),
        GrantState.BLOCKED,
    ),
    "expired, and still ready": (
        a_stored_grant(status=active_status(until=NOON + MINUTE)),
        GrantState.OVERDUE,
    ),
    "expired, and not removed": (
        a_stored_grant(
            status=active_status(until=NOON)
            | {"conditions": [condition("Ready", "False", "ConfigMapMissing")]}
        ),
        GrantState.OVERDUE,
    ),
    "invalid object": (
        {"metadata": {"name": "x"}, "spec": "nothing"},
        GrantState.STARTING,
    ),
}


@pytest.mark.parametrize(
    ("body", "expected"),
    [pytest.param(*row, id=name) for name, row in CASES.items()],
)
def test_state_of_a_grant(body, expected) -> None:
    assert grant_state(view_grant(body), NOON + 2 * MINUTE) is expected


def test_grants_are_sorted_by_end() -> None:
    bodies = [
        a_stored_grant("no-end", status=not_ready_status("AwaitingApproval")),
        a_stored_grant("promised", status=active_status(until=LATER)),
        a_stored_grant("requested", expiresAt="2026-11-24T13:30:00Z"),
        a_stored_grant(
            "ended", status=ended_status("Expired", NOON + HOUR, expiresAt="x")
        ),
    ]

    ordered = sorted(map(view_grant, bodies), key=in_order)
    assert [one.name for one in ordered] == ["ended", "requested", "promised", "no-end"]
