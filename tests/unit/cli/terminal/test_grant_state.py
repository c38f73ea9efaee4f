"""How a grant stands, in a word."""

import pytest

from argogrant.api.accessgrant_view import view_grant
from argogrant.cli.terminal.grant_state import GrantState, grant_state, in_order
from support.builders import HOUR, MINUTE, NOON
from support.stored_grants import a_body, in_force, not_ready, over, said

LATER = NOON + 2 * HOUR
CASES = {
    "a grant that Argo CD obeys": (a_body(status=in_force()), GrantState.ACTIVE),
    "one that the operator has not seen": (a_body(), GrantState.STARTING),
    "one that is being written": (
        a_body(status=not_ready("Binding")),
        GrantState.STARTING,
    ),
    "one that waits for people": (
        a_body(status=not_ready("AwaitingApproval")),
        GrantState.PENDING,
    ),
    "one that begins later": (
        a_body(status=not_ready("Scheduled")),
        GrantState.SCHEDULED,
    ),
    "one that no policy allows": (
        a_body(status=not_ready("NotAllowed")),
        GrantState.REFUSED,
    ),
    "one that somebody refused": (a_body(status=over("Denied")), GrantState.REFUSED),
    "one that nobody approved in time": (
        a_body(status=over("ApprovalTimedOut")),
        GrantState.ENDED,
    ),
    "one whose end has come": (a_body(status=over("Expired")), GrantState.ENDED),
    "one whose role is missing": (
        a_body(status=not_ready("RoleNotFound")),
        GrantState.BLOCKED,
    ),
    "one that was revoked a moment ago": (
        a_body(revoked=True, status=in_force()),
        GrantState.ENDING,
    ),
    "one that is being deleted": (
        a_body(metadata={"deletionTimestamp": "x"}, status=in_force()),
        GrantState.ENDING,
    ),
    "a revoked one that never gave access": (
        a_body(revoked=True, status=not_ready("RoleNotFound")),
        GrantState.BLOCKED,
    ),
    "one whose end the operator has not kept": (
        a_body(status=in_force(until=NOON + MINUTE)),
        GrantState.OVERDUE,
    ),
    "one whose end could not be written": (
        a_body(
            status=in_force(until=NOON)
            | {"conditions": [said("Ready", "False", "ConfigMapMissing")]}
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
        a_body("no-end", status=not_ready("AwaitingApproval")),
        a_body("promised", status=in_force(until=LATER)),
        a_body("asked", expiresAt="2026-11-24T13:30:00Z"),
        a_body("ended", status=over("Expired", NOON + HOUR, expiresAt="x")),
    ]

    told = sorted(map(view_grant, bodies), key=in_order)
    assert [one.name for one in told] == ["ended", "asked", "promised", "no-end"]
