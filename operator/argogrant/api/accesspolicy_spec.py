"""What a person writes into an AccessPolicy, with the texts of `kubectl explain`.

Whom and what an AccessPolicy is about: requesters, subjects, roles.

What an AccessPolicy demands: a justification, approvals, brevity.
"""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from argogrant.api.cel_rules import (
    APPROVAL_RULE_RULES,
    APPROVER_RULES,
    JUSTIFICATION_PATTERN_RULES,
    POLICY_SPEC_RULES,
    REQUESTER_RULES,
    ROLE_PATTERN_RULES,
    SUBJECT_PATTERN_RULES,
    SUBJECTS_RULES,
    TEXT_RULE,
)
from argogrant.api.identity import MAX_USERNAME_LENGTH
from argogrant.api.schema import Duration, Model, ObjectName, validations
from argogrant.grants.model.validation import MAX_NAME_LENGTH

SubjectPattern = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_NAME_LENGTH,
        json_schema_extra=validations(*SUBJECT_PATTERN_RULES),
    ),
]


class RequesterModel(Model):
    """Somebody who may ask."""

    model_config = ConfigDict(json_schema_extra=validations(*REQUESTER_RULES))

    kind: Literal["User", "Group", "ServiceAccount"] = Field(
        description=(
            "What the name is compared with: User with the user name that the API"
            " server knows, Group with each of the person's groups there,"
            " ServiceAccount with a service account of one namespace, such as the one"
            " with which Argo CD applies grants from Git."
        )
    )
    name: str = Field(
        min_length=1,
        max_length=MAX_USERNAME_LENGTH,
        description=(
            "The name, such as alice@example.com, developers or deployer; '*' stands"
            " for any text, every other character for itself. A pattern for users or"
            " groups matches a name that begins with system: only if it begins so"
            " itself: '*' means people. With effect: Deny it means everybody."
        ),
        json_schema_extra=validations(TEXT_RULE),
    )
    namespace: str | None = Field(
        None,
        min_length=1,
        max_length=63,
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        description=(
            "The namespace of a ServiceAccount, such as argocd. The other kinds have"
            " none."
        ),
    )


class SubjectsModel(Model):
    """For whom access may be asked; it is enough that one of these matches."""

    model_config = ConfigDict(json_schema_extra=validations(*SUBJECTS_RULES))

    is_self: bool | None = Field(
        None,
        alias="self",
        description=(
            "true: for oneself. The requester's user name has to begin with the"
            " ArgoCDInstance's identity.stripPrefix, and what follows is what Argo CD"
            " sees."
        ),
    )
    users: list[SubjectPattern] = Field(
        [],
        max_length=64,
        description=(
            "For these subjects of kind User, such as alice@example.com or"
            " '*@example.com'; '*' stands for any text."
        ),
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    groups: list[SubjectPattern] = Field(
        [],
        max_length=64,
        description=(
            "For these subjects of kind Group, such as on-call or 'team-*'; '*' stands"
            " for any text."
        ),
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )


class RolePatternModel(Model):
    """Roles that may be asked for."""

    model_config = ConfigDict(json_schema_extra=validations(*ROLE_PATTERN_RULES))

    name: str = Field(
        min_length=1,
        max_length=MAX_NAME_LENGTH,
        description=(
            "Without project: global roles, such as role:deployer or 'role:*'; '*'"
            " alone means every global role, role:admin too. With project: bare names"
            " of roles of such projects, such as deployer or '*'."
        ),
        json_schema_extra=validations(TEXT_RULE),
    )
    project: str | None = Field(
        None,
        min_length=1,
        max_length=253,
        pattern=r"^[-a-z0-9.*]+$",
        description=(
            "The AppProjects whose roles these are, such as team-a or 'team-*'. Left"
            " out: global roles only."
        ),
    )


class JustificationRuleModel(Model):
    """What a justification has to be."""

    required: bool | None = Field(
        None,
        description="true: a grant without a justification is NotAllowed.",
    )
    pattern: str | None = Field(
        None,
        min_length=1,
        max_length=512,
        description=(
            "A regular expression (RE2) that has to be found in the justification, such"
            " as 'CHG-[0-9]+'; write '^' and '$' around one that the whole text has to"
            " fit. A grant without a justification fits only a pattern that"
            " matches an empty text."
        ),
        json_schema_extra=validations(*JUSTIFICATION_PATTERN_RULES),
    )
    hint: str | None = Field(
        None,
        min_length=1,
        max_length=256,
        description=(
            "What to write, in words, such as: name the change ticket. It is shown to"
            " whoever is refused."
        ),
    )


class ApproverModel(Model):
    """Somebody who may approve."""

    model_config = ConfigDict(json_schema_extra=validations(*APPROVER_RULES))

    kind: Literal["User", "Group", "IntegrationOwner", "ResourceOwner"] = Field(
        description=(
            "User or Group, as the API server knows the approver; IntegrationOwner:"
            " whom the ArgoCDInstance names (spec.owners.integration); ResourceOwner:"
            " whom the AppProject of the role names (spec.owners.resource), or, if it"
            " names nobody, the integration's owners."
        )
    )
    name: str | None = Field(
        None,
        min_length=1,
        max_length=MAX_USERNAME_LENGTH,
        description=(
            "The user or the group, such as bob@example.com or approvers; '*' stands"
            " for any text, and matches a name that begins with system: only in a"
            " pattern that begins so itself."
        ),
        json_schema_extra=validations(TEXT_RULE),
    )


class ApprovalRuleModel(Model):
    """Who has to agree, and until when."""

    model_config = ConfigDict(json_schema_extra=validations(*APPROVAL_RULE_RULES))

    required: int = Field(
        ge=1,
        le=10,
        description=(
            "How many different people have to approve, each with an AccessApproval."
            " Until then the grant waits (AwaitingApproval). One refusal by any of the"
            " approvers ends it (Denied)."
        ),
    )
    approvers: list[ApproverModel] = Field(
        min_length=1,
        max_length=32,
        description="Who may approve or refuse; it is enough that one matches.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    self_approval: bool | None = Field(
        None,
        description=(
            "true: also an approval by the requester, or by the user who receives the"
            " access, counts, if approvers names them. Otherwise somebody else has to"
            " agree."
        ),
    )
    timeout: Duration = Field(
        "24h",
        description=(
            "How long after its creation a grant can be approved, such as 8h. After"
            " that it is over (ApprovalTimedOut)."
        ),
    )


class BreakGlassModel(Model):
    """Whether access in an emergency is given at once, and for how long."""

    allowed: bool = Field(
        description=(
            "true: a grant with breakGlass: true is admitted without approval. It needs"
            " a justification, and everything else that this policy asks for."
        )
    )
    max_duration: Duration = Field(
        "1h",
        description=(
            "The longest time that such a grant may ask for, such as 1h, instead of"
            " the policy's maxDuration."
        ),
    )


class AccessPolicySpec(Model):
    """Who may ask for which roles and for whom, and who has to agree."""

    model_config = ConfigDict(json_schema_extra=validations(*POLICY_SPEC_RULES))

    instances: list[ObjectName] = Field(
        [],
        max_length=64,
        description=(
            "The ArgoCDInstances of this namespace that the policy is about, by name."
            " Left out or empty: all of them."
        ),
        json_schema_extra={"x-kubernetes-list-type": "set"},
    )
    effect: Literal["Allow", "Deny"] = Field(
        "Allow",
        description=(
            "Allow: whoever fits everything here gets what was asked for, once as many"
            " have approved as approval asks for. Deny: whatever fits requesters,"
            " subjects and roles is refused, whatever other policies allow, in an"
            " emergency as well; subjects are compared by name alone there, since a"
            " group of that name is a user of that name to Argo CD."
        ),
    )
    requesters: list[RequesterModel] = Field(
        min_length=1,
        max_length=64,
        description="Who may ask; it is enough that one of these matches.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    subjects: SubjectsModel = Field(
        description="For whom they may ask: for themselves, or for users and groups."
    )
    roles: list[RolePatternModel] = Field(
        min_length=1,
        max_length=64,
        description="What they may ask for; it is enough that one of these matches.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    max_duration: Duration | None = Field(
        None,
        description=(
            "The longest time that may be asked for, such as 4h. A grant that asks for"
            " more is NotAllowed by this policy. Lowering it shortens running grants"
            " that the policy has admitted. Left out: the ArgoCDInstance's ceiling"
            " alone."
        ),
    )
    max_extensions: int | None = Field(
        None,
        ge=0,
        le=30,
        description=(
            "How many grants may continue each other (spec.extends) after the first; 0:"
            " none. Left out: any number."
        ),
    )
    max_active_per_subject: int | None = Field(
        None,
        ge=1,
        le=1000,
        description=(
            "How many grants one subject may have on an ArgoCDInstance at the same"
            " time, those that wait or begin later included. Left out: any number."
        ),
    )
    justification: JustificationRuleModel | None = Field(
        None, description="What spec.justification of a grant has to be."
    )
    approval: ApprovalRuleModel | None = Field(
        None,
        description=(
            "Who has to agree. Left out: nobody; the policy admits at once"
            " (AutoApproved)."
        ),
    )
    break_glass: BreakGlassModel | None = Field(
        None,
        description=(
            "Whether access in an emergency (breakGlass: true in a grant) is given"
            " without approval. Left out: it is not."
        ),
    )
