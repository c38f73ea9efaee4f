"""Policies and the rules for a subject itself that its grant activates."""

from dataclasses import replace

import pytest

from argogrant.grants.access.policy import BreakGlassRule, SubjectPatterns
from argogrant.grants.access.subject_rules import (
    RuleList,
    RulesOfSubject,
    SubjectRule,
    SubjectRules,
)
from argogrant.grants.decide import DesiredBinding
from argogrant.grants.model.reasons import Reason
from support.builders import (
    HOUR,
    MINUTE,
    NOON,
    Outcome,
    a_deny_policy,
    a_grant,
    a_policy,
    a_role,
    an_approval,
    approval_case,
    approval_policy,
    decided,
    grant_by,
    policy_case,
    rows,
)

RULE = SubjectRule("policy.csv line 3", "p, alice, applications, delete, */*, allow")
RULES = RuleList((RULE,), 1)
HAS_RULES = SubjectRules(of={"alice": RulesOfSubject(in_text=RULES)})
ELSEWHERE = SubjectRules(of={"alice": RulesOfSubject(in_projects={"team-b": RULES})})
ACTIVE = SubjectRules(of={"alice": RulesOfSubject(in_text=RULES, is_active=True)})
ACCEPTS = {"accepts_subject_rules": True}
REFUSED = Outcome(Reason.SUBJECT_HAS_RULES, is_kept=False)
ALLOWED = Outcome(Reason.AUTO_APPROVED)
STARTED = {"frozen_end": NOON + HOUR, "recorded_policy": "deployers"}
BREAK_GLASS = BreakGlassRule(allowed=True)

CASES = {
    "subject without rules": (policy_case(grant_by(), a_policy()), ALLOWED),
    "subject with rules": (
        policy_case(grant_by(), a_policy(), subject_rules=HAS_RULES),
        REFUSED._replace(message=str(RULE)),
    ),
    "message says what an administrator can do": (
        policy_case(grant_by(), a_policy(), subject_rules=HAS_RULES),
        REFUSED._replace(message="set subjectRules: Accept in the policy"),
    ),
    "group of that name": (
        policy_case(
            grant_by("bob", group="alice"),
            a_policy(subjects=SubjectPatterns(groups=("*",))),
            subject_rules=HAS_RULES,
        ),
        REFUSED,
    ),
    "policy accepts them": (
        policy_case(grant_by(), a_policy(**ACCEPTS), subject_rules=HAS_RULES),
        ALLOWED,
    ),
    "one of two policies accepts them": (
        policy_case(
            grant_by(),
            a_policy("a-strict"),
            a_policy("lenient", **ACCEPTS),
            subject_rules=HAS_RULES,
        ),
        ALLOWED._replace(policy="lenient"),
    ),
    "policy that accepts them is for another role": (
        policy_case(
            grant_by(),
            a_policy("strict"),
            a_policy("lenient", roles=(a_role("role:x"),), **ACCEPTS),
            subject_rules=HAS_RULES,
        ),
        REFUSED,
    ),
    "rules are active already": (
        policy_case(grant_by(), a_policy(), subject_rules=ACTIVE),
        ALLOWED,
    ),
    "break glass": (
        policy_case(
            grant_by(break_glass=True, justification="down"),
            a_policy(break_glass=BREAK_GLASS),
            subject_rules=HAS_RULES,
        ),
        REFUSED,
    ),
    "break glass under a policy that accepts them": (
        policy_case(
            grant_by(break_glass=True, justification="down"),
            a_policy(break_glass=BREAK_GLASS, **ACCEPTS),
            subject_rules=HAS_RULES,
        ),
        Outcome(Reason.BREAK_GLASS),
    ),
    "no approval helps": (
        approval_case(an_approval(), subject_rules=HAS_RULES),
        REFUSED,
    ),
    "approval is asked for if the policy accepts them": (
        approval_case(policy=approval_policy(**ACCEPTS), subject_rules=HAS_RULES),
        Outcome(Reason.AWAITING_APPROVAL),
    ),
    "a Deny policy comes first": (
        policy_case(grant_by(), a_policy(), a_deny_policy(), subject_rules=HAS_RULES),
        Outcome(Reason.NOT_ALLOWED),
    ),
    "another check that fails is reported first": (
        policy_case(
            grant_by(duration=2 * HOUR),
            a_policy(max_duration=HOUR),
            subject_rules=HAS_RULES,
        ),
        Outcome(Reason.NOT_ALLOWED),
    ),
    "rules that are added later end an active grant": (
        policy_case(
            grant_by(**STARTED),
            a_policy(),
            subject_rules=HAS_RULES,
            written_end=NOON + HOUR,
            at=NOON + MINUTE,
        ),
        REFUSED,
    ),
    "rules of another project prevent a new line": (
        policy_case(grant_by(), a_policy(), subject_rules=ELSEWHERE),
        REFUSED,
    ),
    "rules of another project end no active grant": (
        policy_case(
            grant_by(**STARTED),
            a_policy(),
            subject_rules=ELSEWHERE,
            written_end=NOON + HOUR,
            at=NOON + MINUTE,
        ),
        REFUSED._replace(is_kept=True, end=NOON + HOUR),
    ),
    "status without a line proves nothing": (
        policy_case(grant_by(**STARTED), a_policy(), subject_rules=ELSEWHERE),
        REFUSED,
    ),
    "line of another grant proves nothing": (
        policy_case(
            grant_by(), a_policy(), subject_rules=ELSEWHERE, written_end=NOON + HOUR
        ),
        REFUSED,
    ),
    "policy that accepts them takes precedence over a line that is only kept": (
        policy_case(
            grant_by(**STARTED),
            a_policy("a-strict"),
            a_policy("lenient", **ACCEPTS),
            subject_rules=ELSEWHERE,
            written_end=NOON + HOUR,
        ),
        ALLOWED._replace(policy="lenient"),
    ),
}


@pytest.mark.parametrize(("case", "expected"), rows(CASES))
def test_policies_and_rules_of_subjects(case, expected) -> None:
    assert expected.of(case.decision()) == expected


def test_without_a_policy_the_rules_are_a_caution() -> None:
    decision = decided(a_grant(), subject_rules=HAS_RULES)

    assert decision.desired_binding is DesiredBinding.PRESENT
    assert str(RULE) in decision.role_warning
    assert decision.activated == RULES


def test_caution_under_a_policy_that_accepts_them() -> None:
    case = policy_case(grant_by(), a_policy(**ACCEPTS), subject_rules=HAS_RULES)

    assert str(RULE) in case.decision().role_warning


@pytest.mark.parametrize(
    "grant",
    [
        pytest.param(a_grant(revoked=True), id="revoked"),
        pytest.param(a_grant(being_deleted=True), id="being deleted"),
        pytest.param(a_grant("bob"), id="of another subject"),
    ],
)
def test_grant_without_access_activates_nothing(grant) -> None:
    decision = decided(grant, subject_rules=HAS_RULES)

    assert (decision.activated.total, decision.role_warning) == (0, "")


def test_grant_that_waits_lists_the_rules_for_approvers() -> None:
    grant = replace(a_grant(), not_before=NOON + HOUR)
    decision = decided(grant, subject_rules=HAS_RULES)

    assert (decision.activated, decision.role_warning) == (RULES, "")


@pytest.mark.parametrize(
    ("policies", "reason"),
    [
        pytest.param((), None, id="without policies it is bound"),
        pytest.param((a_policy(),), Reason.INSTANCE_UNAVAILABLE, id="it waits"),
    ],
)
def test_binding_waits_until_appprojects_were_examined(policies, reason) -> None:
    case = policy_case(grant_by(), *policies, projects_are_known=False)
    finding = case.decision().finding

    assert (finding and finding.reason) == reason
    assert finding is None or finding.is_unknown
