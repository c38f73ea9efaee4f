"""Status of an AccessPolicy, and conversion of AccessPolicies from JSON."""

from datetime import timedelta
from typing import Any

from pydantic import Field

from argogrant.api.accesspolicy_spec import (
    AccessPolicySpec,
    ApprovalRuleModel,
    ApproverModel,
    BreakGlassModel,
    JustificationRuleModel,
    RequesterModel,
)
from argogrant.api.conditions import (
    CONDITIONS_BY_TYPE,
    ConditionModel,
    StatusModel,
)
from argogrant.api.parsing import read_spec
from argogrant.grants.access.policy import (
    AccessPolicy,
    ApprovalRule,
    BreakGlassRule,
    Effect,
    JustificationRule,
    RolePattern,
    SubjectPatterns,
    pattern_problem,
)
from argogrant.grants.model.errors import InvalidGrant
from argogrant.grants.model.identity import IdentityKind, IdentityPattern
from argogrant.grants.model.window import parse_duration


class AccessPolicyStatus(StatusModel):
    """Observed state of the policy. Only the operator writes it."""

    conditions: list[ConditionModel] = Field(
        [], max_length=8, json_schema_extra=CONDITIONS_BY_TYPE
    )
    """Conditions of the policy. Ready: the operator applies the policy; if False,
    reason and message contain the cause and the remedy, and the operator adds no
    bindings until it is fixed."""


def read_policy(body: dict[str, Any]) -> AccessPolicy:
    """Parse an AccessPolicy as the API server returns it.

    Raises:
        InvalidGrant: The object does not match the CRD: it was created under an older
            CRD, or without one.
    """
    metadata, spec = body["metadata"], read_spec(AccessPolicySpec, body.get("spec"))
    return AccessPolicy(
        uid=metadata["uid"],
        name=metadata["name"],
        instances=tuple(spec.instances),
        requesters=tuple(map(_read_requester, spec.requesters)),
        subjects=SubjectPatterns(
            is_self=bool(spec.subjects.is_self),
            users=tuple(spec.subjects.users),
            groups=tuple(spec.subjects.groups),
        ),
        roles=tuple(
            RolePattern(name=role.name, project=role.project) for role in spec.roles
        ),
        effect=Effect(spec.effect),
        max_duration=_read_max_duration(spec.max_duration),
        max_extensions=spec.max_extensions,
        max_active_per_subject=spec.max_active_per_subject,
        justification=_read_justification(spec.justification),
        approval=_read_approval(spec.approval),
        break_glass=_read_break_glass(spec.break_glass),
    )


def _read_requester(model: RequesterModel) -> IdentityPattern:
    kind = IdentityKind(model.kind)
    if (kind is IdentityKind.SERVICE_ACCOUNT) != (model.namespace is not None):
        raise InvalidGrant(
            "spec.requesters: namespace is required for a ServiceAccount, and not"
            " allowed for other kinds"
        )
    return IdentityPattern(kind=kind, name=model.name, namespace=model.namespace or "")


def _read_max_duration(text: str | None) -> timedelta | None:
    return None if text is None else parse_duration(text)


def _read_justification(model: JustificationRuleModel | None) -> JustificationRule:
    if model is None:
        return JustificationRule()
    problem = pattern_problem(model.pattern or "")
    if problem is not None:
        raise InvalidGrant(f"spec.justification.pattern: {problem}")
    return JustificationRule(
        required=bool(model.required), pattern=model.pattern, hint=model.hint or ""
    )


def _read_approval(model: ApprovalRuleModel | None) -> ApprovalRule | None:
    if model is None:
        return None
    kinds = {approver.kind for approver in model.approvers}
    return ApprovalRule(
        required=model.required,
        approvers=tuple(
            _read_approver(approver)
            for approver in model.approvers
            if approver.kind in set(IdentityKind)
        ),
        integration_owners="IntegrationOwner" in kinds,
        resource_owners="ResourceOwner" in kinds,
        self_approval=bool(model.self_approval),
        timeout=parse_duration(model.timeout),
    )


def _read_approver(model: ApproverModel) -> IdentityPattern:
    if model.name is None:
        raise InvalidGrant(
            f"spec.approval.approvers: name is required for a {model.kind}"
        )
    return IdentityPattern(kind=IdentityKind(model.kind), name=model.name)


def _read_break_glass(model: BreakGlassModel | None) -> BreakGlassRule:
    if model is None:
        return BreakGlassRule()
    return BreakGlassRule(
        allowed=model.allowed, max_duration=parse_duration(model.max_duration)
    )
