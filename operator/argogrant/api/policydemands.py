"""What an AccessPolicy demands: a justification, approvals, brevity."""

from typing import Literal

from pydantic import ConfigDict, Field

from argogrant.api.cel_rules import TEXT_RULE
from argogrant.api.fields import Duration
from argogrant.api.identity import MAX_USERNAME_LENGTH
from argogrant.api.policyrules import (
    APPROVAL_RULE_RULES,
    APPROVER_RULES,
    JUSTIFICATION_PATTERN_RULES,
)
from argogrant.api.schema import Model, validations


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
