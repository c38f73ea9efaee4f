"""Whose approval does not count, and who may refuse: the specification, part four."""

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
    a_refusal,
    a_user,
    an_approval,
    asked,
    asks,
    guarded,
    rows,
)

AGREED: Final = Outcome(Reason.APPROVED_BY_REVIEWERS)
WAITS: Final = Outcome(Reason.AWAITING_APPROVAL)
DENIED: Final = Outcome(Reason.DENIED)
DAY: Final = timedelta(days=1)
SRE: Final = an_approval("eve", "sre")

SELF = {
    spelling: (asked(an_approval(name)), WAITS)
    for spelling, name in {
        "the requester himself": "oidc:alice",
        "without the prefix": "alice",
        "in capitals": "OIDC:ALICE",
        "with a blank behind": "oidc:alice ",
        "with a blank behind the prefix": "oidc: alice",
        "in full-width letters": "oidc:\uff41\uff4c\uff49\uff43\uff45",
        "with something invisible": "oidc:al\u200bice",
    }.items()
} | {
    "the subject, for whom another asks": (
        asked(
            an_approval("bob"),
            grant=asks("alice", subject="bob"),
            policy=guarded(subjects=SubjectPatterns(users=("*",))),
        ),
        WAITS,
    ),
    "a member of the group that receives it": (
        asked(
            SRE,
            grant=asks("alice", group="sre"),
            policy=guarded(subjects=SubjectPatterns(groups=("*",))),
        ),
        WAITS,
    ),
    "where the policy lets him": (
        asked(an_approval("oidc:alice"), policy=guarded(self_approval=True)),
        AGREED,
    ),
    "one person twice": (
        asked(an_approval("bob"), an_approval("oidc:Bob"), policy=guarded(of=2)),
        WAITS,
    ),
    "an approval of the grant before this one": (
        asked(an_approval(grant_uid="old")),
        WAITS,
    ),
    "an approval of another grant": (asked(an_approval(grant_name="g2")), WAITS),
    "an approval that nobody vouches for": (
        asked(an_approval(created_at=NOON - SECOND)),
        WAITS,
    ),
    "an approval that names nobody": (asked(an_approval(approver=None)), WAITS),
}

NO = {
    "one who may approve refuses": (
        asked(a_refusal(comment="Not on Friday.")),
        DENIED._replace(says='"bob" refused the grant: "Not on Friday."'),
    ),
    "without a comment": (asked(a_refusal()), DENIED._replace(says="the grant.")),
    "also after another has approved": (
        asked(an_approval("eve"), a_refusal(created_at=NOON + 9 * MINUTE)),
        DENIED,
    ),
    "also after the time for approvals": (
        asked(
            an_approval("eve"),
            a_refusal(created_at=NOON + 2 * DAY),
            grant=asks("oidc:alice", subject="alice", expires_at=NOON + 3 * DAY),
            max_duration=9 * DAY,
            at=NOON + 2 * DAY,
        ),
        DENIED,
    ),
    "oneself": (asked(a_refusal("oidc:alice")), DENIED),
    "one who may not approve": (
        asked(a_refusal("eve"), policy=guarded(a_user("bob"))),
        WAITS,
    ),
    "a refusal that was deleted": (asked(a_refusal(being_deleted=True)), WAITS),
    "a refusal that nobody vouches for": (
        asked(a_refusal(created_at=NOON - SECOND)),
        WAITS,
    ),
    "an emergency": (
        asked(
            a_refusal(),
            grant=asks(break_glass=True, justification="fire"),
            policy=guarded(break_glass=BreakGlassRule(allowed=True)),
            strip_prefix="",
        ),
        DENIED,
    ),
}


@pytest.mark.parametrize(("question", "outcome"), rows(SELF))
def test_whose_approval_does_not_count(question, outcome) -> None:
    assert outcome.of(question.decided()) == outcome


@pytest.mark.parametrize(("question", "outcome"), rows(NO))
def test_one_refusal_ends_it(question, outcome) -> None:
    assert outcome.of(question.decided()) == outcome
