"""AccessPolicies as objects: read into the domain, and their status written back."""

from typing import Any

import pytest

from argogrant.api.accesspolicy import AccessPolicyStatus, read_policy
from argogrant.api.accesspolicy_spec import AccessPolicySpec
from argogrant.api.conditions import status_of
from argogrant.grants.access.policy import (
    AccessPolicy,
    ApprovalRule,
    BreakGlassRule,
    Effect,
    JustificationRule,
    RolePattern,
    SubjectPatterns,
)
from argogrant.grants.conditions import Condition
from argogrant.grants.model.errors import InvalidGrant
from argogrant.grants.model.identity import IdentityKind, IdentityPattern
from argogrant.grants.model.reasons import PolicyCondition, Reason
from support.builders import HOUR, MINUTE, NOON

EVERYTHING: dict[str, Any] = {
    "instances": ["blue"],
    "effect": "Allow",
    "requesters": [
        {"kind": "Group", "name": "developers"},
        {"kind": "ServiceAccount", "name": "argocd-*", "namespace": "argocd"},
    ],
    "subjects": {"self": True, "users": ["*@example.com"], "groups": ["on-call"]},
    "roles": [{"name": "role:deployer"}, {"name": "*", "project": "team-*"}],
    "maxDuration": "4h",
    "maxExtensions": 2,
    "maxActivePerSubject": 3,
    "justification": {"required": True, "pattern": "CHG-[0-9]+", "hint": "the change"},
    "approval": {
        "required": 2,
        "approvers": [
            {"kind": "User", "name": "bob"},
            {"kind": "Group", "name": "approvers"},
            {"kind": "IntegrationOwner"},
            {"kind": "ResourceOwner"},
        ],
        "selfApproval": True,
        "timeout": "8h",
    },
    "breakGlass": {"allowed": True, "maxDuration": "30m"},
}
LEAST: dict[str, Any] = {
    "requesters": [{"kind": "User", "name": "*"}],
    "subjects": {"self": True},
    "roles": [{"name": "role:x"}],
}
ANYBODY = IdentityPattern(kind=IdentityKind.USER, name="*")


def a_body(spec: Any) -> dict[str, Any]:
    metadata = {"uid": "u1", "namespace": "argogrant", "name": "deployers"}
    return {"metadata": metadata, "spec": spec}


def test_everything_that_decides_is_read() -> None:
    assert read_policy(a_body(EVERYTHING)) == AccessPolicy(
        uid="u1",
        name="deployers",
        instances=("blue",),
        requesters=(
            IdentityPattern(kind=IdentityKind.GROUP, name="developers"),
            IdentityPattern(
                kind=IdentityKind.SERVICE_ACCOUNT, name="argocd-*", namespace="argocd"
            ),
        ),
        subjects=SubjectPatterns(
            is_self=True, users=("*@example.com",), groups=("on-call",)
        ),
        roles=(
            RolePattern(name="role:deployer"),
            RolePattern(name="*", project="team-*"),
        ),
        max_duration=4 * HOUR,
        max_extensions=2,
        max_active_per_subject=3,
        justification=JustificationRule(
            required=True, pattern="CHG-[0-9]+", hint="the change"
        ),
        approval=ApprovalRule(
            required=2,
            approvers=(
                IdentityPattern(kind=IdentityKind.USER, name="bob"),
                IdentityPattern(kind=IdentityKind.GROUP, name="approvers"),
            ),
            integration_owners=True,
            resource_owners=True,
            self_approval=True,
            timeout=8 * HOUR,
        ),
        break_glass=BreakGlassRule(allowed=True, max_duration=30 * MINUTE),
    )


def test_what_is_left_out_asks_for_nothing() -> None:
    assert read_policy(a_body(LEAST)) == AccessPolicy(
        uid="u1",
        name="deployers",
        requesters=(ANYBODY,),
        subjects=SubjectPatterns(is_self=True),
        roles=(RolePattern(name="role:x"),),
    )


def test_a_refusal_is_read() -> None:
    policy = read_policy(a_body({**LEAST, "effect": "Deny"}))

    assert policy.effect is Effect.DENY


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        pytest.param(
            {"required": 1, "approvers": [{"kind": "ResourceOwner"}]},
            ApprovalRule(required=1, resource_owners=True, timeout=24 * HOUR),
            id="owners alone, for a day, and not oneself",
        ),
        pytest.param(
            {"required": 1, "approvers": [{"kind": "User", "name": "*"}]},
            ApprovalRule(required=1, approvers=(ANYBODY,)),
            id="anybody, but no owners besides",
        ),
    ],
)
def test_what_an_approval_rule_leaves_out_is_strict(rule, wanted) -> None:
    assert read_policy(a_body({**LEAST, "approval": rule})).approval == wanted


def test_an_emergency_is_short_unless_said_otherwise() -> None:
    policy = read_policy(a_body({**LEAST, "breakGlass": {"allowed": True}}))

    assert policy.break_glass == BreakGlassRule(allowed=True, max_duration=HOUR)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"requesters": []}, "spec.requesters: ", id="nobody may ask"),
        pytest.param({"roles": None}, "spec.roles: ", id="no list of roles"),
        pytest.param({"subjects": None}, "spec.subjects: ", id="for nobody"),
        pytest.param({"effect": "Maybe"}, "spec.effect: ", id="no such effect"),
        pytest.param({"maxDuration": "1d"}, "spec.maxDuration: ", id="days"),
        pytest.param({"maxExtensions": -1}, "spec.maxExtensions: ", id="less than 0"),
        pytest.param(
            {"requesters": [{"kind": "ServiceAccount", "name": "ci"}]},
            "required for a ServiceAccount",
            id="a service account of no namespace",
        ),
        pytest.param(
            {"requesters": [{"kind": "User", "name": "x", "namespace": "ci"}]},
            "not allowed for other kinds",
            id="a user of a namespace",
        ),
        pytest.param(
            {"approval": {"required": 1, "approvers": [{"kind": "Group"}]}},
            "name is required for a Group",
            id="an approver without a name",
        ),
        pytest.param(
            {"approval": {"required": 0, "approvers": [{"kind": "ResourceOwner"}]}},
            "spec.approval.required: ",
            id="an approval by nobody",
        ),
    ],
)
def test_what_the_crd_would_not_let_pass_is_told(changes, words) -> None:
    with pytest.raises(InvalidGrant) as got:
        read_policy(a_body({**LEAST, **changes}))

    assert words in str(got.value)


def test_a_spec_reads_back_as_it_was_written() -> None:
    """Camel case outside; nothing is lost, nothing is added."""
    model = AccessPolicySpec.model_validate(EVERYTHING)

    assert model.model_dump(by_alias=True, exclude_unset=True) == EVERYTHING


def test_a_status_reads_back_as_it_was_written() -> None:
    condition = Condition(
        type=PolicyCondition.READY,
        status=True,
        reason=Reason.IN_USE,
        message="The policy is obeyed.",
    )
    status = status_of(condition, old={}, generation=2, now=NOON)
    model = AccessPolicyStatus.model_validate(status)

    assert model.model_dump(by_alias=True, exclude_unset=True) == status
    assert status["observedGeneration"] == 2
    assert status_of(condition, old=status, generation=2, now=NOON + HOUR) == status
