"""Summary of a grant for its approver, and the name of the approval."""

from datetime import UTC
from typing import Any

import pytest

from argogrant.api.accessgrant_view import StoredStatus
from argogrant.cli.change.approve import (
    DENIES,
    PERSISTS,
    approval_name,
    role_risks,
    summary,
)
from argogrant.grants.access.policy import ApprovalDecision
from argogrant.grants.access.subject_rules import RuleList, SubjectRule
from argogrant.grants.model.grant import Grant
from argogrant.grants.model.stored_condition import StoredCondition
from support.builders import HOUR, NOON, a_grant, an_identity


def stored(**status: Any) -> StoredStatus:
    return StoredStatus(uid="u", name="x", is_current=True, **status)


def requested(**overrides: Any) -> Grant:
    defaults = {
        "duration": 2 * HOUR,
        "expires_at": None,
        "justification": "hotfix",
        "requester": an_identity("alice"),
    }
    return a_grant(**{**defaults, **overrides})


def test_summary_contains_the_request() -> None:
    ready = {
        "Ready": StoredCondition(
            status=False, reason="AwaitingApproval", message="1 more."
        )
    }
    text = summary(requested(), stored(conditions=ready), (DENIES,), NOON, UTC)

    assert text.splitlines() == [
        "Subject:   User alice",
        "Role:      role:deployer",
        f"Risks:     {DENIES}",
        "When:      for 2h from its start",
        "Reason:    hotfix",
        f"Requester: alice, {NOON:%Y-%m-%d %H:%M} UTC (now)",
        "Status:    1 more.",
    ]


def test_summary_contains_the_rules_for_the_subject() -> None:
    rule = SubjectRule("policy.csv line 3", "p, alice, applications, *, */*, allow")
    waiting = stored(subject_rules=RuleList((rule,), 1))
    text = summary(requested(), waiting, (), NOON, UTC)

    (caution,) = [line for line in text.splitlines() if line.startswith("Caution:")]
    assert str(rule) in caution


def test_role_that_allows_nothing_is_the_first_risk() -> None:
    role = {"name": "role:deployer", "allowsNothing": "why.", "hasDeny": True}

    assert role_risks({"roles": [role]}, requested()) == ("allows nothing: why", DENIES)


@pytest.mark.parametrize(
    ("overrides", "expires_at", "start"),
    [
        pytest.param({}, NOON + HOUR, "until ", id="the end in the status"),
        pytest.param(
            {"expires_at": NOON + HOUR}, None, "until ", id="the end in the spec"
        ),
        pytest.param({"not_before": NOON + HOUR}, None, "from ", id="a later start"),
    ],
)
def test_summary_contains_start_and_end(
    overrides: dict[str, Any], expires_at, start: str
) -> None:
    text = summary(requested(**overrides), stored(expires_at=expires_at), (), NOON, UTC)
    (when,) = [line for line in text.splitlines() if line.startswith("When:")]

    assert when.startswith(f"When:      {start}")
    assert "in 1h" in when
    assert "Risks" not in text


def test_summary_marks_break_glass_and_unknown_role() -> None:
    text = summary(
        requested(break_glass=True, requester=None), stored(), None, NOON, UTC
    )

    assert "role:deployer (break glass)" in text
    assert "Risks:     unknown;" in text
    assert "Requester: -," in text


def test_control_characters_are_escaped() -> None:
    text = summary(
        requested(justification="a\x1b[2J\nRole: x"), stored(), (), NOON, UTC
    )

    assert "Reason:    a\\x1b[2J\\nRole: x" in text.splitlines()


@pytest.mark.parametrize(
    ("role", "risks"),
    [
        pytest.param({}, (), id="no risk"),
        pytest.param({"hasDeny": True}, (DENIES,), id="deny rules"),
        pytest.param(
            {"canPersist": True}, (PERSISTS,), id="access that can outlive the grant"
        ),
        pytest.param({"project": "team-a"}, None, id="a role of another project"),
    ],
)
def test_role_risks_are_read_from_the_status(
    role: dict[str, Any], risks: tuple[str, ...] | None
) -> None:
    status = {"roles": [{"name": "role:deployer", **role}]}

    assert role_risks(status, requested()) == risks


def test_approval_name_is_unique_to_grant_decision_and_user() -> None:
    grant = requested(name="hotfix", uid="1")
    name = approval_name(grant, ApprovalDecision.APPROVE, "oidc:Bob@example.com")
    others = {
        approval_name(grant, ApprovalDecision.DENY, "oidc:Bob@example.com"),
        approval_name(grant, ApprovalDecision.APPROVE, "oidc:bob@example.com"),
        approval_name(
            requested(name="hotfix", uid="2"), ApprovalDecision.APPROVE, "oidc:Bob@a"
        ),
    }

    assert name == approval_name(
        grant, ApprovalDecision.APPROVE, "oidc:Bob@example.com"
    )
    assert name.startswith("hotfix-oidc-bob-")
    assert name not in others
    assert len(others) == 3


def test_approval_name_has_at_most_253_characters() -> None:
    name = approval_name(requested(name="a" * 253), ApprovalDecision.DENY, "b" * 512)

    assert len(name) == 253


@pytest.mark.parametrize("status", [None, False, True])
def test_approver_sees_why_the_grant_may_have_no_effect(status) -> None:
    effective = StoredCondition(status, "SimilarName", "Use alice.")
    text = summary(
        a_grant(), stored(conditions={"Effective": effective}), (), NOON, UTC
    )

    assert ("Effect:    Use alice." in text) is (status is not True)
