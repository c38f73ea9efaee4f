"""Properties of access policies and approvals, with random policies."""

import unicodedata
from dataclasses import replace
from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from argogrant.grants.access.evaluation import NO_POLICY
from argogrant.grants.access.policy import BreakGlassRule, Effect, SubjectPatterns
from argogrant.grants.decide import Decision, DesiredBinding
from argogrant.grants.model.identity import is_same_user, normalized_user
from argogrant.grants.model.reasons import Reason
from support.builders import (
    HOUR,
    MINUTE,
    NOON,
    SECOND,
    a_denial,
    a_group,
    a_policy,
    a_role,
    a_user,
    an_approval,
    approval_by,
    grant_by,
    policy_case,
)

minutes = st.integers(0, 300).map(lambda number: NOON + number * MINUTE)
durations = st.integers(1, 300).map(lambda number: number * MINUTE)
approvers = st.lists(
    st.sampled_from([a_user("bob"), a_user("eve"), a_user("*"), a_group("sre")]),
    min_size=1,
    max_size=2,
)
rules = st.builds(
    lambda approvers, of, timeout, is_self: approval_by(
        *approvers, of=of, timeout=timeout, self_approval=is_self
    ),
    approvers,
    st.integers(1, 2),
    durations,
    st.booleans(),
)
policies = st.builds(
    a_policy,
    st.sampled_from("abcdef"),
    requesters=st.sampled_from([(a_user("*"),), (a_group("sre"),), (a_user("zoe"),)]),
    subjects=st.sampled_from([SubjectPatterns(is_self=True), SubjectPatterns()]),
    roles=st.sampled_from([(a_role("*"),), (a_role("role:x"),)]),
    max_duration=st.none() | durations,
    max_active_per_subject=st.none() | st.integers(1, 3),
    approval=st.none() | rules,
    break_glass=st.sampled_from([BreakGlassRule(), BreakGlassRule(allowed=True)]),
)
deny_policies = policies.map(
    lambda policy: replace(policy, effect=Effect.DENY, name=f"deny-{policy.name}")
)
approvals = st.builds(
    lambda approver, groups, at, is_denial: (a_denial if is_denial else an_approval)(
        approver, *groups, created_at=at
    ),
    st.sampled_from(["alice", "bob", "eve"]),
    st.sampled_from([(), ("sre",)]),
    minutes,
    st.booleans(),
)
grants = st.builds(
    grant_by,
    st.just("alice"),
    st.sampled_from(["sre", "dev"]),
    duration=durations,
    break_glass=st.booleans(),
    justification=st.just("because"),
    not_before=st.none() | minutes,
    frozen_end=st.none() | minutes,
    recorded_policy=st.none() | st.sampled_from("abcdef"),
)


def sets(objects, max_size=4):
    names = {"unique_by": lambda each: each.name}
    return st.lists(objects, max_size=max_size, **names).map(tuple)


def is_approved(grant, policy_set, approval_set=(), at=NOON, active=0) -> bool:
    decision = decision_about(grant, policy_set, approval_set, at, active)
    return decision.policy_result.is_approved


def decision_about(grant, policy_set, approval_set=(), at=NOON, active=0) -> Decision:
    return policy_case(
        grant,
        *policy_set,
        approvals=approval_set,
        at=at,
        active_before=active,
        requires_access_policy=True,
    ).decision()


def outcome(decision: Decision) -> tuple[object, ...]:
    result = decision.policy_result
    return (
        decision.desired_binding,
        decision.window,
        result.reason,
        result.message,
        result.policy,
    )


@given(grants, sets(policies), sets(approvals), minutes)
def test_approval_by_a_user_who_may_not_approve_changes_nothing(
    grant, policy_set, approval_set, at
) -> None:
    stranger = replace(an_approval("mallory"), created_at=NOON)
    named = tuple(
        replace(policy, approval=_without_asterisks(policy.approval))
        for policy in policy_set
    )

    assert outcome(
        decision_about(grant, named, (stranger, *approval_set), at)
    ) == outcome(decision_about(grant, named, approval_set, at))


def _without_asterisks(rule):
    if rule is None:
        return None
    return replace(rule, approvers=tuple(a for a in rule.approvers if a.name != "*"))


@given(grants, sets(policies), deny_policies, sets(approvals), minutes)
def test_deny_policy_never_allows_more(
    grant, policy_set, denial, approval_set, at
) -> None:
    before = decision_about(grant, policy_set, approval_set, at)
    after = decision_about(grant, (*policy_set, denial), approval_set, at)

    assert after.desired_binding is DesiredBinding.ABSENT or outcome(after) == outcome(
        before
    )


@given(
    grants, sets(policies), sets(deny_policies, max_size=1), sets(approvals), minutes
)
def test_grant_is_allowed_by_a_single_policy(
    grant, policy_set, denial, approval_set, at
) -> None:
    """Removing a policy therefore never allows more than the other policies do."""
    if is_approved(grant, (*policy_set, *denial), approval_set, at):
        assert any(
            is_approved(grant, (one, *denial), approval_set, at) for one in policy_set
        )


@given(grants, sets(policies), sets(approvals), minutes, st.integers(0, 3))
def test_no_end_exceeds_a_maximum_duration(
    grant, policy_set, approval_set, at, active
) -> None:
    decision = decision_about(grant, policy_set, approval_set, at, active)
    if not decision.policy_result.is_approved:
        return
    (policy,) = (
        each for each in policy_set if each.name == decision.policy_result.policy
    )
    maximums = [24 * HOUR, grant.duration, policy.max_duration]
    if grant.break_glass:
        maximums[-1] = policy.break_glass.max_duration
    ends = [
        decision.window.start + maximum for maximum in maximums if maximum is not None
    ]

    assert decision.window.end == min(*ends, grant.frozen_end or ends[0])


@given(grants, sets(policies), sets(approvals), minutes, st.integers(0, 600 * 60))
def test_decision_changes_only_at_recheck_at(
    grant, policy_set, approval_set, at, seconds
) -> None:
    decision = decision_about(grant, policy_set, approval_set, at)
    later = at + seconds * SECOND
    if decision.recheck_at is not None:
        assert decision.recheck_at > at
        later = min(later, decision.recheck_at - SECOND)

    assert decision_about(grant, policy_set, approval_set, later) == decision


SPELLINGS: Final = (
    str.upper,
    str.title,
    "oidc:{}".format,
    "{} ".format,
    " {}".format,
    "\u200b{}".format,
    lambda name: unicodedata.normalize("NFD", name),
    lambda name: "".join(chr(ord(c) + 0xFEE0) if "a" <= c <= "z" else c for c in name),
)


@given(
    st.sampled_from(["alice", "zo\u00eb", "stra\u00dfe@a.org"]),
    st.lists(st.sampled_from(SPELLINGS), max_size=3),
)
def test_requester_cannot_approve_in_any_spelling(name, spellings) -> None:
    spelled = name
    for spell in spellings:
        if not spelled.casefold().strip("\u200b ").startswith("oidc:"):
            spelled = spell(spelled)
    policy = a_policy(approval=approval_by(a_user("*")))
    case = policy_case(
        grant_by(f"oidc:{name}", subject=name),
        policy,
        strip_prefix="oidc:",
        approvals=(an_approval(spelled),),
        at=NOON + MINUTE,
    )

    assert case.decision().policy_result.reason is Reason.AWAITING_APPROVAL


@given(st.text(max_size=12), st.sampled_from(["", "oidc:", "OIDC:"]))
def test_name_is_a_spelling_of_itself(name, prefix) -> None:
    assert is_same_user(name, f"{prefix}{name}", prefix) or normalized_user(
        name, prefix
    ) != normalized_user(f"{prefix}{name}", "")
    assert is_same_user(name, name, prefix)


@given(grants)
def test_grant_without_policies_is_approved(grant) -> None:
    plain = replace(grant, break_glass=False)

    assert policy_case(plain).decision().policy_result is NO_POLICY
