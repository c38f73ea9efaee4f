"""What the ledger tells: each thing once, at least, and in order."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.audit.cloudevents import line_of
from argogrant.audit.event import GrantChange
from argogrant.grants.access.policy import Approval, ApprovalDecision
from argogrant.grants.model.grant import Binding
from argogrant.grants.model.identity import Identity
from support.audit_statuses import GRANT, INSTANCE, Listening, status
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
SHOWS = {"Bound": "bound", "NotAllowed": "refused", "AwaitingApproval": "awaiting-"}


def stamped(state: Any, second: int) -> Any:
    """The status as it is written at some second, of a grant that has been bound."""
    at = f"2026-11-24T12:00:{second:02}Z"
    conditions = [{**c, "lastTransitionTime": at} for c in state["conditions"]]
    facts = {"conditions": conditions, "boundAs": "role:x", "startedAt": at}
    return {**state, **facts}


def test_a_status_that_was_never_written_is_told_of_once() -> None:
    listening = Listening()
    assert listening.look({}, BOUND) == ["requested", "approved", "bound"]

    assert listening.look({}, BOUND) == []


def test_what_an_earlier_process_told_is_known_from_the_status() -> None:
    assert Listening().look(BOUND, BOUND) == []
    assert Listening().look(BOUND, EXPIRED) == ["ended"]


def test_a_second_occurrence_has_another_id_although_no_status_was_written() -> None:
    listening = Listening()
    for state in (BOUND, UNKNOWN_ROLE, BOUND, UNKNOWN_ROLE, BOUND):
        listening.look({}, state)
    bound = [one.event.id for one in listening.told if one.transition.kind == "bound"]

    assert len(set(bound)) == 3


def test_the_status_that_was_written_tells_occurrences_apart() -> None:
    """What comes after it has the id that another process would give it."""
    listening, next_one = Listening(), Listening()
    listening.look({}, BOUND)
    listening.look(BOUND, UNKNOWN_ROLE)
    stored = {**UNKNOWN_ROLE, "boundAs": "role:x", "startedAt": "then"}
    listening.look(stored, BOUND)
    next_one.look(stored, BOUND)

    assert listening.ids[-1] == next_one.ids[-1]


def test_who_approved_and_why_is_told() -> None:
    listening = Listening()
    requester = Identity(username="oidc:alice", groups=frozenset({"sre", "dev"}))
    grant = a_grant(requester=requester, justification="the shop is down", extends="g0")
    listening.look({}, REVIEWED, grant=grant, approvals=(BY_BOB,))
    data = listening.last()["data"]

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


def test_an_emergency_is_told() -> None:
    listening = Listening()
    grant = a_grant(break_glass=True, justification="the shop is down")
    listening.look({}, status("+Bound", "+BreakGlass"), grant=grant)
    approved = next(t for t in listening.told if t.transition.kind == "approved")

    assert approved.transition.reason == "BreakGlass"
    assert listening.last()["data"]["breakGlass"] is True


def test_a_grant_that_was_forgotten_is_known_from_its_status() -> None:
    listening = Listening()
    listening.look({}, BOUND)
    listening.ledger.forget("u1")

    assert listening.look(BOUND, EXPIRED) == ["ended"]


def test_every_listener_hears_everything() -> None:
    one, other = Listening(), Listening()
    ledger = type(one.ledger)(one.told.append, other.told.append)
    ledger.orphans(INSTANCE, [Binding("eve", "role:x")], version="7", now=NOON)

    assert one.told == other.told
    assert len(one.told) == 1


@given(
    st.lists(
        st.tuples(st.sampled_from(STATES), st.booleans(), st.booleans()), max_size=8
    )
)
def test_nothing_that_a_status_showed_is_lost(steps) -> None:
    """Whatever statuses are written, and whenever the process dies."""
    listening, stored, everything = Listening(), {}, []
    for state, is_written, dies in [*steps, (EXPIRED, True, True)]:
        listening.look(stored, state)
        if is_written:
            stored = state
            told = [*everything, *listening.told]
            reason = state["conditions"][1]["reason"]
            assert told[0].transition.kind == "requested"
            assert any(
                one.transition.kind.startswith(SHOWS.get(reason, "")) for one in told
            )
        if dies:
            everything += listening.told
            listening = Listening()

    assert everything[-1].transition.kind == "ended"


@given(st.lists(st.tuples(st.sampled_from(STATES), st.booleans()), max_size=8))
def test_one_process_never_tells_two_things_with_one_id(steps) -> None:
    """Given that statuses say when they changed, as they do."""
    listening, stored = Listening(), {}
    for second, (state, is_written) in enumerate(steps):
        new = stamped(state, second)
        listening.look(stored, new)
        stored = new if is_written else stored

    assert len(set(listening.ids)) == len(listening.ids)


@given(st.lists(st.sampled_from(STATES), max_size=6), st.sampled_from(STATES))
def test_a_process_that_died_before_a_write_is_followed_by_the_same_ids(
    written, state
) -> None:
    first, stored = Listening(), {}
    for second, one in enumerate(written):
        new = stamped(one, second)
        first.look(stored, new)
        stored = new
    before, new = len(first.told), stamped(state, len(written))
    first.look(stored, new)
    again = Listening()
    again.look(stored, new)

    assert again.ids == first.ids[before:]


anything = st.text(max_size=20) | st.text(
    st.sampled_from("\n\r\x00\x1b\x7f\x85\u2028\u200b\ud800\"'\\{}é😀"), max_size=20
)


@given(anything, anything, anything)
def test_every_line_is_one_line_of_json_whatever_people_write(
    justification, name, comment
) -> None:
    listening = Listening()
    grant = a_grant(subject=name, justification=justification)
    approval = replace(BY_BOB, comment=comment)
    listening.look({}, REVIEWED, grant=grant, approvals=(approval,))
    line = line_of(listening.told[-1].event)
    data = listening.last()["data"]

    assert line.isascii()
    assert line.isprintable()
    assert data["subject"]["name"] == name
    assert data.get("justification", "") == justification
    assert data["approvals"][0].get("comment", "") == comment


@pytest.mark.parametrize("was_held", [True, False])
def test_an_unreadable_object_is_told_of(was_held) -> None:
    listening = Listening()
    listening.ledger.grant(
        GrantChange(
            ref=GRANT,
            grant=None,
            stored={},
            new=status("-InvalidGrant", ""),
            now=NOON,
            was_bound=was_held,
        )
    )

    assert listening.last()["data"]["reason"] == "InvalidGrant"
    assert "subject" not in listening.last()["data"]
