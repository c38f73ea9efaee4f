"""Events of the audit log: at least once, in order, one for each change."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.audit.transitions import orphan_removed
from argogrant.grants.access.policy import Approval, ApprovalDecision
from argogrant.grants.model.grant import Binding
from argogrant.grants.model.identity import Identity
from support.audit_statuses import INSTANCE, RecordedAuditLog, status
from support.builders import NOON, a_grant

BINDING = status("-Binding")
BOUND = status("+Bound")
UNKNOWN_ROLE = status("-RoleNotFound")
NOT_ALLOWED = status("-NotAllowed", "-NotAllowed")
WAITING = status("-AwaitingApproval", "-AwaitingApproval")
REVIEWED = {
    **status("+Bound", "+ApprovedByReviewers"),
    "accessPolicy": "deployers",
    "approvals": [
        {
            "name": "a1",
            "approver": "oidc:bob",
            "decision": "Approve",
            "at": "2026-11-24T12:00:00Z",
        }
    ],
}
BY_BOB = Approval(
    uid="x",
    name="a1",
    grant_name="g1",
    grant_uid="u1",
    decision=ApprovalDecision.APPROVE,
    approver=Identity(username="oidc:bob"),
    created_at=NOON,
    comment="looks right",
)
EXPIRED = status("-Expired", ended="+Expired")
STATES = [BINDING, BOUND, UNKNOWN_ROLE, NOT_ALLOWED, WAITING, REVIEWED]
EVENT_OF_REASON = {
    "Bound": "bound",
    "NotAllowed": "refused",
    "AwaitingApproval": "awaiting-approval",
}


def stamped(state: Any, second: int) -> Any:
    """Return a status as it is written at a second, of a grant that was bound."""
    at = f"2026-11-24T12:00:{second:02}Z"
    conditions = [{**c, "lastTransitionTime": at} for c in state["conditions"]]
    facts = {"conditions": conditions, "boundAs": "role:x", "startedAt": at}
    return {**state, **facts}


def test_change_is_reported_once_although_its_status_is_never_written() -> None:
    audit = RecordedAuditLog()
    assert audit.change({}, BOUND) == ["requested", "approved", "bound"]

    assert audit.change({}, BOUND) == []


def test_events_of_an_earlier_process_are_known_from_the_status() -> None:
    assert RecordedAuditLog().change(BOUND, BOUND) == []
    assert RecordedAuditLog().change(BOUND, EXPIRED) == ["ended"]


def test_second_occurrence_has_another_id_although_no_status_was_written() -> None:
    audit = RecordedAuditLog()
    for state in (BOUND, UNKNOWN_ROLE, BOUND, UNKNOWN_ROLE, BOUND):
        audit.change({}, state)
    bound = [one.id for one in audit.records if one.event_type == "bound"]

    assert len(set(bound)) == 3


def test_event_after_a_written_status_has_the_id_of_every_other_process() -> None:
    audit, next_process = RecordedAuditLog(), RecordedAuditLog()
    audit.change({}, BOUND)
    audit.change(BOUND, UNKNOWN_ROLE)
    stored = {**UNKNOWN_ROLE, "boundAs": "role:x", "startedAt": "then"}
    audit.change(stored, BOUND)
    next_process.change(stored, BOUND)

    assert audit.ids[-1] == next_process.ids[-1]


def test_report_in_between_does_not_change_the_id_of_a_binding() -> None:
    """As long as the API server has the same status."""
    one, other = RecordedAuditLog(), RecordedAuditLog()
    one.change({}, BOUND)
    other.change({}, BINDING)
    other.change({}, BOUND)

    assert one.ids == other.ids


def test_binding_that_is_found_later_has_the_id_of_the_first_report() -> None:
    """The operator was killed before the status was written, and the grant ended."""
    killed, next_process = RecordedAuditLog(), RecordedAuditLog()
    killed.change({}, BOUND)
    types = next_process.change({}, EXPIRED, binding_found=True)

    assert types == ["requested", "approved", "bound", "ended"]
    assert next_process.ids[:3] == killed.ids


def test_binding_that_is_found_later_is_in_the_data_of_the_end() -> None:
    audit = RecordedAuditLog()
    audit.change({}, BINDING, binding_found=True)
    audit.change(BINDING, EXPIRED, binding_found=True)

    assert audit.last()["data"]["wasBound"] is True


def test_state_is_kept_only_until_the_api_server_has_it() -> None:
    """Thousands of grants must not stay in memory."""
    audit = RecordedAuditLog()
    stored = {**BOUND, "boundAs": "role:x", "startedAt": "then"}
    audit.change({}, stored)
    assert audit.log._unstored
    audit.change(stored, stored)

    assert not audit.log._unstored


def test_overdue_grant_is_reported_once_although_its_status_is_written() -> None:
    audit = RecordedAuditLog()
    assert audit.change(BOUND, UNKNOWN_ROLE, is_overdue=True) == ["overdue"]
    assert audit.change(UNKNOWN_ROLE, UNKNOWN_ROLE, is_overdue=True) == []

    assert audit.change(UNKNOWN_ROLE, EXPIRED) == ["ended"]


def test_event_has_the_approvals_and_the_request() -> None:
    audit = RecordedAuditLog()
    requester = Identity(username="oidc:alice", groups=frozenset({"sre", "dev"}))
    grant = a_grant(requester=requester, justification="the shop is down", extends="g0")
    audit.change({}, REVIEWED, grant=grant, approvals=(BY_BOB,))
    data = audit.last()["data"]

    assert data["policy"] == "deployers"
    assert data["approval"] == "ApprovedByReviewers"
    assert data["approvals"] == [
        {
            "approver": "oidc:bob",
            "decision": "Approve",
            "comment": "looks right",
            "at": "2026-11-24T12:00:00Z",
        }
    ]
    assert data["requester"] == {"username": "oidc:alice", "groups": ["dev", "sre"]}
    assert data["justification"] == "the shop is down"
    assert data["extends"] == "g0"


def test_break_glass_grant_is_reported() -> None:
    audit = RecordedAuditLog()
    grant = a_grant(break_glass=True, justification="the shop is down")
    audit.change({}, status("+Bound", "+BreakGlass"), grant=grant)
    approved = next(one for one in audit.records if one.event_type == "approved")

    assert approved.data.reason == "BreakGlass"
    assert audit.last()["data"]["breakGlass"] is True


def test_forgotten_grant_is_known_from_its_status() -> None:
    audit = RecordedAuditLog()
    audit.change({}, BOUND)
    audit.log.forget("u1")

    assert audit.change(BOUND, EXPIRED) == ["ended"]


def test_every_listener_receives_every_event() -> None:
    one, other = RecordedAuditLog(), RecordedAuditLog()
    log = type(one.log)(one.records.append, other.records.append)
    log.removals(INSTANCE, [orphan_removed(Binding("eve", "role:x"), "7")], now=NOON)

    assert one.records == other.records
    assert len(one.records) == 1


@given(
    st.lists(
        st.tuples(st.sampled_from(STATES), st.booleans(), st.booleans()), max_size=8
    )
)
def test_every_state_that_a_status_showed_was_reported(steps) -> None:
    """For every sequence of statuses, some of them written, with kills in between."""
    audit, stored, earlier = RecordedAuditLog(), {}, []
    for state, is_written, is_killed in [*steps, (EXPIRED, True, True)]:
        audit.change(stored, state)
        if is_written:
            stored = state
            types = [str(one.event_type) for one in (*earlier, *audit.records)]
            reason = state["conditions"][1]["reason"]
            assert types[0] == "requested"
            assert EVENT_OF_REASON.get(reason, "requested") in types
        if is_killed:
            earlier += audit.records
            audit = RecordedAuditLog()

    assert earlier[-1].event_type == "ended"


@given(st.lists(st.tuples(st.sampled_from(STATES), st.booleans()), max_size=8))
def test_one_process_never_uses_an_id_twice(steps) -> None:
    """Given that statuses have the time of their change, as the operator's do."""
    audit, stored = RecordedAuditLog(), {}
    for second, (state, is_written) in enumerate(steps):
        new = stamped(state, second)
        audit.change(stored, new)
        stored = new if is_written else stored

    assert len(set(audit.ids)) == len(audit.ids)


@given(st.lists(st.sampled_from(STATES), max_size=6), st.sampled_from(STATES))
def test_process_after_one_that_was_killed_before_a_write_uses_the_same_ids(
    written, state
) -> None:
    killed, stored = RecordedAuditLog(), {}
    for second, one in enumerate(written):
        new = stamped(one, second)
        killed.change(stored, new)
        stored = new
    before, new = len(killed.records), stamped(state, len(written))
    killed.change(stored, new)
    next_process = RecordedAuditLog()
    next_process.change(stored, new)

    assert next_process.ids == killed.ids[before:]


anything = st.text(max_size=20) | st.text(
    st.sampled_from("\n\r\x00\x1b\x7f\x85\u2028\u200b\ud800\"'\\{}é😀"), max_size=20
)


@given(anything, anything, anything)
def test_every_event_is_one_line_of_json_for_any_text(
    justification, name, comment
) -> None:
    audit = RecordedAuditLog()
    grant = a_grant(subject=name, justification=justification)
    approval = replace(BY_BOB, comment=comment)
    audit.change({}, REVIEWED, grant=grant, approvals=(approval,))
    line = audit.records[-1].line
    data = audit.last()["data"]

    assert line.isascii()
    assert line.isprintable()
    assert data["subject"]["name"] == name
    assert data.get("justification", "") == justification
    assert data["approvals"][0].get("comment", "") == comment


@pytest.mark.parametrize("binding_found", [True, False])
def test_invalid_grant_is_reported(binding_found) -> None:
    audit = RecordedAuditLog()
    new = status("-InvalidGrant", "")
    audit.change({}, new, grant=None, binding_found=binding_found)

    assert audit.last()["data"]["reason"] == "InvalidGrant"
    assert "subject" not in audit.last()["data"]
