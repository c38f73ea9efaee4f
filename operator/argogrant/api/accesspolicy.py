"""AccessPolicy: models, and conversion from JSON.

A policy has selectors (instances, requesters, subjects, roles) and requirements
(durations, limits, justification, approval, break-glass access).
"""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from argogrant.api.cel_rules import (
    APPROVER_RULE,
    ENOUGH_APPROVERS_RULE,
    JUSTIFICATION_PATTERN_RULE,
    POLICY_SPEC_RULE,
    REQUESTER_RULES,
    ROLE_PATTERN_RULES,
    SUBJECT_PATTERN_RULES,
    SUBJECTS_RULE,
    TEXT_RULE,
)
from argogrant.api.conditions import ConditionList, StatusModel
from argogrant.api.json_fields import get_dict, get_str
from argogrant.api.schema import (
    ATOMIC,
    MAX_USERNAME_LENGTH,
    SET,
    Duration,
    Model,
    NamespaceName,
    ObjectName,
    VisibleText,
    must,
    object_name,
    read_spec,
    validations,
)
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
from argogrant.grants.model.validation import MAX_NAME_LENGTH
from argogrant.grants.model.window import parse_duration

SubjectPattern = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_NAME_LENGTH,
        json_schema_extra=must(
            "be a name or a pattern of 1 to 256 characters, such as '*@example.com';"
            " '*' matches any text",
            *SUBJECT_PATTERN_RULES,
        ),
    ),
]


class RequesterModel(Model):
    """Pattern for requesters."""

    model_config = ConfigDict(json_schema_extra=validations(*REQUESTER_RULES))

    kind: Literal["User", "Group", "ServiceAccount"] = Field(
        json_schema_extra=must("be User, Group or ServiceAccount, such as kind: Group")
    )
    """Kind of the requester in Kubernetes. User matches the user name, Group matches
    one of the user's groups, ServiceAccount matches a service account of one namespace,
    such as the application controller of Argo CD, which applies grants from Git."""
    name: VisibleText = Field(
        min_length=1,
        max_length=MAX_USERNAME_LENGTH,
        json_schema_extra=must(
            "be a name or a pattern of 1 to 512 characters, such as developers; '*'"
            " matches any text",
            TEXT_RULE,
        ),
    )
    """Name, such as alice@example.com, developers or deployer. '*' matches any text;
    all other characters are literal. For users and groups, only a pattern that begins
    with system: matches a name that begins with system:, so '*' matches people only.
    With effect: Deny, '*' matches every requester."""
    namespace: NamespaceName | None = None
    """Namespace of the ServiceAccount, such as argocd. Required for kind
    ServiceAccount, not allowed for other kinds."""


class SubjectsModel(Model):
    """Subjects for which access may be requested; one match is sufficient."""

    is_self: bool | None = Field(None, alias="self")
    """true allows requesters to request access for themselves. The requester's user
    name must begin with identity.stripPrefix of the ArgoCDInstance; the rest must equal
    the subject."""
    users: list[SubjectPattern] = Field(
        [],
        max_length=64,
        json_schema_extra=must(
            "have at most 64 entries; '*' matches any text, such as users:"
            " ['*@example.com']",
            **SET,
        ),
    )
    """Names of subjects of kind User, such as alice@example.com or '*@example.com'. '*'
    matches any text."""
    groups: list[SubjectPattern] = Field(
        [],
        max_length=64,
        json_schema_extra=must(
            "have at most 64 entries; '*' matches any text, such as groups: ['team-*']",
            **SET,
        ),
    )
    """Names of subjects of kind Group, such as on-call or 'team-*'. '*' matches any
    text."""


class RolePatternModel(Model):
    """Pattern for roles."""

    model_config = ConfigDict(json_schema_extra=validations(*ROLE_PATTERN_RULES))

    name: VisibleText = Field(
        min_length=1,
        max_length=MAX_NAME_LENGTH,
        json_schema_extra=must(
            "be the name of a role or a pattern of 1 to 256 characters, such as"
            " role:deployer or 'role:*'; '*' matches any text",
            TEXT_RULE,
        ),
    )
    """Name of the role. Without project: a global role, such as role:deployer or
    'role:*'; '*' matches every global role, including role:admin. With project: the
    bare name of a role of these AppProjects, such as deployer or '*'."""
    project: str | None = Field(
        None,
        min_length=1,
        max_length=253,
        pattern=r"^[-a-z0-9.*]+$",
        json_schema_extra=must(
            "be the name of an AppProject or a pattern: 1 to 253 lower-case letters,"
            " digits, '-', '.' and '*', such as team-a or 'team-*'; '*' matches any"
            " text"
        ),
    )
    """AppProjects of the role, such as team-a or 'team-*'. If omitted, only global
    roles match."""


class JustificationRuleModel(Model):
    """Requirements for the justification of a grant."""

    required: bool | None = None
    """true requires a justification; a grant without one is not allowed by this policy.
    The default is false."""
    pattern: str | None = Field(
        None,
        min_length=1,
        max_length=512,
        json_schema_extra=must(
            "be a regular expression of 1 to 512 characters, such as 'CHG-[0-9]+'",
            JUSTIFICATION_PATTERN_RULE,
        ),
    )
    """Regular expression (RE2) that must match part of the justification, such as
    'CHG-[0-9]+'. To match the whole text, enclose it in '^' and '$'. An omitted
    justification is the empty text."""
    hint: str | None = Field(
        None,
        min_length=1,
        max_length=256,
        json_schema_extra=must(
            "explain the pattern in 1 to 256 characters, such as: name the change"
            " ticket"
        ),
    )
    """Explanation of the pattern, such as: name the change ticket. It is part of the
    message of a grant that is NotAllowed."""


class ApproverModel(Model):
    """Pattern for approvers."""

    model_config = ConfigDict(json_schema_extra=validations(APPROVER_RULE))

    kind: Literal["User", "Group", "IntegrationOwner", "ResourceOwner"] = Field(
        json_schema_extra=must(
            "be User, Group, IntegrationOwner or ResourceOwner, such as kind: Group"
        )
    )
    """Kind of the approver. User and Group are those of Kubernetes. IntegrationOwner:
    an owner of this Argo CD (spec.owners.integration of the ArgoCDInstance).
    ResourceOwner: the owner that the role's AppProject names, or argocd-rbac-cm for a
    global role (spec.owners.resource of the ArgoCDInstance); without such an owner it
    is the same as IntegrationOwner."""
    name: str | None = Field(
        None,
        min_length=1,
        max_length=MAX_USERNAME_LENGTH,
        json_schema_extra=must(
            "be a name or a pattern of 1 to 512 characters, such as approvers; '*'"
            " matches any text",
            TEXT_RULE,
        ),
    )
    """Name of the user or group, such as bob@example.com or approvers. '*' matches any
    text; only a pattern that begins with system: matches a name that begins with
    system:. Required for User and Group, not allowed for the owner kinds."""


class ApprovalRuleModel(Model):
    """Required approvals."""

    model_config = ConfigDict(json_schema_extra=validations(ENOUGH_APPROVERS_RULE))

    required: int = Field(
        ge=1,
        le=10,
        json_schema_extra=must(
            "be a number from 1 to 10, such as required: 1; omit approval for a policy"
            " without approvals"
        ),
    )
    """Number of different approvers that must approve, from 1 to 10, each with an
    AccessApproval. Until then the grant waits (AwaitingApproval). One denial by any
    approver ends the grant (Denied)."""
    approvers: list[ApproverModel] = Field(
        min_length=1,
        max_length=32,
        json_schema_extra=must(
            "have 1 to 32 entries, such as approvers: [{kind: Group, name: approvers}]",
            **ATOMIC,
        ),
    )
    """Patterns for users that may approve or deny; one match is sufficient."""
    self_approval: bool | None = None
    """true also counts approvals by the requester and by the user who receives access,
    if they match approvers. The default is false: another approver is required."""
    timeout: Duration = "24h"
    """Time within which a grant must be approved, counted from its creation, such as
    8h. After that time the grant has ended (ApprovalTimedOut)."""


class BreakGlassModel(Model):
    """Emergency access without approval."""

    allowed: bool = Field(
        json_schema_extra=must("be true or false, such as allowed: true")
    )
    """true allows a grant with breakGlass: true without approval. The grant requires a
    justification and must meet all other requirements of the policy."""
    max_duration: Duration = "1h"
    """Maximum duration of such a grant, such as 1h. It replaces maxDuration of the
    policy."""


class AccessPolicySpec(Model):
    """Requests that are allowed or denied, and their requirements."""

    model_config = ConfigDict(json_schema_extra=validations(POLICY_SPEC_RULE))

    instances: list[
        Annotated[
            ObjectName,
            Field(json_schema_extra=object_name("an ArgoCDInstance", "default")),
        ]
    ] = Field(
        [],
        max_length=64,
        json_schema_extra=must(
            "have at most 64 names of ArgoCDInstances, such as instances: [default];"
            " omit it for all of them",
            **SET,
        ),
    )
    """Names of the ArgoCDInstances in the namespace of the policy to which it applies.
    If omitted or empty, it applies to all of them."""
    effect: Literal["Allow", "Deny"] = Field(
        "Allow", json_schema_extra=must("be Allow or Deny, such as effect: Deny")
    )
    """Effect of a match. Allow: a grant that matches requesters, subjects and roles and
    meets all requirements is allowed, once the required approvals exist. Deny: a grant
    that matches is denied even if other policies allow it, including break-glass
    grants. Deny also matches every role that inherits a role of the policy in Argo CD
    (a g line of its RBAC policy), directly or through others. With Deny, subjects are
    compared by name only, because Argo CD does not distinguish users from groups."""
    requesters: list[RequesterModel] = Field(
        min_length=1,
        max_length=64,
        json_schema_extra=must(
            "have 1 to 64 entries, such as requesters: [{kind: Group, name:"
            " developers}]",
            **ATOMIC,
        ),
    )
    """Patterns for requesters; one match is sufficient."""
    subjects: SubjectsModel = Field(
        json_schema_extra=must(
            "name those who may receive access, such as subjects: {self: true} for the"
            " requesters themselves",
            SUBJECTS_RULE,
        )
    )
    """Subjects for which access may be requested: the requester, users, groups."""
    roles: list[RolePatternModel] = Field(
        min_length=1,
        max_length=64,
        json_schema_extra=must(
            "have 1 to 64 entries, such as roles: [{name: role:deployer}]", **ATOMIC
        ),
    )
    """Patterns for roles; one match is sufficient."""
    max_duration: Duration | None = None
    """Maximum duration of a grant, such as 4h. A grant that requests more is not
    allowed by this policy. Lowering it shortens active grants that the policy allows.
    Without approval, it also limits what one requester can schedule for the same
    subject and role: at most maxDuration, and once more for each of maxExtensions, may
    lie ahead. If omitted, only maxDuration of the ArgoCDInstance limits the
    duration."""
    max_extensions: int | None = Field(
        None,
        ge=0,
        le=30,
        json_schema_extra=must(
            "be a number from 0 to 30, such as maxExtensions: 3; 0 allows no extension"
        ),
    )
    """Maximum number of successive extensions of a grant; 0 allows none. Every grant
    counts that has the same subject and role and less than 15 minutes between it and
    the next one, whoever requested it and with or without spec.extends. If omitted,
    there is no limit."""
    max_active_per_subject: int | None = Field(
        None,
        ge=1,
        le=1000,
        json_schema_extra=must(
            "be a number from 1 to 1000, such as maxActivePerSubject: 2; effect: Deny"
            " allows no grant"
        ),
    )
    """Maximum number of concurrent grants of one subject on an ArgoCDInstance: active
    grants, and those that the subject requested and that wait for approval or start
    later. A grant that another user requested counts from its start; at that time it
    waits if the number is reached. Grants with breakGlass are counted apart. If
    omitted, there is no limit."""
    justification: JustificationRuleModel | None = None
    """Requirements for spec.justification of a grant."""
    approval: ApprovalRuleModel | None = None
    """Required approvals. If omitted, the policy allows a grant without approval
    (AutoApproved)."""
    break_glass: BreakGlassModel | None = None
    """Emergency access without approval, for grants with breakGlass: true. If omitted,
    it is not allowed."""
    subject_rules: Literal["Accept", "Refuse"] | None = Field(
        None,
        json_schema_extra=must("be Accept or Refuse, such as subjectRules: Accept"),
    )
    """Treatment of rules that Argo CD has for the subject itself ('p, my-org:ops, …'),
    which a grant would activate. Argo CD applies them to a group or an address only
    once a 'g' line names it, so the first grant would give more than its role. Refuse,
    the default: such a grant is not allowed by this policy (SubjectHasRules), and an
    active grant ends if such rules are added. Accept: it is allowed, and its status
    lists the rules."""


class AccessPolicyStatus(StatusModel):
    """Observed state of the policy. Only the operator writes it."""

    conditions: ConditionList = Field([])
    """Conditions of the policy. Ready: the operator applies the policy; if False,
    reason and message contain the cause and the remedy, and the operator adds no
    bindings in this namespace until the policy is fixed or deleted."""


def read_policy(body: dict[str, Any]) -> AccessPolicy:
    """Parse an AccessPolicy as the API server returns it.

    Raises:
        InvalidGrant: The object does not match the CRD.
    """
    metadata = get_dict(body, "metadata")
    spec = read_spec(AccessPolicySpec, body.get("spec"))
    duration = spec.max_duration
    return AccessPolicy(
        uid=get_str(metadata, "uid"),
        name=get_str(metadata, "name"),
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
        max_duration=None if duration is None else parse_duration(duration),
        max_extensions=spec.max_extensions,
        max_active_per_subject=spec.max_active_per_subject,
        justification=_read_justification(spec.justification),
        approval=_read_approval(spec.approval),
        break_glass=_read_break_glass(spec.break_glass),
        accepts_subject_rules=spec.subject_rules == "Accept",
    )


def _read_requester(model: RequesterModel) -> IdentityPattern:
    kind = IdentityKind(model.kind)
    if (kind is IdentityKind.SERVICE_ACCOUNT) != (model.namespace is not None):
        raise InvalidGrant(
            "spec.requesters: namespace is required for a ServiceAccount, and not"
            " allowed for other kinds"
        )
    return IdentityPattern(kind=kind, name=model.name, namespace=model.namespace or "")


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
