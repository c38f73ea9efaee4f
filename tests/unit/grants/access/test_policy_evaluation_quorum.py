"""Approvals: how many are required, by whom, and until when."""

from typing import Final

import pytest

from argogrant.grants.access.policy import Owners
from argogrant.grants.model.grant import RecordedFinding
from argogrant.grants.model.reasons import Reason
from argogrant.grants.model.window import END_OF_TIME
from support.builders import (
    HOUR,
    MINUTE,
    NOON,
    SECOND,
    Outcome,
    a_group,
    a_policy,
    a_role,
    a_user,
    an_approval,
    approval_by,
    approval_case,
    approval_policy,
    grant_by,
    policy_case,
    rows,
)

APPROVED: Final = Outcome(Reason.APPROVED_BY_REVIEWERS)
AWAITING: Final = Outcome(Reason.AWAITING_APPROVAL)
DENIED: Final = Outcome(Reason.DENIED)
AFTER: Final = NOON + 2 * MINUTE
DAY: Final = 24 * HOUR


REQUIRED_APPROVALS = {
    "no approval yet": (
        approval_case(),
        AWAITING._replace(
            message='"prod" requires 1 more approval until 2026-11-25T12:00'
        ),
    ),
    "unapproved grant has no end": (
        approval_case(),
        AWAITING._replace(end=END_OF_TIME),
    ),
    "unapproved grant has the end of expiresAt": (
        approval_case(
            grant=grant_by("oidc:alice", subject="alice", expires_at=NOON + HOUR)
        ),
        AWAITING._replace(end=NOON + HOUR),
    ),
    "one approval": (
        approval_case(an_approval()),
        APPROVED._replace(message='by "bob"'),
    ),
    "duration counts from the approval": (
        approval_case(an_approval()),
        APPROVED._replace(end=NOON + MINUTE + HOUR, policy="prod"),
    ),
    "duration counts from the last required approval": (
        approval_case(
            an_approval(),
            an_approval("eve", created_at=NOON + 3 * MINUTE),
            an_approval("zoe", created_at=NOON + 2 * MINUTE),
            policy=approval_policy(of=2),
            at=NOON + 9 * MINUTE,
        ),
        APPROVED._replace(end=NOON + 2 * MINUTE + HOUR, message='by "bob", "zoe"'),
    ),
    "one of two required approvals": (
        approval_case(an_approval(), policy=approval_policy(of=2)),
        AWAITING._replace(message="1 more approval"),
    ),
    "none of two required approvals": (
        approval_case(policy=approval_policy(of=2)),
        AWAITING._replace(message="2 more app"),
    ),
    "deleted approval": (
        approval_case(an_approval(being_deleted=True)),
        AWAITING,
    ),
    "approval deleted after the start": (
        approval_case(
            grant=grant_by("oidc:alice", subject="alice", frozen_end=NOON + HOUR)
        ),
        AWAITING._replace(end=NOON + HOUR),
    ),
    "one of two policies has its approvals": (
        policy_case(
            grant_by(),
            approval_policy(a_user("eve")),
            approval_policy(a_user("bob"), name="test"),
            approvals=(an_approval(),),
            at=AFTER,
        ),
        APPROVED._replace(policy="test"),
    ),
    "two policies await approval": (
        policy_case(
            grant_by(),
            approval_policy(a_user("eve")),
            approval_policy(a_user("bob"), name="test"),
        ),
        AWAITING._replace(message='User "eve" may approve. Or: AccessPolicy "test"'),
    ),
}

TIMEOUTS = {
    "approval in the last second": (
        approval_case(an_approval(created_at=NOON + DAY), at=NOON + DAY),
        APPROVED,
    ),
    "approval a second too late": (
        approval_case(
            an_approval(created_at=NOON + DAY + SECOND), at=NOON + DAY + SECOND
        ),
        Outcome(Reason.APPROVAL_TIMED_OUT),
    ),
    "no approval in the last second": (approval_case(at=NOON + DAY), AWAITING),
    "no approval after the last second": (
        approval_case(at=NOON + DAY + SECOND),
        Outcome(Reason.APPROVAL_TIMED_OUT, message="1 were missing at 2026-11-25T12"),
    ),
    "timeout of the policy": (
        approval_case(
            policy=approval_policy(timeout=MINUTE), at=NOON + MINUTE + SECOND
        ),
        Outcome(Reason.APPROVAL_TIMED_OUT),
    ),
    "another policy has a longer timeout": (
        policy_case(
            grant_by(),
            approval_policy(timeout=MINUTE),
            approval_policy(name="slow"),
            at=AFTER,
        ),
        AWAITING._replace(message='AccessPolicy "slow"'),
    ),
    "started grant that lost its approval has not ended": (
        approval_case(
            grant=grant_by("oidc:alice", subject="alice", frozen_end=NOON + 3 * DAY),
            at=NOON + 2 * DAY,
        ),
        AWAITING._replace(message="later approvals do not count"),
    ),
    "recorded denial is final": (
        approval_case(
            an_approval(),
            grant=grant_by(
                recorded_finding=RecordedFinding(Reason.DENIED, "Bob denied it.")
            ),
        ),
        DENIED._replace(message="Bob denied it."),
    ),
}

EVE_OF_SRE: Final = an_approval("eve", "sre")
OWNED: Final = {"integration": (a_group("platform"),), "of_projects": {}}


def owner_case(grant=None, approval=None, **owners):
    """A grant that needs the approval of an owner."""
    rule = approval_by(resource_owners=True)
    policy = a_policy(
        approval=rule, roles=(a_role("role:deployer"), a_role("deployer", "*"))
    )
    return policy_case(
        grant or grant_by(role="deployer", project="team-a"),
        policy,
        approvals=(approval or an_approval("eve", "a-leads"),),
        at=AFTER,
        owners=Owners(**{**OWNED, **owners}),
    )


APPROVERS = {
    "member of the group of approvers": (
        approval_case(EVE_OF_SRE, policy=approval_policy(a_group("sre"))),
        APPROVED,
    ),
    "user outside the group of approvers": (
        approval_case(an_approval(), policy=approval_policy(a_group("sre"))),
        AWAITING,
    ),
    "approver who was removed from the policy": (
        approval_case(an_approval("bob"), policy=approval_policy(a_user("eve"))),
        AWAITING,
    ),
    "deleted policy": (
        policy_case(
            grant_by(), approvals=(an_approval(),), requires_access_policy=True
        ),
        Outcome(Reason.NOT_ALLOWED),
    ),
    "asterisk does not match a service account": (
        approval_case(
            an_approval("system:serviceaccount:a:b"),
            policy=approval_policy(a_user("*")),
        ),
        AWAITING,
    ),
    "owner of the instance": (
        policy_case(
            grant_by(),
            a_policy(approval=approval_by(integration_owners=True)),
            approvals=(an_approval("eve", "platform"),),
            owners=Owners(integration=(a_group("platform"),)),
            at=AFTER,
        ),
        APPROVED,
    ),
    "owner of the project": (
        owner_case(of_projects={"team-a": a_group("a-leads")}),
        APPROVED,
    ),
    "owner of another project": (
        owner_case(of_projects={"team-b": a_group("a-leads")}),
        AWAITING,
    ),
    "owner of the instance if the project has its own": (
        owner_case(
            approval=an_approval("eve", "platform"),
            of_projects={"team-a": a_group("a-leads")},
        ),
        AWAITING,
    ),
    "owner of the instance if the project has none": (
        owner_case(approval=an_approval("eve", "platform")),
        APPROVED,
    ),
    "owner of the global roles": (
        owner_case(grant=grant_by(), of_global_roles=a_group("a-leads")),
        APPROVED,
    ),
    "name of an owner is not a pattern": (
        owner_case(of_projects={"team-a": a_group("*")}),
        AWAITING,
    ),
    "user as owner": (
        owner_case(approval=an_approval("bob"), of_projects={"team-a": a_user("bob")}),
        APPROVED,
    ),
    "no approver at all": (
        owner_case(integration=()),
        AWAITING._replace(message="no user may approve"),
    ),
}


@pytest.mark.parametrize(("case", "outcome"), rows(REQUIRED_APPROVALS))
def test_policy_requires_a_number_of_approvals(case, outcome) -> None:
    assert outcome.of(case.decision()) == outcome


@pytest.mark.parametrize(("case", "outcome"), rows(TIMEOUTS))
def test_approvals_must_be_in_time(case, outcome) -> None:
    assert outcome.of(case.decision()) == outcome


@pytest.mark.parametrize(("case", "outcome"), rows(APPROVERS))
def test_only_approvers_of_the_policy_count(case, outcome) -> None:
    assert outcome.of(case.decision()) == outcome
