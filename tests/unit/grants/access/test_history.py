"""Limits that hold across grants: chains, access ahead, and active grants."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argogrant.grants.access.history import (
    LONGEST_COUNT,
    MAX_WINDOWS_AHEAD,
    MIN_PAUSE,
    NO_EARLIER_ACCESS,
    AccessHistory,
)
from argogrant.grants.access.policy import (
    AccessPolicy,
    Approval,
    BreakGlassRule,
    JustificationRule,
    SubjectPatterns,
)
from argogrant.grants.access.policy_checks import RelatedObjects
from argogrant.grants.checks import build_input
from argogrant.grants.decide import Decision, decide
from argogrant.grants.model.grant import Grant
from argogrant.grants.model.reasons import Reason
from argogrant.grants.model.window import Window
from support.builders import (
    HOUR,
    MINUTE,
    NOON,
    SECOND,
    TRACKED,
    VERIFIED,
    a_deny_policy,
    a_policy,
    a_role,
    a_user,
    an_approval,
    an_instance,
    approval_by,
    grant_by,
)

DAY: Final = 24 * HOUR
FOUR_HOURS: Final = 4 * HOUR
ANYBODY: Final = SubjectPatterns(is_self=True, users=("*",), groups=("*",))


def policy_for_anybody(name: str = "deployers", **limits: Any) -> AccessPolicy:
    """A policy for any role, any subject and four hours, without approval."""
    defaults = {
        "subjects": ANYBODY,
        "roles": (a_role("*"),),
        "max_duration": FOUR_HOURS,
    }
    return a_policy(name, **{**defaults, **limits})


def grant(
    name: str,
    start: timedelta | None = None,
    lasts: timedelta | None = FOUR_HOURS,
    *,
    created: timedelta = timedelta(),
    by: str = "alice",
    **overrides: Any,
) -> Grant:
    """A grant for Alice; times count from noon."""
    return grant_by(
        by,
        **{
            "name": name,
            "uid": f"uid of {name}",
            "subject": "alice",
            "created_at": NOON + created,
            "not_before": None if start is None else NOON + start,
            "duration": lasts,
            **overrides,
        },
    )


def approved(name: str, at: timedelta) -> Approval:
    """An approval by Bob of the grant with this name."""
    return an_approval(
        name=f"of-{name}",
        grant_name=name,
        grant_uid=f"uid of {name}",
        created_at=NOON + at,
    )


def decide_all(
    grants: Sequence[Grant],
    *policies: AccessPolicy,
    at: datetime = NOON,
    approvals: Sequence[Approval] = (),
    **instance: Any,
) -> dict[str, Decision]:
    """Decide about grants as the planner does."""
    state = an_instance(
        **{
            "policies": policies,
            "identities": VERIFIED,
            "roles": frozenset({"role:deployer", "role:reader"}),
            **instance,
        }
    )
    history, decisions = AccessHistory(grants, state), {}
    for one in history.ordered():
        related = RelatedObjects(
            approvals=tuple(a for a in approvals if a.grant_name == one.name),
            earlier=history.before(one),
        )
        decision = decide(build_input(one, state, at, related))
        history.record(one, decision.outcome(at))
        decisions[one.name] = decision
    return decisions


def allowed(decisions: dict[str, Decision]) -> set[str]:
    """Names of the grants that policies allow."""
    return {n for n, one in decisions.items() if one.policy_result.is_approved}


@dataclass(frozen=True, kw_only=True)
class Row:
    """Grants under policies, and those that are allowed."""

    grants: tuple[Grant, ...]
    allowed: str
    policies: tuple[AccessPolicy, ...] = (policy_for_anybody(max_extensions=0),)
    approvals: tuple[Approval, ...] = ()
    at: datetime = NOON
    instance: dict[str, Any] = field(default_factory=dict)


A: Final = grant("a")
AT_THE_END: Final = grant("b", created=FOUR_HOURS)
ONE_EXTENSION: Final = (policy_for_anybody(max_extensions=1),)
UNLIMITED: Final = (policy_for_anybody(),)
WITH_APPROVAL: Final = policy_for_anybody(
    max_extensions=0, approval=approval_by(a_user("bob"))
)
WITH_EMERGENCY: Final = policy_for_anybody(
    max_extensions=0,
    break_glass=BreakGlassRule(allowed=True, max_duration=FOUR_HOURS),
)
EMERGENCY: Final = {"break_glass": True, "justification": "fire"}
CHAINS = {
    "a grant that follows at once": Row(grants=(A, AT_THE_END), allowed="a"),
    "a grant that follows at once, requested in advance": Row(
        grants=(A, grant("b", FOUR_HOURS)), allowed="a"
    ),
    "a grant after the shortest pause": Row(
        grants=(A, grant("b", created=FOUR_HOURS + MIN_PAUSE)), allowed="ab"
    ),
    "a grant a second before the end of the shortest pause": Row(
        grants=(A, grant("b", created=FOUR_HOURS + MIN_PAUSE - SECOND)), allowed="a"
    ),
    "a grant that overlaps": Row(grants=(A, grant("b", created=HOUR)), allowed="a"),
    "a grant within another one": Row(
        grants=(A, grant("b", HOUR, HOUR, created=MINUTE)), allowed="a"
    ),
    "a grant around another one": Row(
        grants=(grant("a", HOUR, HOUR), grant("b", created=MINUTE)), allowed="a"
    ),
    "a grant that ends where an earlier request begins": Row(
        grants=(grant("a", 5 * HOUR), grant("b", HOUR, created=MINUTE)), allowed="a"
    ),
    "of two requests in one second, the first by name": Row(
        grants=(grant("b"), grant("a")), allowed="a"
    ),
    "a grant of another role": Row(
        grants=(A, grant("b", created=HOUR, role="role:reader")), allowed="ab"
    ),
    "a grant for another subject": Row(
        grants=(A, grant("b", created=HOUR, subject="bob")), allowed="ab"
    ),
    "a grant for a name in other case, which Argo CD does not match": Row(
        grants=(A, grant("b", created=HOUR, subject="Alice")), allowed="ab"
    ),
    "a grant for a group of the same name, which Argo CD does match": Row(
        grants=(A, grant("b", created=HOUR, subject="x", group="alice")), allowed="a"
    ),
    "a grant that another person requested": Row(
        grants=(A, grant("b", created=FOUR_HOURS, by="carol")), allowed="a"
    ),
    "a grant that names the one it follows": Row(
        grants=(A, grant("b", created=HOUR, extends="a")), allowed="a"
    ),
    "as many grants in a row as maxExtensions allows": Row(
        grants=(A, AT_THE_END, grant("c", created=2 * FOUR_HOURS)),
        allowed="ab",
        policies=ONE_EXTENSION,
    ),
    "a grant that joins two chains": Row(
        grants=(A, grant("b", 6 * HOUR), grant("c", FOUR_HOURS, 2 * HOUR)),
        allowed="ab",
        policies=ONE_EXTENSION,
    ),
    "a grant that follows a revoked one, which ended at an unknown time": Row(
        grants=(grant("a", revoked=True), grant("b", created=HOUR)), allowed="a"
    ),
    "a grant that follows a deleted one that still exists": Row(
        grants=(grant("a", being_deleted=True), grant("b", created=HOUR)), allowed="a"
    ),
    "a grant that follows one whose status reports an early end": Row(
        grants=(grant("a", frozen_end=NOON + MINUTE), grant("b", created=HOUR)),
        allowed="a",
    ),
    "a grant that follows one whose end was moved to the past": Row(
        grants=(
            grant(
                "a",
                lasts=None,
                expires_at=NOON + MINUTE,
                frozen_end=NOON + FOUR_HOURS,
            ),
            AT_THE_END,
        ),
        allowed="a",
    ),
    "a grant that follows one whose end was moved to the past in its first second": Row(
        grants=(
            grant("a", lasts=None, expires_at=NOON - HOUR, frozen_end=NOON),
            grant("b", created=timedelta()),
        ),
        allowed="a",
    ),
    "a grant that follows one that ends before it starts": Row(
        grants=(
            grant("a", lasts=None, expires_at=NOON - HOUR),
            grant("b", created=HOUR),
        ),
        allowed="ab",
    ),
    "a grant that follows one whose status reports a denial": Row(
        grants=(
            grant("a", recorded_finding=(Reason.DENIED, "no")),
            grant("b", created=HOUR),
        ),
        allowed="b",
        policies=(policy_for_anybody(),),
    ),
    "the same where maxExtensions is 0": Row(
        grants=(
            grant("a", recorded_finding=(Reason.DENIED, "no")),
            grant("b", created=HOUR),
        ),
        allowed="",
    ),
    "a grant that follows one that has expired": Row(
        grants=(A, AT_THE_END), allowed="a", at=NOON + 5 * HOUR
    ),
    "a grant that follows a refused one": Row(
        grants=(grant("a", lasts=5 * HOUR), grant("b", created=HOUR)), allowed="b"
    ),
    "a grant that follows one that is refused because it comes from Git": Row(
        grants=(
            grant("a", mark=TRACKED),
            grant("b", created=HOUR),
        ),
        allowed="ab",
    ),
    "a grant that follows one without a valid requester": Row(
        grants=(grant("a", requester=None), grant("b", created=HOUR)), allowed="b"
    ),
    "a grant that follows a denied role": Row(
        grants=(grant("a", by="eve"), grant("b", created=HOUR)),
        allowed="b",
        policies=(
            policy_for_anybody(max_extensions=0),
            a_deny_policy(requesters=(a_user("eve"),)),
        ),
    ),
    "emergency access after other access": Row(
        grants=(A, grant("b", created=FOUR_HOURS, **EMERGENCY)),
        allowed="ab",
        policies=(WITH_EMERGENCY,),
    ),
    "emergency access after emergency access": Row(
        grants=(
            grant("a", **EMERGENCY),
            grant("b", created=FOUR_HOURS, **EMERGENCY),
        ),
        allowed="a",
        policies=(WITH_EMERGENCY,),
    ),
    "other access after emergency access": Row(
        grants=(grant("a", **EMERGENCY), AT_THE_END),
        allowed="a",
        policies=(WITH_EMERGENCY,),
    ),
    "a request that follows approved access": Row(
        grants=(A, AT_THE_END),
        allowed="a",
        policies=(WITH_APPROVAL,),
        approvals=(approved("a", MINUTE), approved("b", FOUR_HOURS + MINUTE)),
    ),
    "requests that were approved after each was made": Row(
        grants=(A, grant("b", FOUR_HOURS)),
        allowed="ab",
        policies=(WITH_APPROVAL,),
        approvals=(approved("a", MINUTE), approved("b", MINUTE)),
    ),
    "a request without approval does not count": Row(
        grants=(A, AT_THE_END),
        allowed="b",
        policies=(WITH_APPROVAL,),
        approvals=(approved("b", FOUR_HOURS + MINUTE),),
    ),
    "a late approval of an earlier request ends no later grant": Row(
        grants=(grant("a", role="role:deployer"), grant("b", created=HOUR)),
        allowed="b",
        policies=(
            policy_for_anybody(
                "x", max_extensions=0, approval=approval_by(a_user("bob"))
            ),
            policy_for_anybody(max_extensions=0, requesters=(a_user("nobody"),)),
        ),
        approvals=(approved("b", HOUR + MINUTE),),
        at=NOON + 2 * HOUR,
    ),
    "a policy without maxExtensions allows any number, one after the other": Row(
        grants=(
            A,
            AT_THE_END,
            grant("c", created=2 * FOUR_HOURS),
            grant("d", created=3 * FOUR_HOURS),
        ),
        allowed="abcd",
        policies=UNLIMITED,
    ),
    "a policy without maxExtensions allows overlapping extensions": Row(
        grants=tuple(
            grant(name, created=number * HOUR) for number, name in enumerate("abcde")
        ),
        allowed="abcde",
        policies=UNLIMITED,
    ),
    "two separate windows that are together within the maximum": Row(
        grants=(grant("a", DAY, 2 * HOUR), grant("b", 2 * DAY, 2 * HOUR)),
        allowed="ab",
    ),
    "two separate windows that are together above the maximum": Row(
        grants=(grant("a", DAY, 2 * HOUR), grant("b", 2 * DAY, 2 * HOUR + SECOND)),
        allowed="a",
    ),
    "the second window, requested when the first one has ended": Row(
        grants=(grant("a", DAY), grant("b", 2 * DAY, created=DAY + FOUR_HOURS)),
        allowed="ab",
    ),
    "a revoked window does not lie ahead": Row(
        grants=(grant("a", DAY, revoked=True), grant("b", 2 * DAY)), allowed="ab"
    ),
    "windows that different people scheduled": Row(
        grants=(grant("a", DAY), grant("b", 2 * DAY, by="carol")), allowed="ab"
    ),
    "windows that an approver has approved": Row(
        grants=(grant("a", DAY), grant("b", 2 * DAY)),
        allowed="ab",
        policies=(WITH_APPROVAL,),
        approvals=(approved("a", MINUTE), approved("b", MINUTE)),
    ),
    "a lower maximum of the instance": Row(
        grants=(grant("a", DAY, HOUR), grant("b", 2 * DAY, HOUR)),
        allowed="a",
        instance={"max_duration": HOUR},
    ),
    "a policy without maxDuration uses the maximum of the instance": Row(
        grants=(grant("a", DAY, HOUR), grant("b", 2 * DAY, HOUR)),
        allowed="a",
        policies=(policy_for_anybody(max_extensions=0, max_duration=None),),
        instance={"max_duration": HOUR},
    ),
    "the maximum of emergency access applies to emergency access ahead": Row(
        grants=(
            grant("a", DAY, HOUR, **EMERGENCY),
            grant("b", 2 * DAY, HOUR, **EMERGENCY),
        ),
        allowed="a",
        policies=(
            policy_for_anybody(
                max_extensions=0,
                approval=approval_by(a_user("bob")),
                break_glass=BreakGlassRule(allowed=True),
            ),
        ),
    ),
    "grants of an instance without policies": Row(
        grants=(A, AT_THE_END), allowed="ab", policies=()
    ),
}


@pytest.mark.parametrize("row", [pytest.param(r, id=i) for i, r in CHAINS.items()])
def test_grants_without_a_pause_are_one_chain(row: Row) -> None:
    decisions = decide_all(
        row.grants, *row.policies, at=row.at, approvals=row.approvals, **row.instance
    )

    assert allowed(decisions) == set(row.allowed)


FORTY: Final = {
    "back to back": FOUR_HOURS,
    "with a second between them": FOUR_HOURS + SECOND,
    "with the shortest pause between them": FOUR_HOURS + MIN_PAUSE,
    "on forty days": DAY,
    "all at the same time": timedelta(),
}


@pytest.mark.parametrize("step", [pytest.param(s, id=i) for i, s in FORTY.items()])
@pytest.mark.parametrize(
    ("extensions", "most"),
    [
        pytest.param(0, 1, id="without extensions"),
        pytest.param(2, 3, id="with two extensions"),
        pytest.param(None, 1, id="without a limit of extensions"),
    ],
)
def test_forty_grants_that_are_scheduled_at_once_are_bounded(
    step, extensions, most
) -> None:
    grants = [grant(f"g{number:02}", DAY + number * step) for number in range(40)]
    decisions = decide_all(grants, policy_for_anybody(max_extensions=extensions))
    access = union(
        one.policy_result.access
        for one in decisions.values()
        if one.policy_result.access is not None
    )

    assert access == (most if step else 1) * FOUR_HOURS


def test_forty_requesters_have_one_chain() -> None:
    grants = [
        grant(f"g{number:02}", number * FOUR_HOURS, by=f"user-{number}")
        for number in range(40)
    ]
    decisions = decide_all(grants, policy_for_anybody(max_extensions=0))

    assert allowed(decisions) == {f"g{number:02}" for number in range(0, 40, 2)}


def test_messages_name_the_limit_and_the_remedy() -> None:
    chain = decide_all((A, AT_THE_END), policy_for_anybody(max_extensions=0))["b"]
    ahead = decide_all(
        (grant("a", DAY), grant("b", 2 * DAY)), policy_for_anybody(max_extensions=0)
    )["b"]

    assert "at most 0 extensions in a row; this is extension 1. Grants of the" in (
        chain.policy_result.message
    )
    assert "less than 15m between them" in chain.policy_result.message
    assert 'allows "alice" to schedule 4h of this access without approval' in (
        ahead.policy_result.message
    )


def test_number_of_separate_windows_ahead_is_limited() -> None:
    grants = [
        grant(f"g{number:02}", DAY + number * HOUR, SECOND)
        for number in range(MAX_WINDOWS_AHEAD + 3)
    ]

    assert len(allowed(decide_all(grants, policy_for_anybody()))) == (
        MAX_WINDOWS_AHEAD + 1
    )


def test_counting_stops_at_the_longest_count() -> None:
    grants = [grant(f"g{number:03}", created=number * SECOND) for number in range(300)]
    rules = an_instance(policies=UNLIMITED, identities=VERIFIED)
    history = AccessHistory(grants, rules)
    for one in history.ordered():
        in_chain = history.before(one).in_chain
        window = Window(one.earliest_start, one.earliest_start + FOUR_HOURS)
        decision = decide(build_input(one, rules, NOON))
        history.record(one, decision.outcome(NOON)._replace(access=window))

    assert in_chain >= LONGEST_COUNT


def test_single_grants_have_no_earlier_access() -> None:
    """Most grants are the only one of their subject and role."""
    history = AccessHistory([A], an_instance(policies=UNLIMITED))

    assert not history.is_needed
    assert history.before(A) is NO_EARLIER_ACCESS


def test_policies_that_only_deny_need_no_history() -> None:
    history = AccessHistory([A, AT_THE_END], an_instance(policies=(a_deny_policy(),)))

    assert not history.is_needed


def union(windows) -> timedelta:
    """Time that is covered by any of the windows."""
    total, until = timedelta(), NOON - DAY
    for start, end in sorted(windows):
        total += max(end - max(start, until), timedelta())
        until = max(until, end)
    return total


requests = st.builds(
    lambda number, start, created, lasts, by: grant(
        f"g{number}",
        (start + created) * 5 * MINUTE,
        lasts * 5 * MINUTE,
        created=created * 5 * MINUTE,
        by=by,
    ),
    st.integers(0, 999),
    st.integers(0, 100),
    st.integers(0, 60),
    st.integers(1, 15),
    st.sampled_from(["alice", "carol"]),
)
request_sets = st.lists(requests, max_size=12, unique_by=lambda one: one.name)


@given(request_sets, st.integers(0, 3))
def test_no_set_of_grants_gives_longer_continuous_access_than_one_chain(
    grants, extensions
) -> None:
    policy = policy_for_anybody(max_duration=HOUR, max_extensions=extensions)
    decisions = decide_all(grants, policy)
    windows = sorted(
        one.policy_result.access
        for one in decisions.values()
        if one.policy_result.access is not None
    )
    chains: list[list[Window]] = []
    until = NOON - DAY
    for window in windows:
        if window.start - until >= MIN_PAUSE:
            chains.append([])
        chains[-1].append(window)
        until = max(until, window.end)

    assert all(union(one) <= (1 + extensions) * HOUR for one in chains)


@given(request_sets, st.none() | st.integers(0, 3))
def test_no_requester_schedules_more_ahead_than_one_chain(grants, extensions) -> None:
    policy = policy_for_anybody(max_duration=HOUR, max_extensions=extensions)
    decisions = decide_all(grants, policy)
    most = (1 + (extensions or 0)) * HOUR
    for one in grants:
        ahead = union(
            Window(max(access.start, one.created_at), access.end)
            for other in decisions.values()
            if other.grant.requester == one.requester
            and other.grant.created_at <= one.created_at
            and (access := other.policy_result.access) is not None
            and access.end > one.created_at
        )

        assert ahead <= most


@given(request_sets, request_sets, st.none() | st.integers(0, 3))
def test_requests_of_the_same_person_are_decided_in_their_order(
    grants, more, extensions
) -> None:
    """A later request changes no decision about an earlier one."""
    own = [one for one in grants if one.requester.username == "alice"]
    last = max((one.created_at for one in own), default=NOON)
    later = [
        grant(f"later-{number}", created=last - NOON + (number + 1) * MINUTE)
        for number, _ in enumerate(more)
    ]
    policy = policy_for_anybody(max_duration=HOUR, max_extensions=extensions)
    before, after = decide_all(own, policy), decide_all([*own, *later], policy)

    assert {name: after[name].policy_result for name in before} == {
        name: one.policy_result for name, one in before.items()
    }


ONE_ACTIVE: Final = policy_for_anybody(max_active_per_subject=1)
ONE_APPROVED: Final = policy_for_anybody(
    max_active_per_subject=1,
    approval=approval_by(a_user("bob")),
    break_glass=BreakGlassRule(allowed=True, max_duration=FOUR_HOURS),
)
LATER: Final = {"created": HOUR, "role": "role:reader"}
QUOTAS = {
    "a pending request of another person": Row(
        grants=(grant("a", by="intern"), grant("b", **LATER)),
        allowed="b",
        policies=(ONE_APPROVED,),
        approvals=(approved("b", HOUR + MINUTE),),
        at=NOON + 2 * HOUR,
    ),
    "a pending request of another person, before emergency access": Row(
        grants=(grant("a", by="intern"), grant("b", **LATER, **EMERGENCY)),
        allowed="b",
        policies=(ONE_APPROVED,),
    ),
    "one's own pending request": Row(
        grants=(A, grant("b", **LATER)),
        allowed="",
        policies=(ONE_APPROVED,),
        approvals=(approved("b", HOUR + MINUTE),),
    ),
    "one's own active grant": Row(
        grants=(A, grant("b", **LATER)), allowed="a", policies=(ONE_ACTIVE,)
    ),
    "one's own scheduled grant": Row(
        grants=(grant("a", DAY), grant("b", **LATER)),
        allowed="a",
        policies=(ONE_ACTIVE,),
    ),
    "one's own grant that has ended": Row(
        grants=(grant("a", lasts=HOUR), grant("b", **LATER)),
        allowed="b",
        policies=(ONE_ACTIVE,),
        at=NOON + 2 * HOUR,
    ),
    "one's own refused request": Row(
        grants=(grant("a", lasts=5 * HOUR), grant("b", **LATER)),
        allowed="b",
        policies=(ONE_ACTIVE,),
    ),
    "an active grant that another person requested": Row(
        grants=(grant("a", by="carol"), grant("b", **LATER)),
        allowed="a",
        policies=(ONE_ACTIVE,),
        at=NOON + 2 * HOUR,
    ),
    "a grant that another person scheduled, before its start": Row(
        grants=(grant("a", 2 * HOUR, by="carol"), grant("b", **LATER)),
        allowed="b",
        policies=(ONE_ACTIVE,),
        at=NOON + HOUR,
    ),
    "a grant that another person scheduled waits at its start": Row(
        grants=(grant("a", 2 * HOUR, by="carol"), grant("b", **LATER)),
        allowed="b",
        policies=(ONE_ACTIVE,),
        at=NOON + 2 * HOUR,
    ),
    "two grants that others scheduled for the same time": Row(
        grants=(
            grant("a", HOUR, by="carol"),
            grant("b", HOUR, by="dave", role="role:reader"),
        ),
        allowed="a",
        policies=(ONE_ACTIVE,),
        at=NOON + 2 * HOUR,
    ),
    "a request of another person that is approved later ends nothing": Row(
        grants=(grant("a", by="carol"), grant("b", **LATER)),
        allowed="ab",
        policies=(
            policy_for_anybody(
                max_active_per_subject=1,
                requesters=(a_user("carol"),),
                approval=approval_by(a_user("bob")),
            ),
            policy_for_anybody(
                "own", max_active_per_subject=1, requesters=(a_user("alice"),)
            ),
        ),
        approvals=(approved("a", 2 * HOUR),),
        at=NOON + 3 * HOUR,
    ),
    "emergency access besides an active grant": Row(
        grants=(A, grant("b", **LATER, **EMERGENCY)),
        allowed="ab",
        policies=(ONE_APPROVED,),
        approvals=(approved("a", MINUTE),),
    ),
    "a second emergency access": Row(
        grants=(grant("a", **EMERGENCY), grant("b", **LATER, **EMERGENCY)),
        allowed="a",
        policies=(ONE_APPROVED,),
    ),
    "a usual grant besides emergency access": Row(
        grants=(grant("a", **EMERGENCY), grant("b", **LATER)),
        allowed="ab",
        policies=(ONE_APPROVED,),
        approvals=(approved("b", HOUR + MINUTE),),
    ),
    "a group has no requests of its own": Row(
        grants=(
            grant("a", subject="x", group="on-call", by="on-callx"),
            grant("b", **LATER, subject="x", group="on-call"),
        ),
        allowed="b",
        policies=(ONE_APPROVED,),
        approvals=(approved("b", HOUR + MINUTE),),
        at=NOON + 2 * HOUR,
    ),
    "one's own request under the prefix of Kubernetes user names": Row(
        grants=(grant("a", by="oidc:alice"), grant("b", **LATER, by="oidc:alice")),
        allowed="",
        policies=(ONE_APPROVED,),
        approvals=(approved("b", HOUR + MINUTE),),
        instance={"strip_prefix": "oidc:"},
    ),
    "a user whose name lacks that prefix is another person": Row(
        grants=(grant("a"), grant("b", **LATER, by="oidc:alice")),
        allowed="b",
        policies=(ONE_APPROVED,),
        approvals=(approved("b", HOUR + MINUTE),),
        at=NOON + 2 * HOUR,
        instance={"strip_prefix": "oidc:"},
    ),
}


@pytest.mark.parametrize("row", [pytest.param(r, id=i) for i, r in QUOTAS.items()])
def test_only_active_grants_and_own_requests_use_up_the_limit(row: Row) -> None:
    decisions = decide_all(
        row.grants, *row.policies, at=row.at, approvals=row.approvals, **row.instance
    )
    ended = {name for name, one in decisions.items() if one.has_ended}

    assert allowed(decisions) - ended == set(row.allowed)


def test_chain_does_not_count_against_its_own_extension() -> None:
    grants = (A, grant("b", created=HOUR, extends="a"))
    history = AccessHistory(grants, an_instance(policies=(ONE_ACTIVE,)))
    decision = decide(
        build_input(A, an_instance(policies=(ONE_ACTIVE,), identities=VERIFIED), NOON)
    )
    history.record(A, decision.outcome(NOON))

    assert history.before(grants[1]).active == 1
    assert history.before(grants[1], chain=(A,)).active == 0


def test_justification_of_a_refused_grant_does_not_matter() -> None:
    """Only what policies allow counts, whatever the check that fails."""
    policy = policy_for_anybody(
        max_extensions=0, justification=JustificationRule(required=True)
    )
    grants = (A, grant("b", created=HOUR, justification="because"))

    assert allowed(decide_all(grants, policy)) == {"b"}
