"""An approver sees what is decided about, and a decision has one name."""

from datetime import UTC
from typing import Any

import pytest

from argogrant.api.accessgrant_view import StoredStatus
from argogrant.cli.change.approval_prompt import (
    DENIES,
    PERSISTS,
    approval_name,
    role_risks,
    summary,
)
from argogrant.grants.access.policy import ApprovalDecision
from argogrant.grants.model.grant import Grant
from argogrant.grants.model.stored_condition import StoredCondition
from support.builders import HOUR, NOON, a_grant, an_identity


def seen(**said: Any) -> StoredStatus:
    return StoredStatus(uid="u", name="x", is_current=True, **said)


def asked(**overrides: Any) -> Grant:
    defaults = {
        "duration": 2 * HOUR,
        "expires_at": None,
        "justification": "hotfix",
        "requester": an_identity("alice"),
    }
    return a_grant(**{**defaults, **overrides})


def test_what_is_decided_about_is_shown() -> None:
    ready = {
        "Ready": StoredCondition(
            status=False, reason="AwaitingApproval", message="1 more."
        )
    }
    text = summary(asked(), seen(conditions=ready), (DENIES,), NOON, UTC)

    assert text.splitlines() == [
        "Subject:  User alice",
        "Role:     role:deployer",
        f"Careful:  {DENIES}",
        "When:     for 2h from its start",
        "Why:      hotfix",
        f"Asked by: alice, {NOON:%Y-%m-%d %H:%M} UTC (now)",
        "Now:      1 more.",
    ]


@pytest.mark.parametrize(
    ("overrides", "expires_at", "said"),
    [
        pytest.param({}, NOON + HOUR, "until ", id="an end that is promised"),
        pytest.param({"expires_at": NOON + HOUR}, None, "until ", id="an end"),
        pytest.param({"not_before": NOON + HOUR}, None, "from ", id="a later start"),
    ],
)
def test_when_it_is_is_shown(overrides: dict[str, Any], expires_at, said: str) -> None:
    text = summary(asked(**overrides), seen(expires_at=expires_at), (), NOON, UTC)
    (when,) = [line for line in text.splitlines() if line.startswith("When:")]

    assert when.startswith(f"When:     {said}")
    assert "in 1h" in when
    assert "Careful" not in text


def test_an_emergency_and_an_unknown_role_are_shown() -> None:
    text = summary(asked(break_glass=True, requester=None), seen(), None, NOON, UTC)

    assert "role:deployer (break glass)" in text
    assert "Careful:  what this role can do is not known" in text
    assert "Asked by: -," in text


def test_what_others_wrote_does_not_steer_the_terminal() -> None:
    text = summary(asked(justification="a\x1b[2J\nRole: x"), seen(), (), NOON, UTC)

    assert "Why:      a\\x1b[2J\\nRole: x" in text.splitlines()


@pytest.mark.parametrize(
    ("role", "traits"),
    [
        pytest.param({}, (), id="harmless"),
        pytest.param({"hasDeny": True}, (DENIES,), id="deny rules"),
        pytest.param({"canPersist": True}, (PERSISTS,), id="a way to persist"),
        pytest.param({"project": "team-a"}, None, id="another role of that name"),
    ],
)
def test_what_to_be_careful_with_is_in_the_status(
    role: dict[str, Any], traits: tuple[str, ...] | None
) -> None:
    status = {"roles": [{"name": "role:deployer", **role}]}

    assert role_risks(status, asked()) == traits


def test_the_same_decision_has_the_same_name() -> None:
    """Another person's, another decision and another grant have another one."""
    grant = asked(name="hotfix", uid="1")
    name = approval_name(grant, ApprovalDecision.APPROVE, "oidc:Bob@example.com")
    others = {
        approval_name(grant, ApprovalDecision.DENY, "oidc:Bob@example.com"),
        approval_name(grant, ApprovalDecision.APPROVE, "oidc:bob@example.com"),
        approval_name(
            asked(name="hotfix", uid="2"), ApprovalDecision.APPROVE, "oidc:Bob@a"
        ),
    }

    assert name == approval_name(
        grant, ApprovalDecision.APPROVE, "oidc:Bob@example.com"
    )
    assert name.startswith("hotfix-oidc-bob-")
    assert name not in others
    assert len(others) == 3


def test_a_name_is_never_too_long() -> None:
    name = approval_name(asked(name="a" * 253), ApprovalDecision.DENY, "b" * 512)

    assert len(name) == 253
