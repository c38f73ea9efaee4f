"""Parser of audit files."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.audit.verification import LeftOut
from argogrant.cli.report.entries import read_audit_file
from argogrant.cli.terminal.grant_state import GrantState
from support.audit_lines import DATA, an_audit_event, an_audit_line
from support.builders import NOON

EVENTS = [
    an_audit_line("grant.requested"),
    an_audit_line("grant.approved", 1, approval="ApprovedByReviewers"),
    an_audit_line("grant.bound", 1, wasBound=True, startedAt="2026-11-24T12:01:00Z"),
    an_audit_line(
        *("grant.ended", 9),
        wasBound=True,
        startedAt="2026-11-24T12:01:00Z",
        endedAt="2026-11-24T12:09:00Z",
        reason="Expired",
    ),
    an_audit_line("grant.deleted", 10, reason="RetentionPassed", wasBound=True),
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
    (entry,) = read_audit_file(
        [an_audit_line("grant.ended", 1, reason="Denied")]
    ).entries

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


@pytest.mark.parametrize(
    "before",
    [
        pytest.param("2026-11-24T12:00:00.1Z ", id="--timestamps"),
        pytest.param("[pod/argogrant-7f/argogrant] ", id="--prefix"),
        pytest.param("[pod/a/b] 2026-11-24T12:00:00.1Z ", id="--prefix --timestamps"),
        pytest.param("2026-11-24T12:00:00.1+00:00 stdout F ", id="file of the runtime"),
    ],
)
def test_what_kubectl_logs_adds_is_ignored(before) -> None:
    (entry,) = read_audit_file([f"{before}{EVENTS[0]}\n"]).entries

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
        pytest.param(f" {EVENTS[0]}", id="a blank before the event"),
        pytest.param(f"INFO got {EVENTS[0]}", id="a log message with an event"),
        pytest.param(f"[pod/a/b] INFO {EVENTS[0]}", id="a log message with its pod"),
        pytest.param(f"  | {EVENTS[0]}", id="a line of a traceback"),
        pytest.param(f"2026-11-24T12:00:00Z stderr F {EVENTS[0]}", id="standard error"),
        pytest.param(f"{EVENTS[0]} and more", id="text after the event"),
    ],
)
def test_line_without_an_event_is_left_out(bad) -> None:
    audit_file = read_audit_file([bad, "", *EVENTS])

    assert audit_file.left_out == {LeftOut.NO_EVENT: 1}
    assert len(audit_file.entries) == 1


BOUND = an_audit_event("grant.bound")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param(
            {"type": "dev.argogrant.grant.blessed"}, LeftOut.UNKNOWN_TYPE, id="new type"
        ),
        pytest.param(
            {"type": "com.example.grant.bound"},
            LeftOut.UNKNOWN_TYPE,
            id="type of another program",
        ),
        pytest.param({"type": 7}, LeftOut.UNKNOWN_TYPE, id="type of another type"),
        pytest.param({"specversion": "2.0"}, LeftOut.INVALID, id="another specversion"),
        pytest.param({"time": "soon"}, LeftOut.INVALID, id="no time"),
        pytest.param({"data": {}}, LeftOut.INVALID, id="no data"),
        pytest.param(
            {"data": {**DATA, "subject": "alice"}},
            LeftOut.INVALID,
            id="field of another type",
        ),
        pytest.param(
            {"data": {**DATA, "namespace": "x"}}, LeftOut.FORGED, id="another namespace"
        ),
        pytest.param(
            {"source": "/argogrant/argogrant/x"}, LeftOut.FORGED, id="another source"
        ),
        pytest.param({"subject": "argogrant/x"}, LeftOut.FORGED, id="another subject"),
        pytest.param({"id": "1"}, LeftOut.FORGED, id="id of another scheme"),
        pytest.param(
            {"type": "dev.argogrant.grant.ended"},
            LeftOut.FORGED,
            id="id of another event",
        ),
        pytest.param(
            {"data": {**DATA, "uid": "u2"}, "type": "dev.argogrant.grant.ended"},
            LeftOut.FORGED,
            id="id of another grant",
        ),
    ],
)
def test_event_that_does_not_verify_is_left_out(changes, reason) -> None:
    audit_file = read_audit_file([json.dumps({**BOUND, **changes})])

    assert audit_file.left_out == {reason: 1}
    assert audit_file.entries == ()


def test_field_of_a_later_version_is_ignored() -> None:
    later = {**BOUND, "sequence": "7", "data": {**BOUND["data"], "colour": "red"}}
    audit_file = read_audit_file([json.dumps(later)])

    assert len(audit_file.entries) == 1
    assert audit_file.left_out == {}


def test_event_of_an_instance_is_no_entry() -> None:
    audit_file = read_audit_file([an_audit_line("instance.contested", 3)])

    assert (audit_file.entries, audit_file.left_out) == ((), {})
    assert audit_file.first_event == datetime(2026, 11, 24, 12, 3, 1, tzinfo=UTC)


def an_approval(name: str, decision: str) -> dict[str, str]:
    return {"approver": name, "decision": decision, "at": "2026-11-24T12:00:00Z"}


BY_DAN, BY_ERIN = an_approval("dan", "Approve"), an_approval("erin", "Deny")
RAN = {"wasBound": True, "startedAt": "2026-11-24T12:01:00Z"}
DENIED = [
    an_audit_line("grant.requested", approvals=[]),
    an_audit_line(
        "grant.approved", 1, approval="ApprovedByReviewers", approvals=[BY_DAN]
    ),
    an_audit_line("grant.bound", 1, approvals=[BY_DAN], **RAN),
    *(
        an_audit_line(
            f"grant.{event}",
            3,
            approval="Denied",
            approvals=[BY_ERIN],
            reason="Denied",
            endedAt="2026-11-24T12:03:00Z",
            **RAN,
        )
        for event in ("denied", "ended")
    ),
]


def test_denial_after_the_access_keeps_the_approval() -> None:
    """Also of an earlier version, whose last events list the denial only."""
    (entry,) = read_audit_file(DENIED).entries

    assert (entry.approvers, entry.refusers) == (("dan",), ("erin",))
    assert entry.approval == "ApprovedByReviewers"
    assert (entry.state, entry.end_reason) == (GrantState.ENDED, "Denied")
    assert entry.last_bound_at == datetime(2026, 11, 24, 12, 3, tzinfo=UTC)


def test_withdrawn_access_is_reported_until_it_was_withdrawn() -> None:
    lines = [
        *DENIED[:3],
        an_audit_line("grant.unbound", 4, reason="AwaitingApproval", **RAN),
        an_audit_line(
            "grant.ended", 9, reason="Expired", endedAt="2026-11-24T12:09:00Z", **RAN
        ),
    ]
    (entry,) = read_audit_file(lines).entries

    assert entry.last_bound_at == datetime(2026, 11, 24, 12, 4, 1, tzinfo=UTC)
    assert entry.ended_at == datetime(2026, 11, 24, 12, 9, tzinfo=UTC)


def test_access_that_was_given_again_is_not_over() -> None:
    lines = [
        *DENIED[:3],
        an_audit_line("grant.unbound", 4, reason="AwaitingApproval", **RAN),
        an_audit_line("grant.bound", 6, **RAN),
    ]
    (entry,) = read_audit_file(lines).entries

    assert entry.last_bound_at is None
