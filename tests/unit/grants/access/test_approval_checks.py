"""What an approver is told of the approval."""

from dataclasses import replace
from typing import Final

import pytest

from argogrant.grants.access.approvals import without_grant
from argogrant.grants.access.policy import Owners
from argogrant.grants.conditions import approval_condition, policy_condition
from argogrant.grants.model.grant import RecordedEnd
from argogrant.grants.model.reasons import Reason
from support.builders import (
    HOUR,
    MINUTE,
    NOON,
    SECOND,
    a_group,
    a_policy,
    a_refusal,
    a_user,
    an_approval,
    approved_by,
    asked,
    asks,
    case,
    guarded,
)

DAY: Final = 24 * HOUR
LATE: Final = {"created_at": NOON + DAY + SECOND}
UNTIL_ONE: Final = asks(expires_at=NOON + HOUR)
NO: Final = RecordedEnd(Reason.DENIED, "No.")
SECONDLY: Final = {"name": "z", "created_at": NOON + 2 * MINUTE}


@pytest.mark.parametrize(
    ("question", "told"),
    [
        pytest.param(asked(an_approval()), "Counts", id="one that is needed"),
        pytest.param(asked(a_refusal()), "Counts", id="a refusal"),
        pytest.param(
            asked(an_approval("eve"), an_approval(**SECONDLY)),
            "Counts Counts",
            id="one more than is needed",
        ),
        pytest.param(
            asked(an_approval(), policy=guarded(a_user("eve"))),
            "NotEntitled",
            id="of somebody else",
        ),
        pytest.param(asked(an_approval("alice")), "SelfApproval", id="one's own"),
        pytest.param(
            asked(an_approval(**LATE), at=NOON + DAY), "TooLate", id="one too late"
        ),
        pytest.param(
            asked(an_approval(), an_approval("BOB", **SECONDLY)),
            "Counts CountedAlready",
            id="a second one",
        ),
        pytest.param(
            asked(an_approval(grant_uid="old")), "AnotherGrant", id="another grant's"
        ),
        pytest.param(
            asked(an_approval(approver=None)), "ApproverUnverified", id="nobody's"
        ),
        pytest.param(
            asked(an_approval(), grant=asks(requester=None)),
            "NotEntitled",
            id="in vain, since nobody vouches for the requester",
        ),
        pytest.param(
            asked(an_approval(created_at=NOON - SECOND)),
            "ApproverUnverified",
            id="one that nobody vouches for",
        ),
        pytest.param(asked(an_approval(being_deleted=True)), "", id="one that goes"),
        pytest.param(
            case(asks(), approvals=(an_approval(),)), "NotNeeded", id="without policies"
        ),
        pytest.param(
            case(asks(), a_policy(), approvals=(an_approval(),)),
            "NotNeeded",
            id="where nobody has to approve",
        ),
        pytest.param(
            case(UNTIL_ONE, a_policy(), guarded(), approvals=(an_approval(),)),
            "NotNeeded",
            id="where another policy needs none",
        ),
        pytest.param(
            case(asks("eve"), a_policy(requesters=()), approvals=(an_approval(),)),
            "NotEntitled",
            id="where the grant is refused whoever approves",
        ),
        pytest.param(
            case(asks(), policies_are_known=False, approvals=(an_approval(),)),
            "",
            id="nothing is said in doubt",
        ),
        pytest.param(
            case(
                asks(),
                guarded(a_user("eve")),
                guarded(a_user("bob"), name="test"),
                approvals=(an_approval(),),
            ),
            "Counts",
            id="where it counts under one policy of two",
        ),
        pytest.param(
            asked(a_refusal(), grant=asks(recorded_end=NO), strip_prefix=""),
            "Counts",
            id="the refusal that ended it",
        ),
    ],
)
def test_why_an_approval_does_not_count(question, told) -> None:
    verdicts = question.decided().policy_result.approval_results

    assert " ".join(each.reason for each in verdicts) == told
    assert all(each.message.endswith(".") for each in verdicts)


@pytest.mark.parametrize(
    ("approvals", "recorded"),
    [
        pytest.param((an_approval(),), ["by-bob"], id="what has been given"),
        pytest.param((a_refusal(),), ["by-bob"], id="what ended it"),
        pytest.param((), [], id="nothing"),
    ],
)
def test_a_grant_tells_what_was_said(approvals, recorded) -> None:
    question = asked(*approvals, policy=guarded(of=2))

    assert [a.name for a in question.decided().policy_result.approvals] == recorded


def test_an_approval_without_its_grant() -> None:
    condition = approval_condition(without_grant(an_approval()))

    assert (condition.status, condition.reason) == (False, Reason.GRANT_NOT_FOUND)
    assert 'AccessGrant "g1"' in condition.message


def test_an_approval_that_counts() -> None:
    (told,) = asked(an_approval()).decided().policy_result.approval_results
    condition = approval_condition(told)

    assert (condition.status, condition.reason) == (True, Reason.COUNTS)


@pytest.mark.parametrize(
    ("problem", "status", "reason"),
    [
        pytest.param(None, True, Reason.IN_USE, id="one that is obeyed"),
        pytest.param("no roles", False, Reason.INVALID_POLICY, id="one that is not"),
    ],
)
def test_what_a_policy_says_of_itself(problem, status, reason) -> None:
    condition = policy_condition(problem)

    assert (condition.status, condition.reason) == (status, reason)


def test_a_refusal_names_five_approvers_and_counts_the_others() -> None:
    many = [a_user(f"u{number}") for number in range(7)]
    decision = asked(policy=guarded(*many)).decided()

    assert decision.finding is not None
    assert '"u4" or 2 others may approve' in decision.finding.message


def test_a_wait_names_three_policies_and_counts_the_others() -> None:
    decision = case(asks(), *(guarded(name=f"p{n}") for n in range(5))).decided()

    assert decision.finding is not None
    assert decision.finding.message.endswith("Other policies would do, too: 2.")


def test_the_owner_is_named_beside_the_others() -> None:
    rule = approved_by(a_user("bob"), resource_owners=True)
    owners = Owners(of_global_roles=a_group("leads"))
    decision = case(asks(), a_policy(approval=rule), owners=owners).decided()

    assert decision.finding is not None
    assert 'User "bob" or Group "leads" may approve' in decision.finding.message


@pytest.mark.parametrize(
    ("now", "recheck_at"),
    [
        pytest.param(NOON, NOON + MINUTE + SECOND, id="at the end of the time"),
        pytest.param(NOON + MINUTE + SECOND, None, id="and never again"),
    ],
)
def test_what_waits_is_asked_again(now, recheck_at) -> None:
    decision = asked(policy=guarded(timeout=MINUTE), at=now).decided()

    assert decision.recheck_at == recheck_at


def test_what_begins_later_may_time_out_before() -> None:
    grant = replace(asks("oidc:alice", subject="alice"), not_before=NOON + HOUR)
    decision = asked(policy=guarded(timeout=MINUTE), grant=grant, at=NOON).decided()

    assert decision.recheck_at == NOON + MINUTE + SECOND


def test_a_grant_has_begun_once_it_is_agreed_upon() -> None:
    waiting, agreed = asked().decided(), asked(an_approval()).decided()
    at = NOON + 2 * MINUTE

    assert not waiting.is_active(at)
    assert agreed.is_active(at)


def test_a_ceiling_of_a_policy_is_told_where_it_shortened() -> None:
    grant = asks(frozen_end=NOON + HOUR, recorded_policy="deployers", duration=HOUR)
    decision = case(grant, a_policy(max_duration=MINUTE)).decided()

    assert decision.duration_note == (
        ' It is shortened to the ceiling of AccessPolicy "deployers", of 1m.'
    )
