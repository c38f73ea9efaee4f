"""Approvals that never count, and denials."""

from datetime import timedelta
from typing import Final

import pytest

from argogrant.grants.access.policy import BreakGlassRule, SubjectPatterns
from argogrant.grants.model.reasons import Reason
from support.builders import (
    MINUTE,
    NOON,
    SECOND,
    Outcome,
    a_denial,
    a_user,
    an_approval,
    approval_case,
    approval_policy,
    grant_by,
    rows,
)

APPROVED: Final = Outcome(Reason.APPROVED_BY_REVIEWERS)
AWAITING: Final = Outcome(Reason.AWAITING_APPROVAL)
DENIED: Final = Outcome(Reason.DENIED)
DAY: Final = timedelta(days=1)
EVE_OF_SRE: Final = an_approval("eve", "sre")

SELF_APPROVALS = {
    spelling: (approval_case(an_approval(name)), AWAITING)
    for spelling, name in {
        "the requester": "oidc:alice",
        "the requester without the prefix": "alice",
        "the requester in capitals": "OIDC:ALICE",
        "the requester with a trailing blank": "oidc:alice ",
        "the requester with a blank after the prefix": "oidc: alice",
        "the requester in full-width letters": "oidc:\uff41\uff4c\uff49\uff43\uff45",
        "the requester with an invisible character": "oidc:al\u200bice",
    }.items()
} | {
    "the subject of another user's request": (
        approval_case(
            an_approval("bob"),
            grant=grant_by("alice", subject="bob"),
            policy=approval_policy(subjects=SubjectPatterns(users=("*",))),
        ),
        AWAITING,
    ),
    "a member of the group that is the subject": (
        approval_case(
            EVE_OF_SRE,
            grant=grant_by("alice", group="sre"),
            policy=approval_policy(subjects=SubjectPatterns(groups=("*",))),
        ),
        AWAITING,
    ),
    "the requester if the policy allows self-approval": (
        approval_case(
            an_approval("oidc:alice"), policy=approval_policy(self_approval=True)
        ),
        APPROVED,
    ),
    "one approver in two spellings": (
        approval_case(
            an_approval("bob"), an_approval("oidc:Bob"), policy=approval_policy(of=2)
        ),
        AWAITING,
    ),
    "approval of a former grant of the same name": (
        approval_case(an_approval(grant_uid="old")),
        AWAITING,
    ),
    "approval of another grant": (
        approval_case(an_approval(grant_name="g2")),
        AWAITING,
    ),
    "approval by an unverified approver": (
        approval_case(an_approval(created_at=NOON - SECOND)),
        AWAITING,
    ),
    "approval without an approver": (
        approval_case(an_approval(approver=None)),
        AWAITING,
    ),
}

DENIALS = {
    "denial by an approver": (
        approval_case(a_denial(comment="Not on Friday.")),
        DENIED._replace(message='"bob" denied the grant: "Not on Friday."'),
    ),
    "denial without a comment": (
        approval_case(a_denial()),
        DENIED._replace(message="the grant."),
    ),
    "denial after an approval": (
        approval_case(an_approval("eve"), a_denial(created_at=NOON + 9 * MINUTE)),
        DENIED,
    ),
    "denial after the approval timeout": (
        approval_case(
            an_approval("eve"),
            a_denial(created_at=NOON + 2 * DAY),
            grant=grant_by("oidc:alice", subject="alice", expires_at=NOON + 3 * DAY),
            max_duration=9 * DAY,
            at=NOON + 2 * DAY,
        ),
        DENIED,
    ),
    "denial by the requester": (approval_case(a_denial("oidc:alice")), DENIED),
    "denial by a user who may not approve": (
        approval_case(a_denial("eve"), policy=approval_policy(a_user("bob"))),
        AWAITING,
    ),
    "deleted denial": (approval_case(a_denial(being_deleted=True)), AWAITING),
    "denial by an unverified approver": (
        approval_case(a_denial(created_at=NOON - SECOND)),
        AWAITING,
    ),
    "denial of emergency access": (
        approval_case(
            a_denial(),
            grant=grant_by(break_glass=True, justification="fire"),
            policy=approval_policy(break_glass=BreakGlassRule(allowed=True)),
            strip_prefix="",
        ),
        DENIED,
    ),
}


@pytest.mark.parametrize(("case", "outcome"), rows(SELF_APPROVALS))
def test_self_approval_does_not_count(case, outcome) -> None:
    assert outcome.of(case.decision()) == outcome


@pytest.mark.parametrize(("case", "outcome"), rows(DENIALS))
def test_one_denial_ends_a_grant(case, outcome) -> None:
    assert outcome.of(case.decision()) == outcome
