"""Parsing of AccessPolicies, and their models."""

from typing import Any

import pytest

from argogrant.api.accesspolicy import AccessPolicySpec, AccessPolicyStatus, read_policy
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
ANY_USER = IdentityPattern(kind=IdentityKind.USER, name="*")


def a_body(spec: Any) -> dict[str, Any]:
    metadata = {"uid": "u1", "namespace": "argogrant", "name": "deployers"}
    return {"metadata": metadata, "spec": spec}


def test_all_fields_are_parsed() -> None:
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


def test_omitted_fields_have_no_requirements() -> None:
    assert read_policy(a_body(LEAST)) == AccessPolicy(
        uid="u1",
        name="deployers",
        requesters=(ANY_USER,),
        subjects=SubjectPatterns(is_self=True),
        roles=(RolePattern(name="role:x"),),
    )


def test_deny_policy_is_parsed() -> None:
    policy = read_policy(a_body({**LEAST, "effect": "Deny"}))

    assert policy.effect is Effect.DENY


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        pytest.param(
            {"required": 1, "approvers": [{"kind": "ResourceOwner"}]},
            ApprovalRule(required=1, resource_owners=True, timeout=24 * HOUR),
            id="owners only, for a day, without self-approval",
        ),
        pytest.param(
            {"required": 1, "approvers": [{"kind": "User", "name": "*"}]},
            ApprovalRule(required=1, approvers=(ANY_USER,)),
            id="any user, without owners",
        ),
    ],
)
def test_omitted_fields_of_an_approval_rule_are_strict(rule, wanted) -> None:
    assert read_policy(a_body({**LEAST, "approval": rule})).approval == wanted


@pytest.mark.parametrize(
    ("spec", "accepts"),
    [
        pytest.param({}, False, id="by default"),
        pytest.param({"subjectRules": "Refuse"}, False, id="refused"),
        pytest.param({"subjectRules": "Accept"}, True, id="accepted"),
    ],
)
def test_rules_of_subjects_are_refused_unless_accepted(spec, accepts) -> None:
    assert read_policy(a_body({**LEAST, **spec})).accepts_subject_rules is accepts


def test_break_glass_duration_has_a_default() -> None:
    policy = read_policy(a_body({**LEAST, "breakGlass": {"allowed": True}}))

    assert policy.break_glass == BreakGlassRule(allowed=True, max_duration=HOUR)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"requesters": []}, "spec.requesters: ", id="no requesters"),
        pytest.param({"roles": None}, "spec.roles: ", id="no list of roles"),
        pytest.param({"subjects": None}, "spec.subjects: ", id="no subjects"),
        pytest.param({"effect": "Maybe"}, "spec.effect: ", id="an unknown effect"),
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
            id="no required approvals",
        ),
    ],
)
def test_object_that_does_not_match_the_crd_is_refused(changes, words) -> None:
    with pytest.raises(InvalidGrant) as got:
        read_policy(a_body({**LEAST, **changes}))

    assert words in str(got.value)


def test_spec_model_keeps_every_field() -> None:
    """The model uses camelCase, and neither drops nor adds fields."""
    model = AccessPolicySpec.model_validate(EVERYTHING)

    assert model.model_dump(by_alias=True, exclude_unset=True) == EVERYTHING


def test_status_model_keeps_every_field() -> None:
    condition = Condition(
        type=PolicyCondition.READY,
        status=True,
        reason=Reason.IN_USE,
        message="The policy is in use.",
    )
    status = status_of(condition, old={}, generation=2, now=NOON)
    model = AccessPolicyStatus.model_validate(status)

    assert model.model_dump(by_alias=True, exclude_unset=True) == status
    assert status["observedGeneration"] == 2
    assert status_of(condition, old=status, generation=2, now=NOON + HOUR) == status
