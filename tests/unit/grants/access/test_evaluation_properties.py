"""What holds of access policies and approvals whatever they are."""

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
    a_group,
    a_policy,
    a_refusal,
    a_role,
    a_user,
    an_approval,
    approved_by,
    asks,
    case,
)

minutes = st.integers(0, 300).map(lambda number: NOON + number * MINUTE)
spans = st.integers(1, 300).map(lambda number: number * MINUTE)
approvers = st.lists(
    st.sampled_from([a_user("bob"), a_user("eve"), a_user("*"), a_group("sre")]),
    min_size=1,
    max_size=2,
)
rules = st.builds(
    lambda who, of, timeout, is_self: approved_by(
        *who, of=of, timeout=timeout, self_approval=is_self
    ),
    approvers,
    st.integers(1, 2),
    spans,
    st.booleans(),
)
policies = st.builds(
    a_policy,
    st.sampled_from("abcdef"),
    requesters=st.sampled_from([(a_user("*"),), (a_group("sre"),), (a_user("zoe"),)]),
    subjects=st.sampled_from([SubjectPatterns(is_self=True), SubjectPatterns()]),
    roles=st.sampled_from([(a_role("*"),), (a_role("role:x"),)]),
    max_duration=st.none() | spans,
    max_active_per_subject=st.none() | st.integers(1, 3),
    approval=st.none() | rules,
    break_glass=st.sampled_from([BreakGlassRule(), BreakGlassRule(allowed=True)]),
)
denials = policies.map(
    lambda policy: replace(policy, effect=Effect.DENY, name=f"deny-{policy.name}")
)
approvals = st.builds(
    lambda who, groups, at, refuses: (a_refusal if refuses else an_approval)(
        who, *groups, created_at=at
    ),
    st.sampled_from(["alice", "bob", "eve"]),
    st.sampled_from([(), ("sre",)]),
    minutes,
    st.booleans(),
)
grants = st.builds(
    asks,
    st.just("alice"),
    st.sampled_from(["sre", "dev"]),
    duration=spans,
    break_glass=st.booleans(),
    justification=st.just("because"),
    not_before=st.none() | minutes,
    frozen_end=st.none() | minutes,
    recorded_policy=st.none() | st.sampled_from("abcdef"),
)


def sets(of, most=4):
    return st.lists(of, max_size=most, unique_by=lambda each: each.name).map(tuple)


def is_approved(grant, some, votes=(), at=NOON, active=0) -> bool:
    decision = decision_about(grant, some, votes, at, active)
    return decision.policy_result.is_approved


def decision_about(grant, some, votes=(), at=NOON, active=0) -> Decision:
    return case(
        grant,
        *some,
        approvals=votes,
        at=at,
        active_before=active,
        requires_access_policy=True,
    ).decided()


def outcome(decision: Decision) -> tuple[object, ...]:
    told = decision.policy_result
    return (
        decision.desired_binding,
        decision.window,
        told.reason,
        told.message,
        told.policy,
    )


@given(grants, sets(policies), sets(approvals), minutes)
def test_the_approval_of_somebody_who_may_not_changes_nothing(
    grant, some, votes, at
) -> None:
    stranger = replace(an_approval("mallory"), created_at=NOON)
    named = tuple(
        replace(policy, approval=_without_everybody(policy.approval)) for policy in some
    )

    assert outcome(decision_about(grant, named, (stranger, *votes), at)) == outcome(
        decision_about(grant, named, votes, at)
    )


def _without_everybody(rule):
    if rule is None:
        return None
    return replace(rule, approvers=tuple(a for a in rule.approvers if a.name != "*"))


@given(grants, sets(policies), denials, sets(approvals), minutes)
def test_a_policy_that_forbids_never_widens(grant, some, denial, votes, at) -> None:
    before = decision_about(grant, some, votes, at)
    after = decision_about(grant, (*some, denial), votes, at)

    assert after.desired_binding is DesiredBinding.ABSENT or outcome(after) == outcome(
        before
    )


@given(grants, sets(policies), sets(denials, most=1), sets(approvals), minutes)
def test_whatever_is_allowed_one_policy_allows(grant, some, denial, votes, at) -> None:
    """So that to remove a policy never gives what no other gives."""
    if is_approved(grant, (*some, *denial), votes, at):
        assert any(is_approved(grant, (one, *denial), votes, at) for one in some)


@given(grants, sets(policies), sets(approvals), minutes, st.integers(0, 3))
def test_no_end_is_later_than_any_ceiling(grant, some, votes, at, active) -> None:
    decision = decision_about(grant, some, votes, at, active)
    if not decision.policy_result.is_approved:
        return
    (policy,) = (each for each in some if each.name == decision.policy_result.policy)
    ceilings = [24 * HOUR, grant.duration, policy.max_duration]
    if grant.break_glass:
        ceilings[-1] = policy.break_glass.max_duration
    ends = [decision.window.start + most for most in ceilings if most is not None]

    assert decision.window.end == min(*ends, grant.frozen_end or ends[0])


@given(grants, sets(policies), sets(approvals), minutes, st.integers(0, 600 * 60))
def test_an_answer_changes_only_at_its_recheck(grant, some, votes, at, seconds) -> None:
    decision = decision_about(grant, some, votes, at)
    later = at + seconds * SECOND
    if decision.recheck_at is not None:
        assert decision.recheck_at > at
        later = min(later, decision.recheck_at - SECOND)

    assert decision_about(grant, some, votes, later) == decision


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
def test_nobody_approves_his_own_grant_in_any_spelling(name, spellings) -> None:
    spelled = name
    for spell in spellings:
        if not spelled.casefold().strip("\u200b ").startswith("oidc:"):
            spelled = spell(spelled)
    policy = a_policy(approval=approved_by(a_user("*")))
    question = case(
        asks(f"oidc:{name}", subject=name),
        policy,
        strip_prefix="oidc:",
        approvals=(an_approval(spelled),),
        at=NOON + MINUTE,
    )

    assert question.decided().policy_result.reason is Reason.AWAITING_APPROVAL


@given(st.text(max_size=12), st.sampled_from(["", "oidc:", "OIDC:"]))
def test_a_name_is_a_spelling_of_itself(name, prefix) -> None:
    assert is_same_user(name, f"{prefix}{name}", prefix) or normalized_user(
        name, prefix
    ) != normalized_user(f"{prefix}{name}", "")
    assert is_same_user(name, name, prefix)


@given(grants)
def test_without_policies_nothing_is_asked(grant) -> None:
    plain = replace(grant, break_glass=False)

    assert case(plain).decided().policy_result is NO_POLICY
