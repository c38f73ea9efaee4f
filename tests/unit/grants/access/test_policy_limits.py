"""How long, why, how often and which policy: the specification, part two."""

from typing import Final

import pytest

from argogrant.grants.access.policy import (
    BreakGlassRule,
    JustificationRule,
)
from argogrant.grants.model.reasons import Reason
from support.builders import (
    HOUR,
    MINUTE,
    NOON,
    SECOND,
    Outcome,
    a_group,
    a_policy,
    a_user,
    an_approval,
    approved_by,
    asks,
    case,
    rows,
)

MAY: Final = Outcome(Reason.AUTO_APPROVED)
MAY_NOT: Final = Outcome(Reason.NOT_ALLOWED)
CANNOT_GO_ON: Final = Outcome(Reason.EXTENSION_REFUSED)
FOUR: Final = a_policy(max_duration=4 * HOUR)


def running(**overrides):
    """A grant that began at noon under the policy ``deployers``."""
    promised = {"frozen_end": NOON + HOUR, "recorded_policy": "deployers"}
    return asks(**{**promised, **overrides})


HOW_LONG = {
    "as long as the ceiling": (case(asks(duration=4 * HOUR), FOUR), MAY),
    "a second longer": (case(asks(duration=4 * HOUR + SECOND), FOUR), MAY_NOT),
    "the refusal says how long it may be": (
        case(asks(duration=8 * HOUR), FOUR),
        MAY_NOT._replace(says="would allow this for at most 4h; you asked for 8h"),
    ),
    "until an end within the ceiling": (
        case(asks(expires_at=NOON + 4 * HOUR), FOUR),
        MAY,
    ),
    "until an end a second later": (
        case(asks(expires_at=NOON + 4 * HOUR + SECOND), FOUR),
        MAY_NOT,
    ),
    "an end counts from notBefore": (
        case(asks(expires_at=NOON + 5 * HOUR, not_before=NOON + HOUR), FOUR),
        Outcome(Reason.SCHEDULED),
    ),
    "no end at all": (case(asks(duration=None), FOUR), MAY_NOT),
    "a policy without a ceiling has the instance's": (
        case(asks(duration=9 * HOUR), a_policy(), max_duration=3 * HOUR),
        MAY._replace(end=NOON + 3 * HOUR),
    ),
    "the instance's ceiling below the policy's": (
        case(asks(duration=4 * HOUR), FOUR, max_duration=3 * HOUR),
        MAY._replace(end=NOON + 3 * HOUR),
    ),
    "a lowered ceiling shortens what runs": (
        case(running(), a_policy(max_duration=20 * MINUTE)),
        MAY._replace(end=NOON + 20 * MINUTE),
    ),
    "or ends it": (
        case(running(), a_policy(max_duration=MINUTE), at=NOON + MINUTE),
        Outcome(Reason.EXPIRED),
    ),
    "what runs under another policy is refused": (
        case(running(recorded_policy="old"), a_policy(max_duration=MINUTE)),
        MAY_NOT,
    ),
    "what is refused later keeps its promised end": (
        case(running(), requires_access_policy=True, at=NOON + 59 * MINUTE),
        MAY_NOT._replace(end=NOON + HOUR),
    ),
    "what is refused from the first has a day for it": (
        case(asks(), requires_access_policy=True, at=NOON + 23 * HOUR),
        MAY_NOT._replace(end=NOON + 24 * HOUR),
    ),
    "and no longer": (
        case(asks(), requires_access_policy=True, at=NOON + 24 * HOUR),
        Outcome(Reason.EXPIRED),
    ),
}


def wants(**rule):
    """A policy that wants a justification."""
    return a_policy(justification=JustificationRule(**rule))


TICKET: Final = wants(pattern=r"OPS-\d+", hint="a ticket")
WHY = {
    "a justification that is wanted and missing": (
        case(asks(), wants(required=True, hint="say why")),
        MAY_NOT._replace(says='wants a justification: "say why". Write spec.just'),
    ),
    "blanks": (case(asks(justification=" \n"), wants(required=True)), MAY_NOT),
    "any text": (case(asks(justification="x"), wants(required=True)), MAY),
    "one that nobody wants": (case(asks(justification="x"), a_policy()), MAY),
    "a pattern that is found": (case(asks(justification="for OPS-7"), TICKET), MAY),
    "a pattern that is not found": (
        case(asks(justification="please"), TICKET),
        MAY_NOT._replace(says='is found: "a ticket"'),
    ),
    "a pattern in no text": (case(asks(), TICKET), MAY_NOT),
    "a pattern that would stall other engines": (
        case(asks(justification="a" * 1024 + "!"), wants(pattern="^(a+)+$")),
        MAY_NOT,
    ),
    "what is no pattern is never found": (
        case(asks(justification="x"), wants(pattern="(?=x)")),
        MAY_NOT,
    ),
}

EARLIER: Final = asks(name="g0", uid="u0", created_at=NOON - 30 * MINUTE)
LATER: Final = asks(extends="g0")


def goes_on(from_, **overrides):
    """The grant g1, which continues another, where policies want nothing."""
    return case(asks(extends="g0", **overrides), a_policy(), chain=(from_,))


def earlier(**overrides):
    """The grant g0, which is there before g1."""
    return asks(**{"name": "g0", "created_at": NOON - 30 * MINUTE, **overrides})


HOW_OFTEN = {
    "an extension": (goes_on(earlier()), MAY._replace(end=NOON + HOUR)),
    "an extension of nothing": (
        case(LATER, a_policy()),
        CANNOT_GO_ON._replace(says='"g0", but there is no such grant'),
    ),
    "an extension of nothing without policies": (case(LATER), CANNOT_GO_ON),
    "an extension that has begun": (
        case(asks(extends="g0", recorded_extension=1), a_policy()),
        MAY,
    ),
    "of another subject": (goes_on(earlier(subject="bob")), CANNOT_GO_ON),
    "of another role": (goes_on(earlier(role="role:x")), CANNOT_GO_ON),
    "of another instance": (goes_on(earlier(instance="x")), CANNOT_GO_ON),
    "of a later grant": (goes_on(earlier(created_at=NOON + SECOND)), CANNOT_GO_ON),
    "of one that had ended": (
        goes_on(earlier(created_at=NOON - HOUR)),
        CANNOT_GO_ON._replace(says="had ended at 2026-11-24T12:00:00Z already"),
    ),
    "of one that had ended as promised": (
        goes_on(earlier(frozen_end=NOON)),
        CANNOT_GO_ON,
    ),
    "of one that began late, with its approval": (
        goes_on(earlier(created_at=NOON - 9 * HOUR, frozen_end=NOON + MINUTE)),
        MAY,
    ),
    "of one that was revoked": (goes_on(earlier(revoked=True)), CANNOT_GO_ON),
    "where no extension is allowed": (
        case(LATER, a_policy(max_extensions=0), chain=(EARLIER,)),
        MAY_NOT._replace(says="at most 0 extensions after each other; this is ext"),
    ),
    "no extension where none is allowed": (
        case(asks(), a_policy(max_extensions=0)),
        MAY,
    ),
    "as often as is allowed": (
        case(LATER, a_policy(max_extensions=1), chain=(EARLIER,)),
        MAY,
    ),
    "what an earlier one recorded counts": (
        case(
            LATER,
            a_policy(max_extensions=3),
            chain=(earlier(extends="gone", recorded_extension=3),),
        ),
        MAY_NOT._replace(says="this is extension 4"),
    ),
    "an earlier one that is gone counts": (
        case(LATER, a_policy(max_extensions=1), chain=(earlier(extends="gone"),)),
        MAY_NOT._replace(says="this is extension 2"),
    ),
    "fewer at a time than is allowed": (
        case(asks(), a_policy(max_active_per_subject=2), active_before=1),
        MAY,
    ),
    "more at a time than is allowed": (
        case(asks(), a_policy(max_active_per_subject=2), active_before=2),
        MAY_NOT._replace(says='2 grants at a time for "alice", who has 2 older ones'),
    ),
}

FIRE: Final = asks(break_glass=True, justification="fire")
BROKEN: Final = Outcome(Reason.BREAK_GLASS)


def for_emergencies(**overrides):
    """A policy that wants approval, but not in an emergency."""
    rule = BreakGlassRule(allowed=True)
    wants_approval = {"approval": approved_by(a_user("bob")), "break_glass": rule}
    return a_policy(**{**wants_approval, **overrides})


EMERGENCY = {
    "nobody has to approve": (case(FIRE, for_emergencies()), BROKEN),
    "it is as short as the policy says": (
        case(
            asks(break_glass=True, justification="!", duration=HOUR), for_emergencies()
        ),
        BROKEN._replace(end=NOON + HOUR),
    ),
    "longer is refused": (
        case(
            asks(break_glass=True, justification="!", duration=HOUR + SECOND),
            for_emergencies(),
        ),
        MAY_NOT._replace(says="for at most 1h"),
    ),
    "its ceiling is not the usual one": (
        case(FIRE, for_emergencies(max_duration=MINUTE)),
        BROKEN._replace(end=NOON + HOUR),
    ),
    "without a justification": (
        case(asks(break_glass=True), for_emergencies()),
        MAY_NOT,
    ),
    "a policy that knows none": (
        case(FIRE, a_policy()),
        MAY_NOT._replace(says="but not as breakGlass"),
    ),
    "without policies it is shown": (case(FIRE), BROKEN),
}

LONG: Final = a_policy("long", max_duration=2 * HOUR)
WHICH = {
    "the policy that would have to give way least is quoted": (
        case(asks(duration=9 * HOUR), LONG, a_policy("a", requesters=(a_user("x"),))),
        MAY_NOT._replace(says='"long" would allow'),
    ),
    "of two that are as near, the first by name": (
        case(asks("eve"), a_policy("b", requesters=()), a_policy("a", requesters=())),
        MAY_NOT._replace(says='"a" lets'),
    ),
    "of two that give as much time, the first by name": (
        case(running(frozen_end=None, duration=2 * HOUR), a_policy("a"), LONG),
        MAY._replace(policy="a", end=NOON + 2 * HOUR),
    ),
    "a lowered ceiling does no harm where another policy admits": (
        case(running(), a_policy(max_duration=MINUTE), LONG),
        MAY._replace(policy="long", end=NOON + HOUR),
    ),
    "of two that give as much time, the one that wants fewer approvals": (
        case(
            asks(expires_at=NOON + HOUR),
            a_policy("a", approval=approved_by(a_user("*"), of=2)),
            a_policy("b", approval=approved_by(a_user("*"))),
            approvals=(an_approval("bob"), an_approval("eve")),
            at=NOON + MINUTE,
        ),
        Outcome(Reason.APPROVED_BY_REVIEWERS, policy="b", end=NOON + HOUR),
    ),
    "the one that needs no approval admits": (
        case(asks(), a_policy("a", approval=approved_by(a_group("x"))), LONG),
        MAY._replace(policy="long"),
    ),
}


@pytest.mark.parametrize(("question", "outcome"), rows(HOW_LONG))
def test_how_long_it_may_last(question, outcome) -> None:
    assert outcome.of(question.decided()) == outcome


@pytest.mark.parametrize(("question", "outcome"), rows(WHY))
def test_why_it_is_wanted(question, outcome) -> None:
    assert outcome.of(question.decided()) == outcome


@pytest.mark.parametrize(("question", "outcome"), rows(HOW_OFTEN))
def test_how_often_it_may_be_had(question, outcome) -> None:
    assert outcome.of(question.decided()) == outcome


@pytest.mark.parametrize(("question", "outcome"), rows(EMERGENCY))
def test_what_an_emergency_changes(question, outcome) -> None:
    assert outcome.of(question.decided()) == outcome


@pytest.mark.parametrize(("question", "outcome"), rows(WHICH))
def test_which_policy_answers(question, outcome) -> None:
    assert outcome.of(question.decided()) == outcome
