"""The kind AccessPolicy: its status, and its way into the domain and back."""

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
    """Whether the policy is obeyed; written by argogrant only."""

    conditions: list[ConditionModel] = Field(
        [],
        max_length=8,
        description=(
            "What is so, and why. Ready: the policy is obeyed; if it is False, reason"
            " and message say why it can not be, and nothing is added meanwhile."
        ),
        json_schema_extra=CONDITIONS_BY_TYPE,
    )


def read_policy(body: dict[str, Any]) -> AccessPolicy:
    """Read an AccessPolicy as the API server gives it.

    Raises:
        InvalidGrant: The object is not what the CRD describes; an older CRD, or none,
            let it pass.
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
            "spec.requesters: a ServiceAccount needs its namespace, and nothing else"
            " has one"
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
        raise InvalidGrant(f"spec.approval.approvers: a {model.kind} needs a name")
    return IdentityPattern(kind=IdentityKind(model.kind), name=model.name)


def _read_break_glass(model: BreakGlassModel | None) -> BreakGlassRule:
    if model is None:
        return BreakGlassRule()
    return BreakGlassRule(
        allowed=model.allowed, max_duration=parse_duration(model.max_duration)
    )
