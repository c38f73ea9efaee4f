"""The kind AccessApproval: what it holds, and its way into the domain and back."""

from typing import Any, Final, Literal

from pydantic import ConfigDict, Field

from argogrant.api.conditions import (
    CONDITIONS_BY_TYPE,
    ConditionModel,
    StatusModel,
)
from argogrant.api.identity import IdentityModel, read_identity
from argogrant.api.parsing import read_spec
from argogrant.api.schema import Model, ObjectName, validations
from argogrant.grants.access.policy import Approval, ApprovalDecision
from argogrant.grants.model.window import parse_instant

APPROVAL_RULES: Final = (
    (
        "self == oldSelf",
        "an approval can not change after creation; delete it and create another",
    ),
)


class GrantReference(Model):
    """The grant that is meant."""

    name: ObjectName = Field(
        description="The name of an AccessGrant in the approval's own namespace."
    )
    uid: str = Field(
        min_length=1,
        max_length=128,
        pattern=r"^[-a-zA-Z0-9]+$",
        description=(
            "The metadata.uid of that grant, as `kubectl get accessgrant NAME -o"
            " jsonpath='{.metadata.uid}'` prints it: a grant that is created anew under"
            " the same name is not approved by it (AnotherGrant)."
        ),
    )


class AccessApprovalSpec(Model):
    """What an approver decided about one grant."""

    model_config = ConfigDict(json_schema_extra=validations(*APPROVAL_RULES))

    grant: GrantReference = Field(description="The grant that this is about.")
    decision: Literal["Approve", "Deny"] = Field(
        description=(
            "Approve: it counts towards what the AccessPolicy asks for. Deny: one"
            " refusal by somebody who may approve ends the grant for good."
        )
    )
    comment: str | None = Field(
        None,
        max_length=1024,
        description=(
            "Why, for whoever reads it later, such as: not during the freeze. The grant"
            " shows the comment of a refusal."
        ),
    )
    approver: IdentityModel | None = Field(
        None,
        description=(
            "Who decides: exactly the user who creates the approval. The admission"
            " policies in admission/ fill it in or demand it, and refuse everybody"
            " else's name; where they are not installed, nobody vouches for it and the"
            " approval does not count (ApproverUnverified)."
        ),
    )


class AccessApprovalStatus(StatusModel):
    """Whether the approval counts; written by argogrant only."""

    conditions: list[ConditionModel] = Field(
        [],
        max_length=8,
        description=(
            "What is so, and why. Counted: the approval, or the refusal, counts; if it"
            " is False, reason and message say why it does not."
        ),
        json_schema_extra=CONDITIONS_BY_TYPE,
    )


def read_approval(body: dict[str, Any]) -> Approval:
    """Read an AccessApproval as the API server gives it.

    Raises:
        InvalidGrant: The object is not what the CRD describes; an older CRD, or none,
            let it pass.
    """
    metadata, spec = body["metadata"], read_spec(AccessApprovalSpec, body.get("spec"))
    return Approval(
        uid=metadata["uid"],
        name=metadata["name"],
        grant_name=spec.grant.name,
        grant_uid=spec.grant.uid,
        decision=ApprovalDecision(spec.decision),
        approver=read_identity(spec.approver),
        created_at=parse_instant(metadata["creationTimestamp"]),
        comment=spec.comment or "",
        being_deleted="deletionTimestamp" in metadata,
    )
