"""Parser of audit files."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.cli.report.entries import read_audit_file
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


def line(event_type: str, minute: int = 0, /, event_id: str = "", **data) -> str:
    event = {
        "id": event_id or f"{event_type} {minute}",
        "type": f"dev.argogrant.{event_type}",
        "time": f"2026-11-24T12:{minute:02}:01.000Z",
        "data": {**DATA, **data},
    }
    return json.dumps(event)


EVENTS = [
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


def test_events_of_a_grant_become_one_entry() -> None:
    (entry,) = read_audit_file(EVENTS[:4]).entries

    assert (entry.subject, entry.role, entry.requester) == (
        *("alice", "role:deployer"),
        "oidc:alice",
    )
    assert entry.requested_at == NOON.replace(second=1)
    assert entry.started_at == datetime(2026, 11, 24, 12, 1, tzinfo=UTC)
    assert entry.ended_at == datetime(2026, 11, 24, 12, 9, tzinfo=UTC)
    assert (entry.state, entry.end_reason) == (GrantState.ENDED, "Expired")
    assert (entry.approvers, entry.refusers) == (("dan",), ("erin",))
    assert (entry.approval, entry.gave_access) == ("ApprovedByReviewers", True)


def test_deletion_keeps_the_reason_of_the_end() -> None:
    (entry,) = read_audit_file(EVENTS).entries

    assert (entry.state, entry.end_reason) == (GrantState.ENDED, "Expired")


def test_denied_grant_is_refused() -> None:
    (entry,) = read_audit_file([line("grant.ended", 1, reason="Denied")]).entries

    assert entry.state == GrantState.REFUSED


def test_grant_without_an_end_event_is_unknown() -> None:
    (entry,) = read_audit_file(EVENTS[:3]).entries

    assert (entry.state, entry.ended_at) == ("Unknown", None)


@given(order=st.permutations([*EVENTS, *EVENTS]))
def test_order_and_repetitions_make_no_difference(order) -> None:
    assert read_audit_file(order) == read_audit_file(EVENTS)


@given(order=st.permutations(EVENTS[1:3]))
def test_events_at_the_same_time_keep_each_others_values(order) -> None:
    (entry,) = read_audit_file(order).entries

    assert (entry.gave_access, entry.approval) == (True, "ApprovedByReviewers")
    assert entry.started_at == datetime(2026, 11, 24, 12, 1, tzinfo=UTC)


def test_text_before_an_event_is_ignored() -> None:
    (entry,) = read_audit_file([f"2026-11-24T12:00:00.1Z {EVENTS[0]}"]).entries

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
def test_line_without_an_event_is_counted(bad) -> None:
    audit_file = read_audit_file([bad, "", *EVENTS])

    assert (audit_file.skipped_lines, len(audit_file.entries)) == (1, 1)


def test_event_of_an_instance_is_no_entry() -> None:
    audit_file = read_audit_file([line("instance.contested", 3)])

    assert (audit_file.entries, audit_file.skipped_lines) == ((), 0)
    assert audit_file.first_event == datetime(2026, 11, 24, 12, 3, 1, tzinfo=UTC)


def test_value_of_an_unexpected_type_is_empty() -> None:
    unexpected = line(
        "grant.bound", subject="alice", approvals={"a": 1}, startedAt=7, role=None
    )
    (entry,) = read_audit_file([unexpected]).entries

    assert (entry.subject, entry.approvers, entry.role) == ("", (), "")
    assert entry.started_at is None
