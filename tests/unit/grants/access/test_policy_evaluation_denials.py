"""Deny policies: no other policy allows what they deny."""

from typing import Final

import pytest

from argogrant.grants.access.policy import SubjectPatterns
from argogrant.grants.model.reasons import Reason
from support.builders import (
    HOUR,
    MINUTE,
    NOON,
    Outcome,
    a_deny_policy,
    a_policy,
    a_role,
    a_user,
    an_account,
    grant_by,
    policy_case,
    rows,
)

ALLOWED: Final = Outcome(Reason.AUTO_APPROVED)
NOT_ALLOWED: Final = Outcome(Reason.NOT_ALLOWED)
ROBOT: Final = "system:serviceaccount:argocd:robot"
DENIED = {
    "one policy allows and another denies": (
        policy_case(grant_by(), a_policy(), a_deny_policy()),
        NOT_ALLOWED._replace(message='"never" denies this grant'),
    ),
    "deny policy for another role": (
        policy_case(
            grant_by(), a_policy(), a_deny_policy(roles=(a_role("role:admin"),))
        ),
        ALLOWED,
    ),
    "deny policy for another requester": (
        policy_case(grant_by(), a_policy(), a_deny_policy(requesters=(a_user("eve"),))),
        ALLOWED,
    ),
    "deny policy for another subject": (
        policy_case(
            grant_by(),
            a_policy(),
            a_deny_policy(subjects=SubjectPatterns(users=("eve",))),
        ),
        ALLOWED,
    ),
    "only deny policies": (
        policy_case(grant_by(), a_deny_policy("other", roles=())),
        NOT_ALLOWED,
    ),
    "deny policy for users also matches a group of the same name": (
        policy_case(
            grant_by(group="eve"),
            a_policy(subjects=SubjectPatterns(groups=("*",))),
            a_deny_policy(),
        ),
        NOT_ALLOWED,
    ),
    "deny policy for groups also matches a user of the same name": (
        policy_case(
            grant_by(),
            a_policy(),
            a_deny_policy(subjects=SubjectPatterns(groups=("al*",))),
        ),
        NOT_ALLOWED,
    ),
    "self in a deny policy matches every spelling": (
        policy_case(
            grant_by(subject="ALICE"),
            a_policy(subjects=SubjectPatterns(users=("*",))),
            a_deny_policy(subjects=SubjectPatterns(is_self=True)),
        ),
        NOT_ALLOWED,
    ),
    "asterisk in a deny policy matches service accounts": (
        policy_case(
            grant_by(ROBOT, expires_at=NOON + HOUR),
            a_policy(requesters=(an_account("argocd", "robot"),)),
            a_deny_policy(),
        ),
        NOT_ALLOWED,
    ),
    "emergency access": (
        policy_case(
            grant_by(break_glass=True, justification="fire"),
            a_policy(),
            a_deny_policy(),
        ),
        NOT_ALLOWED,
    ),
    "started grant": (
        policy_case(
            grant_by(frozen_end=NOON + HOUR),
            a_policy(),
            a_deny_policy(),
            at=NOON + MINUTE,
        ),
        NOT_ALLOWED,
    ),
}


@pytest.mark.parametrize(("case", "outcome"), rows(DENIED))
def test_deny_policy_overrides_allow_policies(case, outcome) -> None:
    assert outcome.of(case.decision()) == outcome
