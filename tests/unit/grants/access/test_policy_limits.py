"""Checks of access policies, part two: duration, justification, extensions."""

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
    approval_by,
    grant_by,
    policy_case,
    rows,
)

ALLOWED: Final = Outcome(Reason.AUTO_APPROVED)
NOT_ALLOWED: Final = Outcome(Reason.NOT_ALLOWED)
EXTENSION_REFUSED: Final = Outcome(Reason.EXTENSION_REFUSED)
KEPT: Final = Outcome(Reason.NOT_ALLOWED, is_kept=True)
"""The line stays until the end, and no new one is added."""
KEPT_EXTENSION: Final = EXTENSION_REFUSED._replace(is_kept=True)
FOUR_HOURS: Final = a_policy(max_duration=4 * HOUR)


def started_grant(**overrides):
    """A grant that started at noon under the policy ``deployers``."""
    reported = {"frozen_end": NOON + HOUR, "recorded_policy": "deployers"}
    return grant_by(**{**reported, **overrides})


DURATIONS = {
    "duration equal to the maximum": (
        policy_case(grant_by(duration=4 * HOUR), FOUR_HOURS),
        ALLOWED,
    ),
    "duration a second above the maximum": (
        policy_case(grant_by(duration=4 * HOUR + SECOND), FOUR_HOURS),
        NOT_ALLOWED,
    ),
    "message contains both durations": (
        policy_case(grant_by(duration=8 * HOUR), FOUR_HOURS),
        NOT_ALLOWED._replace(message="allows this request for at most 4h, not for 8h"),
    ),
    "expiresAt within the maximum": (
        policy_case(grant_by(expires_at=NOON + 4 * HOUR), FOUR_HOURS),
        ALLOWED,
    ),
    "expiresAt a second after the maximum": (
        policy_case(grant_by(expires_at=NOON + 4 * HOUR + SECOND), FOUR_HOURS),
        NOT_ALLOWED,
    ),
    "duration until expiresAt counts from notBefore": (
        policy_case(
            grant_by(expires_at=NOON + 5 * HOUR, not_before=NOON + HOUR), FOUR_HOURS
        ),
        Outcome(Reason.SCHEDULED),
    ),
    "grant without any end": (
        policy_case(grant_by(duration=None), FOUR_HOURS),
        NOT_ALLOWED,
    ),
    "policy without a maximum uses that of the instance": (
        policy_case(grant_by(duration=9 * HOUR), a_policy(), max_duration=3 * HOUR),
        ALLOWED._replace(end=NOON + 3 * HOUR),
    ),
    "lower maximum of the instance applies": (
        policy_case(grant_by(duration=4 * HOUR), FOUR_HOURS, max_duration=3 * HOUR),
        ALLOWED._replace(end=NOON + 3 * HOUR),
    ),
    "lowered maximum shortens the line of a started grant": (
        policy_case(
            started_grant(), a_policy(max_duration=20 * MINUTE), written_end=NOON + HOUR
        ),
        KEPT._replace(message="at most 20m, not for 1h", end=NOON + 20 * MINUTE),
    ),
    "lowered maximum keeps no line longer than it is written": (
        policy_case(
            started_grant(),
            a_policy(max_duration=20 * MINUTE),
            written_end=NOON + 10 * MINUTE,
        ),
        KEPT._replace(end=NOON + 10 * MINUTE),
    ),
    "lowered maximum can end a started grant": (
        policy_case(
            started_grant(),
            a_policy(max_duration=MINUTE),
            written_end=NOON + HOUR,
            at=NOON + MINUTE,
        ),
        Outcome(Reason.EXPIRED),
    ),
    "started grant without a line exceeds the lowered maximum": (
        policy_case(started_grant(), a_policy(max_duration=20 * MINUTE)),
        NOT_ALLOWED,
    ),
    "line of another grant does not help one that has not started": (
        policy_case(
            grant_by(), a_policy(max_duration=20 * MINUTE), written_end=NOON + HOUR
        ),
        NOT_ALLOWED,
    ),
    "started grant of another policy is not allowed": (
        policy_case(
            started_grant(recorded_policy="old"),
            a_policy(max_duration=MINUTE),
            written_end=NOON + HOUR,
        ),
        NOT_ALLOWED,
    ),
    "grant that is not allowed any more keeps its reported end": (
        policy_case(
            started_grant(), requires_access_policy=True, at=NOON + 59 * MINUTE
        ),
        NOT_ALLOWED._replace(end=NOON + HOUR),
    ),
    "grant that was never allowed expires after a day": (
        policy_case(grant_by(), requires_access_policy=True, at=NOON + 23 * HOUR),
        NOT_ALLOWED._replace(end=NOON + 24 * HOUR),
    ),
    "grant that was never allowed is expired after a day": (
        policy_case(grant_by(), requires_access_policy=True, at=NOON + 24 * HOUR),
        Outcome(Reason.EXPIRED),
    ),
}


def justification_policy(**rule):
    """A policy that requires a justification."""
    return a_policy(justification=JustificationRule(**rule))


TICKET: Final = justification_policy(pattern=r"OPS-\d+", hint="a ticket")
JUSTIFICATIONS = {
    "required justification is missing": (
        policy_case(grant_by(), justification_policy(required=True, hint="say why")),
        NOT_ALLOWED._replace(
            message='requires a justification: "say why". Set spec.just'
        ),
    ),
    "justification with only blanks": (
        policy_case(grant_by(justification=" \n"), justification_policy(required=True)),
        NOT_ALLOWED,
    ),
    "any text satisfies a required justification": (
        policy_case(grant_by(justification="x"), justification_policy(required=True)),
        ALLOWED,
    ),
    "justification that is not required": (
        policy_case(grant_by(justification="x"), a_policy()),
        ALLOWED,
    ),
    "pattern matches a part": (
        policy_case(grant_by(justification="for OPS-7"), TICKET),
        ALLOWED,
    ),
    "pattern does not match": (
        policy_case(grant_by(justification="please"), TICKET),
        NOT_ALLOWED._replace(message='+": "a ticket"'),
    ),
    "pattern does not match a missing justification": (
        policy_case(grant_by(), TICKET),
        NOT_ALLOWED,
    ),
    "pattern with exponential backtracking in other engines": (
        policy_case(
            grant_by(justification="a" * 1024 + "!"),
            justification_policy(pattern="^(a+)+$"),
        ),
        NOT_ALLOWED,
    ),
    "invalid pattern never matches": (
        policy_case(grant_by(justification="x"), justification_policy(pattern="(?=x)")),
        NOT_ALLOWED,
    ),
}

EARLIER: Final = grant_by(name="g0", uid="u0", created_at=NOON - 30 * MINUTE)
LATER: Final = grant_by(extends="g0")
STARTED_LATER: Final = grant_by(
    extends="g0", recorded_extension=1, frozen_end=NOON + HOUR
)


def extension_case(extended, until=None):
    """Grant g1 extends another grant under a policy without limits."""
    return policy_case(LATER, a_policy(), chain=(extended,), extended_until=until)


def earlier_grant(**overrides):
    """Grant g0, created before g1."""
    return grant_by(**{"name": "g0", "created_at": NOON - 30 * MINUTE, **overrides})


EXTENSIONS = {
    "extension of an active grant": (
        extension_case(earlier_grant()),
        ALLOWED._replace(end=NOON + HOUR),
    ),
    "extension of a grant that does not exist": (
        policy_case(LATER, a_policy()),
        EXTENSION_REFUSED._replace(message='"g0", but no such grant exists'),
    ),
    "the same without policies": (policy_case(LATER), EXTENSION_REFUSED),
    "started extension of a deleted grant keeps its line": (
        policy_case(STARTED_LATER, a_policy(), written_end=NOON + HOUR),
        KEPT_EXTENSION._replace(end=NOON + HOUR),
    ),
    "started extension of a deleted grant keeps its line as it is written": (
        policy_case(STARTED_LATER, a_policy(), written_end=NOON + MINUTE),
        KEPT_EXTENSION._replace(end=NOON + MINUTE),
    ),
    "the same without policies, which keeps the line": (
        policy_case(STARTED_LATER, written_end=NOON + HOUR),
        KEPT_EXTENSION,
    ),
    "started extension of a revoked grant keeps its line": (
        policy_case(
            STARTED_LATER,
            a_policy(),
            chain=(grant_by(name="g0", created_at=NOON - MINUTE, revoked=True),),
            written_end=NOON + HOUR,
        ),
        KEPT_EXTENSION,
    ),
    "started extension of a deleted grant that no policy allows any more": (
        policy_case(
            STARTED_LATER, requires_access_policy=True, written_end=NOON + HOUR
        ),
        NOT_ALLOWED,
    ),
    "started extension of a deleted grant without a line": (
        policy_case(STARTED_LATER, a_policy()),
        EXTENSION_REFUSED,
    ),
    "extension for another subject": (
        extension_case(earlier_grant(subject="bob")),
        EXTENSION_REFUSED,
    ),
    "extension for another role": (
        extension_case(earlier_grant(role="role:x")),
        EXTENSION_REFUSED,
    ),
    "extension for another instance": (
        extension_case(earlier_grant(instance="x")),
        EXTENSION_REFUSED,
    ),
    "extension of a later grant": (
        extension_case(earlier_grant(created_at=NOON + SECOND)),
        EXTENSION_REFUSED,
    ),
    "extension of an expired grant": (
        extension_case(earlier_grant(created_at=NOON - HOUR)),
        EXTENSION_REFUSED._replace(message="had already ended at 2026-11-24T12:00:00Z"),
    ),
    "extension after the reported end": (
        extension_case(earlier_grant(frozen_end=NOON)),
        EXTENSION_REFUSED,
    ),
    "extension of a grant that was approved late": (
        extension_case(earlier_grant(created_at=NOON - 9 * HOUR), until=NOON + MINUTE),
        ALLOWED,
    ),
    "extension of a grant whose status alone reports a late end": (
        extension_case(
            earlier_grant(created_at=NOON - 9 * HOUR, frozen_end=NOON + MINUTE)
        ),
        EXTENSION_REFUSED,
    ),
    "extension after the end by the approvals": (
        extension_case(earlier_grant(), until=NOON),
        EXTENSION_REFUSED,
    ),
    "extension of a revoked grant": (
        extension_case(earlier_grant(revoked=True)),
        EXTENSION_REFUSED,
    ),
    "extension where maxExtensions is 0": (
        policy_case(LATER, a_policy(max_extensions=0), chain=(EARLIER,)),
        NOT_ALLOWED._replace(message="at most 0 extensions in a row; this is ext"),
    ),
    "grant without extension where maxExtensions is 0": (
        policy_case(grant_by(), a_policy(max_extensions=0)),
        ALLOWED,
    ),
    "extension equal to maxExtensions": (
        policy_case(LATER, a_policy(max_extensions=1), chain=(EARLIER,)),
        ALLOWED,
    ),
    "recorded number of an earlier extension counts": (
        policy_case(
            LATER,
            a_policy(max_extensions=3),
            chain=(earlier_grant(extends="gone", recorded_extension=3),),
        ),
        NOT_ALLOWED._replace(message="this is extension 4"),
    ),
    "recorded number lowers no count": (
        policy_case(
            grant_by(extends="g0", recorded_extension=0),
            a_policy(max_extensions=0),
            chain=(earlier_grant(recorded_extension=0),),
        ),
        NOT_ALLOWED._replace(message="this is extension 1"),
    ),
    "grant that follows without naming the earlier one": (
        policy_case(grant_by(), a_policy(max_extensions=0), in_chain=1),
        NOT_ALLOWED._replace(message="this is extension 1"),
    ),
    "named and unnamed earlier grants are not added": (
        policy_case(LATER, a_policy(max_extensions=1), chain=(EARLIER,), in_chain=1),
        ALLOWED,
    ),
    "deleted earlier grant counts": (
        policy_case(
            LATER, a_policy(max_extensions=1), chain=(earlier_grant(extends="gone"),)
        ),
        NOT_ALLOWED._replace(message="this is extension 2"),
    ),
    "fewer active grants than maxActivePerSubject": (
        policy_case(grant_by(), a_policy(max_active_per_subject=2), active_before=1),
        ALLOWED,
    ),
    "as many active grants as maxActivePerSubject": (
        policy_case(grant_by(), a_policy(max_active_per_subject=2), active_before=2),
        NOT_ALLOWED._replace(
            message='2 grants at a time for "alice", who already has 2.'
        ),
    ),
}

EMERGENCY: Final = grant_by(break_glass=True, justification="fire")
BREAK_GLASS: Final = Outcome(Reason.BREAK_GLASS)


def break_glass_policy(**overrides):
    """A policy that requires approval, except for emergency access."""
    rule = BreakGlassRule(allowed=True)
    spec = {"approval": approval_by(a_user("bob")), "break_glass": rule}
    return a_policy(**{**spec, **overrides})


EMERGENCIES = {
    "emergency access without approval": (
        policy_case(EMERGENCY, break_glass_policy()),
        BREAK_GLASS,
    ),
    "emergency access for the maximum duration": (
        policy_case(
            grant_by(break_glass=True, justification="!", duration=HOUR),
            break_glass_policy(),
        ),
        BREAK_GLASS._replace(end=NOON + HOUR),
    ),
    "emergency access a second above the maximum": (
        policy_case(
            grant_by(break_glass=True, justification="!", duration=HOUR + SECOND),
            break_glass_policy(),
        ),
        NOT_ALLOWED._replace(message="for at most 1h"),
    ),
    "usual maximum does not apply to emergency access": (
        policy_case(EMERGENCY, break_glass_policy(max_duration=MINUTE)),
        BREAK_GLASS._replace(end=NOON + HOUR),
    ),
    "emergency access without a justification": (
        policy_case(grant_by(break_glass=True), break_glass_policy()),
        NOT_ALLOWED,
    ),
    "policy without breakGlass": (
        policy_case(EMERGENCY, a_policy()),
        NOT_ALLOWED._replace(message="but not with breakGlass"),
    ),
    "emergency access without policies": (policy_case(EMERGENCY), BREAK_GLASS),
}

LONG: Final = a_policy("long", max_duration=2 * HOUR)
SELECTED_POLICIES = {
    "message quotes the closest policy": (
        policy_case(
            grant_by(duration=9 * HOUR), LONG, a_policy("a", requesters=(a_user("x"),))
        ),
        NOT_ALLOWED._replace(message='"long" allows this request'),
    ),
    "of two equally close policies, the first by name": (
        policy_case(
            grant_by("eve"), a_policy("b", requesters=()), a_policy("a", requesters=())
        ),
        NOT_ALLOWED._replace(message='"a" allows requests by no requester'),
    ),
    "of two policies with the same end, the first by name": (
        policy_case(
            started_grant(frozen_end=None, duration=2 * HOUR), a_policy("a"), LONG
        ),
        ALLOWED._replace(policy="a", end=NOON + 2 * HOUR),
    ),
    "another policy prevents a lowered maximum from taking effect": (
        policy_case(started_grant(), a_policy(max_duration=MINUTE), LONG),
        ALLOWED._replace(policy="long", end=NOON + HOUR),
    ),
    "of two policies with the same end, the one with fewer approvals": (
        policy_case(
            grant_by(expires_at=NOON + HOUR),
            a_policy("a", approval=approval_by(a_user("*"), of=2)),
            a_policy("b", approval=approval_by(a_user("*"))),
            approvals=(an_approval("bob"), an_approval("eve")),
            at=NOON + MINUTE,
        ),
        Outcome(Reason.APPROVED_BY_REVIEWERS, policy="b", end=NOON + HOUR),
    ),
    "policy without approval is used first": (
        policy_case(
            grant_by(), a_policy("a", approval=approval_by(a_group("x"))), LONG
        ),
        ALLOWED._replace(policy="long"),
    ),
}


@pytest.mark.parametrize(("case", "outcome"), rows(DURATIONS))
def test_duration_is_limited(case, outcome) -> None:
    assert outcome.of(case.decision()) == outcome


@pytest.mark.parametrize(("case", "outcome"), rows(JUSTIFICATIONS))
def test_justification_is_checked(case, outcome) -> None:
    assert outcome.of(case.decision()) == outcome


@pytest.mark.parametrize(("case", "outcome"), rows(EXTENSIONS))
def test_extensions_and_active_grants_are_limited(case, outcome) -> None:
    assert outcome.of(case.decision()) == outcome


@pytest.mark.parametrize(("case", "outcome"), rows(EMERGENCIES))
def test_emergency_access_needs_no_approval(case, outcome) -> None:
    assert outcome.of(case.decision()) == outcome


@pytest.mark.parametrize(("case", "outcome"), rows(SELECTED_POLICIES))
def test_one_policy_is_selected(case, outcome) -> None:
    assert outcome.of(case.decision()) == outcome
