"""What an access policy forbids, no other allows: the specification, part five."""

from typing import Final

import pytest

from argogrant.grants.access.policy import SubjectPatterns
from argogrant.grants.model.reasons import Reason
from support.builders import (
    HOUR,
    MINUTE,
    NOON,
    Outcome,
    a_denial,
    a_policy,
    a_role,
    a_user,
    an_account,
    asks,
    case,
    rows,
)

MAY: Final = Outcome(Reason.AUTO_APPROVED)
MAY_NOT: Final = Outcome(Reason.NOT_ALLOWED)
ROBOT: Final = "system:serviceaccount:argocd:robot"
FORBIDDEN = {
    "what one allows and another forbids": (
        case(asks(), a_policy(), a_denial()),
        MAY_NOT._replace(says='"never" forbids this'),
    ),
    "a policy that forbids another role": (
        case(asks(), a_policy(), a_denial(roles=(a_role("role:admin"),))),
        MAY,
    ),
    "a policy that forbids another requester": (
        case(asks(), a_policy(), a_denial(requesters=(a_user("eve"),))),
        MAY,
    ),
    "a policy that forbids another subject": (
        case(asks(), a_policy(), a_denial(subjects=SubjectPatterns(users=("eve",)))),
        MAY,
    ),
    "only policies that forbid": (case(asks(), a_denial("other", roles=())), MAY_NOT),
    "a user who calls himself a group": (
        case(
            asks(group="eve"),
            a_policy(subjects=SubjectPatterns(groups=("*",))),
            a_denial(),
        ),
        MAY_NOT,
    ),
    "a member of a group that calls itself a user": (
        case(asks(), a_policy(), a_denial(subjects=SubjectPatterns(groups=("al*",)))),
        MAY_NOT,
    ),
    "for oneself, in other letters": (
        case(
            asks(subject="ALICE"),
            a_policy(subjects=SubjectPatterns(users=("*",))),
            a_denial(subjects=SubjectPatterns(is_self=True)),
        ),
        MAY_NOT,
    ),
    "everybody is also the cluster's accounts": (
        case(
            asks(ROBOT),
            a_policy(requesters=(an_account("argocd", "robot"),)),
            a_denial(),
        ),
        MAY_NOT,
    ),
    "an emergency": (
        case(asks(break_glass=True, justification="fire"), a_policy(), a_denial()),
        MAY_NOT,
    ),
    "what runs already": (
        case(asks(frozen_end=NOON + HOUR), a_policy(), a_denial(), at=NOON + MINUTE),
        MAY_NOT,
    ),
}


@pytest.mark.parametrize(("question", "outcome"), rows(FORBIDDEN))
def test_what_is_forbidden_stays_so(question, outcome) -> None:
    assert outcome.of(question.decided()) == outcome
