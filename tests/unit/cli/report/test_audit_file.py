"""The audit stream read back."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.cli.report.audit_file import read_audit_file
from argogrant.cli.terminal.grant_state import GrantState
from support.builders import NOON

DATA = {
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


def line(what: str, minute: int = 0, /, event_id: str = "", **data) -> str:
    event = {
        "id": event_id or f"{what} {minute}",
        "type": f"dev.argogrant.{what}",
        "time": f"2026-11-24T12:{minute:02}:01.000Z",
        "data": {**DATA, **data},
    }
    return json.dumps(event)


STORY = [
    line("grant.requested"),
    line("grant.approved", 1, approval="ApprovedByReviewers"),
    line("grant.bound", 1, wasBound=True, startedAt="2026-11-24T12:01:00Z"),
    line(
        *("grant.ended", 9),
        wasBound=True,
        startedAt="2026-11-24T12:01:00Z",
        endedAt="2026-11-24T12:09:00Z",
        reason="Expired",
    ),
    line("grant.deleted", 10, reason="RetentionPassed", wasBound=True),
]


def test_a_grant_is_told_from_its_request_to_its_end() -> None:
    (entry,) = read_audit_file(STORY[:4]).entries

    assert (entry.subject, entry.role, entry.requester) == (
        *("alice", "role:deployer"),
        "oidc:alice",
    )
    assert entry.requested_at == NOON.replace(second=1)
    assert entry.started_at == datetime(2026, 11, 24, 12, 1, tzinfo=UTC)
    assert entry.ended_at == datetime(2026, 11, 24, 12, 9, tzinfo=UTC)
    assert (entry.state, entry.end_reason) == (GrantState.ENDED, "Expired")
    assert (entry.approvers, entry.deniers) == (("dan",), ("erin",))
    assert (entry.approval, entry.gave_access) == ("ApprovedByReviewers", True)


def test_a_deletion_does_not_hide_why_it_ended() -> None:
    (entry,) = read_audit_file(STORY).entries

    assert (entry.state, entry.end_reason) == (GrantState.ENDED, "Expired")


def test_a_refused_one_is_refused() -> None:
    (entry,) = read_audit_file([line("grant.ended", 1, reason="Denied")]).entries

    assert entry.state == GrantState.REFUSED


def test_an_end_that_is_not_told_is_unknown() -> None:
    (entry,) = read_audit_file(STORY[:3]).entries

    assert (entry.state, entry.ended_at) == ("Unknown", None)


@given(order=st.permutations([*STORY, *STORY]))
def test_neither_the_order_nor_repetitions_matter(order) -> None:
    assert read_audit_file(order) == read_audit_file(STORY)


@given(order=st.permutations(STORY[1:3]))
def test_of_two_events_of_one_moment_neither_hides_the_other(order) -> None:
    (entry,) = read_audit_file(order).entries

    assert (entry.gave_access, entry.approval) == (True, "ApprovedByReviewers")
    assert entry.started_at == datetime(2026, 11, 24, 12, 1, tzinfo=UTC)


def test_what_comes_before_an_event_is_passed_over() -> None:
    (entry,) = read_audit_file([f"2026-11-24T12:00:00.1Z {STORY[0]}"]).entries

    assert entry.name == "g1"


@pytest.mark.parametrize(
    "bad",
    [
        "not JSON",
        "{broken",
        "[]",
        "{}",
        json.dumps({"id": "1", "type": "x", "time": "x", "data": []}),
        '{"a":' * 100_000,
    ],
)
def test_a_line_that_is_no_event_is_counted(bad) -> None:
    told = read_audit_file([bad, "", *STORY])

    assert (told.left_out, len(told.entries)) == (1, 1)


def test_instances_are_no_grants() -> None:
    told = read_audit_file([line("instance.contested", 3)])

    assert (told.entries, told.left_out) == ((), 0)
    assert told.first == datetime(2026, 11, 24, 12, 3, 1, tzinfo=UTC)


def test_what_has_another_shape_than_expected_is_empty() -> None:
    odd = line(
        "grant.bound", subject="alice", approvals={"a": 1}, startedAt=7, role=None
    )
    (entry,) = read_audit_file([odd]).entries

    assert (entry.subject, entry.approvers, entry.role) == ("", (), "")
    assert entry.started_at is None
