"""Results of approvals, and the conditions of approvals and policies."""

from dataclasses import replace
from typing import Final

import pytest

from argogrant.grants.access.policy import Owners
from argogrant.grants.access.policy_evaluation import without_grant
from argogrant.grants.conditions import approval_condition, policy_condition
from argogrant.grants.model.grant import RecordedFinding
from argogrant.grants.model.reasons import Reason
from support.builders import (
    HOUR,
    MINUTE,
    NOON,
    SECOND,
    a_denial,
    a_group,
    a_policy,
    a_user,
    an_approval,
    approval_by,
    approval_case,
    approval_policy,
    grant_by,
    policy_case,
)

DAY: Final = 24 * HOUR
AFTER_TIMEOUT: Final = {"created_at": NOON + DAY + SECOND}
UNTIL_ONE_O_CLOCK: Final = grant_by(expires_at=NOON + HOUR)
DENIED: Final = RecordedFinding(Reason.DENIED, "No.")
LATER: Final = {"name": "z", "created_at": NOON + 2 * MINUTE}


@pytest.mark.parametrize(
    ("case", "reasons"),
    [
        pytest.param(approval_case(an_approval()), "Counts", id="required approval"),
        pytest.param(approval_case(a_denial()), "Counts", id="denial"),
        pytest.param(
            approval_case(an_approval("eve"), an_approval(**LATER)),
            "Counts Counts",
            id="one approval more than required",
        ),
        pytest.param(
            approval_case(an_approval(), policy=approval_policy(a_user("eve"))),
            "NotEntitled",
            id="approval by a user who may not approve",
        ),
        pytest.param(
            approval_case(an_approval("alice")), "SelfApproval", id="self-approval"
        ),
        pytest.param(
            approval_case(an_approval(**AFTER_TIMEOUT), at=NOON + DAY),
            "TooLate",
            id="approval after the timeout",
        ),
        pytest.param(
            approval_case(an_approval(), an_approval("BOB", **LATER)),
            "Counts CountedAlready",
            id="second approval by the same user",
        ),
        pytest.param(
            approval_case(an_approval(grant_uid="old")),
            "AnotherGrant",
            id="approval of another grant",
        ),
        pytest.param(
            approval_case(an_approval(approver=None)),
            "ApproverUnverified",
            id="approval without an approver",
        ),
        pytest.param(
            approval_case(an_approval(), grant=grant_by(requester=None)),
            "NotEntitled",
            id="approval of a grant with an unverified requester",
        ),
        pytest.param(
            approval_case(an_approval(created_at=NOON - SECOND)),
            "ApproverUnverified",
            id="approval by an unverified approver",
        ),
        pytest.param(
            approval_case(an_approval(being_deleted=True)),
            "",
            id="approval that is being deleted",
        ),
        pytest.param(
            policy_case(grant_by(), approvals=(an_approval(),)),
            "NotNeeded",
            id="approval without policies",
        ),
        pytest.param(
            policy_case(grant_by(), a_policy(), approvals=(an_approval(),)),
            "NotNeeded",
            id="policy without approval",
        ),
        pytest.param(
            policy_case(
                UNTIL_ONE_O_CLOCK,
                a_policy(),
                approval_policy(),
                approvals=(an_approval(),),
            ),
            "NotNeeded",
            id="another policy without approval",
        ),
        pytest.param(
            policy_case(
                grant_by("eve"), a_policy(requesters=()), approvals=(an_approval(),)
            ),
            "NotEntitled",
            id="grant that no policy allows",
        ),
        pytest.param(
            policy_case(
                grant_by(), policies_are_known=False, approvals=(an_approval(),)
            ),
            "",
            id="policies not readable",
        ),
        pytest.param(
            policy_case(
                grant_by(),
                approval_policy(a_user("eve")),
                approval_policy(a_user("bob"), name="test"),
                approvals=(an_approval(),),
            ),
            "Counts",
            id="approval counts under one of two policies",
        ),
        pytest.param(
            approval_case(
                a_denial(), grant=grant_by(recorded_finding=DENIED), strip_prefix=""
            ),
            "Counts",
            id="denial that ended the grant",
        ),
    ],
)
def test_approval_result_explains_its_effect(case, reasons) -> None:
    results = case.decision().policy_result.approval_results

    assert " ".join(result.reason for result in results) == reasons
    assert all(result.message.endswith(".") for result in results)


@pytest.mark.parametrize(
    ("approvals", "reported"),
    [
        pytest.param((an_approval(),), ["by-bob"], id="approval so far"),
        pytest.param((a_denial(),), ["by-bob"], id="denial"),
        pytest.param((), [], id="no approval"),
    ],
)
def test_grant_reports_its_approvals(approvals, reported) -> None:
    case = approval_case(*approvals, policy=approval_policy(of=2))

    assert [a.name for a in case.decision().policy_result.approvals] == reported


def test_approval_without_its_grant_is_not_counted() -> None:
    condition = approval_condition(without_grant(an_approval()))

    assert (condition.status, condition.reason) == (False, Reason.GRANT_NOT_FOUND)
    assert 'AccessGrant "g1"' in condition.message


def test_approval_that_counts_is_counted() -> None:
    (result,) = approval_case(an_approval()).decision().policy_result.approval_results
    condition = approval_condition(result)

    assert (condition.status, condition.reason) == (True, Reason.COUNTS)


@pytest.mark.parametrize(
    ("problem", "status", "reason"),
    [
        pytest.param(None, True, Reason.IN_USE, id="valid policy"),
        pytest.param("no roles", False, Reason.INVALID_POLICY, id="invalid policy"),
    ],
)
def test_policy_condition_reports_validity(problem, status, reason) -> None:
    condition = policy_condition(problem)

    assert (condition.status, condition.reason) == (status, reason)


def test_message_lists_five_approvers_and_counts_the_others() -> None:
    many = [a_user(f"u{number}") for number in range(7)]
    decision = approval_case(policy=approval_policy(*many)).decision()

    assert decision.finding is not None
    assert '"u4" or 2 others may approve' in decision.finding.message


def test_message_lists_three_policies_and_counts_the_others() -> None:
    decision = policy_case(
        grant_by(), *(approval_policy(name=f"p{n}") for n in range(5))
    ).decision()

    assert decision.finding is not None
    assert decision.finding.message.endswith("Other policies that apply: 2.")


def test_message_lists_the_owner_after_the_approvers() -> None:
    rule = approval_by(a_user("bob"), resource_owners=True)
    owners = Owners(of_global_roles=a_group("leads"))
    decision = policy_case(
        grant_by(), a_policy(approval=rule), owners=owners
    ).decision()

    assert decision.finding is not None
    assert 'User "bob" or Group "leads" may approve' in decision.finding.message


@pytest.mark.parametrize(
    ("now", "recheck_at"),
    [
        pytest.param(NOON, NOON + MINUTE + SECOND, id="before the timeout"),
        pytest.param(NOON + MINUTE + SECOND, None, id="after the timeout"),
    ],
)
def test_unapproved_grant_is_rechecked_at_the_approval_timeout(now, recheck_at) -> None:
    decision = approval_case(policy=approval_policy(timeout=MINUTE), at=now).decision()

    assert decision.recheck_at == recheck_at


def test_scheduled_grant_can_time_out_before_its_start() -> None:
    grant = replace(grant_by("oidc:alice", subject="alice"), not_before=NOON + HOUR)
    decision = approval_case(
        policy=approval_policy(timeout=MINUTE), grant=grant, at=NOON
    ).decision()

    assert decision.recheck_at == NOON + MINUTE + SECOND


def test_grant_is_active_once_it_is_approved() -> None:
    waiting, approved = (
        approval_case().decision(),
        approval_case(an_approval()).decision(),
    )
    at = NOON + 2 * MINUTE

    assert not waiting.is_active(at)
    assert approved.is_active(at)


def test_note_names_the_policy_whose_maximum_shortened_a_grant() -> None:
    grant = grant_by(frozen_end=NOON + HOUR, recorded_policy="deployers", duration=HOUR)
    policy = a_policy(max_duration=MINUTE)
    decision = policy_case(grant, policy, written_end=NOON + HOUR).decision()

    assert decision.duration_note == (
        ' It is shortened to the maximum of AccessPolicy "deployers", of 1m.'
    )
