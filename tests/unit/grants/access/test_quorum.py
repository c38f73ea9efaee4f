"""Who has to agree, and when it counts: the specification, part three."""

from typing import Final

import pytest

from argogrant.grants.access.policy import Owners
from argogrant.grants.model.grant import RecordedEnd
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
    approved_by,
    asked,
    asks,
    case,
    guarded,
    rows,
)

AGREED: Final = Outcome(Reason.APPROVED_BY_REVIEWERS)
WAITS: Final = Outcome(Reason.AWAITING_APPROVAL)
DENIED: Final = Outcome(Reason.DENIED)
AFTER: Final = NOON + 2 * MINUTE
DAY: Final = 24 * HOUR


HOW_MANY = {
    "nobody has approved": (
        asked(),
        WAITS._replace(says='"prod" asks for 1 more approval until 2026-11-25T12:00'),
    ),
    "what waits for approval has no end": (asked(), WAITS._replace(end=END_OF_TIME)),
    "but the one that it asks for": (
        asked(grant=asks("oidc:alice", subject="alice", expires_at=NOON + HOUR)),
        WAITS._replace(end=NOON + HOUR),
    ),
    "one has approved": (asked(an_approval()), AGREED._replace(says='by "bob"')),
    "time runs from the approval": (
        asked(an_approval()),
        AGREED._replace(end=NOON + MINUTE + HOUR, policy="prod"),
    ),
    "or from the one that completed the quorum": (
        asked(
            an_approval(),
            an_approval("eve", created_at=NOON + 3 * MINUTE),
            an_approval("zoe", created_at=NOON + 2 * MINUTE),
            policy=guarded(of=2),
            at=NOON + 9 * MINUTE,
        ),
        AGREED._replace(end=NOON + 2 * MINUTE + HOUR, says='by "bob", "zoe"'),
    ),
    "one of two has approved": (
        asked(an_approval(), policy=guarded(of=2)),
        WAITS._replace(says="1 more approval"),
    ),
    "none of two has": (asked(policy=guarded(of=2)), WAITS._replace(says="2 more app")),
    "an approval that was deleted": (asked(an_approval(being_deleted=True)), WAITS),
    "an approval that was deleted while it ran": (
        asked(grant=asks("oidc:alice", subject="alice", frozen_end=NOON + HOUR)),
        WAITS._replace(end=NOON + HOUR),
    ),
    "one policy of two is satisfied": (
        case(
            asks(),
            guarded(a_user("eve")),
            guarded(a_user("bob"), name="test"),
            approvals=(an_approval(),),
            at=AFTER,
        ),
        AGREED._replace(policy="test"),
    ),
    "two policies wait": (
        case(asks(), guarded(a_user("eve")), guarded(a_user("bob"), name="test")),
        WAITS._replace(says='User "eve" may approve. Or: AccessPolicy "test"'),
    ),
}

IN_TIME = {
    "an approval of the last second": (
        asked(an_approval(created_at=NOON + DAY), at=NOON + DAY),
        AGREED,
    ),
    "an approval a second later": (
        asked(an_approval(created_at=NOON + DAY + SECOND), at=NOON + DAY + SECOND),
        Outcome(Reason.APPROVAL_TIMED_OUT),
    ),
    "nobody in the last second": (asked(at=NOON + DAY), WAITS),
    "nobody a second later": (
        asked(at=NOON + DAY + SECOND),
        Outcome(Reason.APPROVAL_TIMED_OUT, says="1 were missing at 2026-11-25T12"),
    ),
    "the time that the policy gives": (
        asked(policy=guarded(timeout=MINUTE), at=NOON + MINUTE + SECOND),
        Outcome(Reason.APPROVAL_TIMED_OUT),
    ),
    "one policy gives more time": (
        case(asks(), guarded(timeout=MINUTE), guarded(name="slow"), at=AFTER),
        WAITS._replace(says='AccessPolicy "slow"'),
    ),
    "what ran and lost its approval is not over": (
        asked(
            grant=asks("oidc:alice", subject="alice", frozen_end=NOON + 3 * DAY),
            at=NOON + 2 * DAY,
        ),
        WAITS._replace(says="later ones do not count"),
    ),
    "what was refused once stays so": (
        asked(
            an_approval(),
            grant=asks(recorded_end=RecordedEnd(Reason.DENIED, "Bob refused.")),
        ),
        DENIED._replace(says="Bob refused."),
    ),
}

SRE: Final = an_approval("eve", "sre")
OWNED: Final = {"integration": (a_group("platform"),), "of_projects": {}}


def owned(grant=None, approval=None, **owners):
    """A grant that owners approve."""
    rule = approved_by(resource_owners=True)
    policy = a_policy(
        approval=rule, roles=(a_role("role:deployer"), a_role("deployer", "*"))
    )
    return case(
        grant or asks(role="deployer", project="team-a"),
        policy,
        approvals=(approval or an_approval("eve", "a-leads"),),
        at=AFTER,
        owners=Owners(**{**OWNED, **owners}),
    )


BY_WHOM = {
    "a member of the group": (asked(SRE, policy=guarded(a_group("sre"))), AGREED),
    "no member of it": (asked(an_approval(), policy=guarded(a_group("sre"))), WAITS),
    "an approver who was taken off the list": (
        asked(an_approval("bob"), policy=guarded(a_user("eve"))),
        WAITS,
    ),
    "a policy that is gone": (
        case(asks(), approvals=(an_approval(),), requires_access_policy=True),
        Outcome(Reason.NOT_ALLOWED),
    ),
    "everybody is no account of the cluster": (
        asked(an_approval("system:serviceaccount:a:b"), policy=guarded(a_user("*"))),
        WAITS,
    ),
    "an owner of the integration": (
        case(
            asks(),
            a_policy(approval=approved_by(integration_owners=True)),
            approvals=(an_approval("eve", "platform"),),
            owners=Owners(integration=(a_group("platform"),)),
            at=AFTER,
        ),
        AGREED,
    ),
    "the owner of the project": (
        owned(of_projects={"team-a": a_group("a-leads")}),
        AGREED,
    ),
    "the owner of another project": (
        owned(of_projects={"team-b": a_group("a-leads")}),
        WAITS,
    ),
    "the integration's owner where the project has one": (
        owned(
            approval=an_approval("eve", "platform"),
            of_projects={"team-a": a_group("a-leads")},
        ),
        WAITS,
    ),
    "the integration's owner where the project has none": (
        owned(approval=an_approval("eve", "platform")),
        AGREED,
    ),
    "the owner of the global roles": (
        owned(grant=asks(), of_global_roles=a_group("a-leads")),
        AGREED,
    ),
    "an owner is no pattern": (owned(of_projects={"team-a": a_group("*")}), WAITS),
    "an owner who is a user": (
        owned(approval=an_approval("bob"), of_projects={"team-a": a_user("bob")}),
        AGREED,
    ),
    "nobody may approve": (
        owned(integration=()),
        WAITS._replace(says="nobody may approve"),
    ),
}


@pytest.mark.parametrize(("question", "outcome"), rows(HOW_MANY))
def test_how_many_have_to_agree(question, outcome) -> None:
    assert outcome.of(question.decided()) == outcome


@pytest.mark.parametrize(("question", "outcome"), rows(IN_TIME))
def test_until_when_they_may(question, outcome) -> None:
    assert outcome.of(question.decided()) == outcome


@pytest.mark.parametrize(("question", "outcome"), rows(BY_WHOM))
def test_who_may_approve(question, outcome) -> None:
    assert outcome.of(question.decided()) == outcome
