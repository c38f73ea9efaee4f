"""What a person writes into an AccessPolicy, with the texts of `kubectl explain`."""

from typing import Literal

from pydantic import ConfigDict, Field

from argogrant.api.fields import Duration, ObjectName
from argogrant.api.policydemands import (
    ApprovalRuleModel,
    BreakGlassModel,
    JustificationRuleModel,
)
from argogrant.api.policymatches import RequesterModel, RolePatternModel, SubjectsModel
from argogrant.api.policyrules import POLICY_SPEC_RULES
from argogrant.api.schema import Model, validations


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
