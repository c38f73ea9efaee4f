"""What a user may request and approve."""

from datetime import timedelta

import pytest

from argogrant.grants.access.entitlement import Offer, counts_from, offer_of
from argogrant.grants.access.policy import (
    AccessRules,
    JustificationRule,
    Owners,
    SubjectPatterns,
)
from argogrant.grants.model.grant import RoleRef, Subject, SubjectKind
from support.builders import (
    HOUR,
    NOON,
    a_deny_policy,
    a_group,
    a_policy,
    a_role,
    a_user,
    an_identity,
    approval_by,
    grant_by,
)

DEPLOYER = RoleRef(name="role:deployer", project=None)
ALICE = Subject(kind=SubjectKind.USER, name="alice")
DAY = timedelta(hours=24)


def rules(*policies, **others) -> AccessRules:
    return AccessRules(policies=policies, **others)


def by(*approvers, **rule):
    return a_policy(approval=approval_by(*approvers, **rule))


@pytest.mark.parametrize(
    ("approver", "policies", "counts"),
    [
        pytest.param(an_identity("bob"), [by(a_user("bob"))], True, id="by name"),
        pytest.param(
            an_identity("bob", "sre"), [by(a_group("sre"))], True, id="by a group"
        ),
        pytest.param(
            an_identity("bob"),
            [by(a_group("sre")), by(a_user("bob"))],
            True,
            id="under the second policy",
        ),
        pytest.param(
            an_identity("bob"), [by(a_user("carol"))], False, id="another approver"
        ),
        pytest.param(
            an_identity("alice"), [by(a_user("alice"))], False, id="the requester"
        ),
        pytest.param(
            an_identity("alice"),
            [by(a_user("alice"), self_approval=True)],
            True,
            id="the requester, if the policy lets them",
        ),
        pytest.param(
            an_identity("bob"),
            [by(a_user("bob"), timeout=timedelta(minutes=1))],
            False,
            id="too late",
        ),
        pytest.param(
            an_identity("bob"), [a_policy()], False, id="no approval is required"
        ),
        pytest.param(
            an_identity("bob"),
            [by(a_user("bob")), a_deny_policy()],
            False,
            id="a policy denies the grant",
        ),
        pytest.param(
            an_identity("bob"),
            [a_policy(roles=(a_role("other"),), approval=approval_by(a_user("bob")))],
            False,
            id="a policy for another role",
        ),
        pytest.param(an_identity("bob"), [], False, id="no policy"),
    ],
)
def test_approval_counts_if_the_operator_would_count_it(
    approver, policies, counts
) -> None:
    assert (
        counts_from(grant_by("alice"), approver, rules(*policies), NOON + 2 * HOUR / 60)
        is counts
    )


def test_grant_without_a_requester_awaits_nobody() -> None:
    grant = grant_by("alice", requester=None)

    assert not counts_from(grant, an_identity("bob"), rules(by(a_user("bob"))), NOON)


@pytest.mark.parametrize(
    ("policies", "offer"),
    [
        pytest.param([], Offer(DEPLOYER, DAY), id="without policies, every role"),
        pytest.param([a_policy()], Offer(DEPLOYER, DAY), id="a policy without limits"),
        pytest.param(
            [a_policy(max_duration=HOUR)],
            Offer(DEPLOYER, HOUR),
            id="the policy's limit",
        ),
        pytest.param(
            [a_policy(max_duration=3 * DAY)],
            Offer(DEPLOYER, DAY),
            id="the instance's limit, if it is lower",
        ),
        pytest.param(
            [by(a_group("sre"), a_user("bob"))],
            Offer(DEPLOYER, DAY, 'Group "sre" or User "bob"'),
            id="with approval",
        ),
        pytest.param(
            [by(a_user("bob")), a_policy(max_duration=HOUR)],
            Offer(DEPLOYER, HOUR),
            id="without approval rather than for longer",
        ),
        pytest.param(
            [a_policy("a", max_duration=HOUR), a_policy("b", max_duration=2 * HOUR)],
            Offer(DEPLOYER, 2 * HOUR),
            id="the longest of several",
        ),
        pytest.param(
            [a_policy(justification=JustificationRule(hint="a ticket"))],
            Offer(DEPLOYER, DAY, justification_hint="a ticket"),
            id="what the justification must contain",
        ),
        pytest.param(
            [a_policy(roles=(a_role("*", "team-a"),))], None, id="another role"
        ),
        pytest.param(
            [a_policy(requesters=(a_user("bob"),))], None, id="another requester"
        ),
        pytest.param(
            [a_policy(subjects=SubjectPatterns(groups=("*",)))],
            None,
            id="another subject",
        ),
        pytest.param([a_policy(), a_deny_policy()], None, id="a policy denies it"),
        pytest.param(
            [a_policy(), a_deny_policy(requesters=(a_user("bob"),))],
            Offer(DEPLOYER, DAY),
            id="a policy denies it to another requester",
        ),
    ],
)
def test_role_is_offered_as_the_policies_allow_it(policies, offer) -> None:
    found = offer_of(DEPLOYER, ALICE, an_identity("alice"), rules(*policies), NOON)

    assert found == offer


def test_no_role_is_offered_if_a_policy_is_required_and_there_is_none() -> None:
    required = rules(requires_access_policy=True)

    assert offer_of(DEPLOYER, ALICE, an_identity("alice"), required, NOON) is None


def test_owner_approves_the_roles_of_the_project() -> None:
    role = RoleRef(name="deployer", project="team-a")
    policy = a_policy(
        roles=(a_role("*", "*"),), approval=approval_by(resource_owners=True)
    )
    found = offer_of(
        role,
        ALICE,
        an_identity("alice"),
        rules(policy, owners=Owners(of_projects={"team-a": a_group("team-a-leads")})),
        NOON,
    )

    assert found == Offer(role, DAY, 'Group "team-a-leads"')
