"""Models of AccessApproval, and conversion of AccessApprovals from JSON."""

from typing import Any, Final, Literal

from pydantic import ConfigDict, Field

from argogrant.api.conditions import ConditionList, StatusModel
from argogrant.api.json_fields import get_dict, get_str
from argogrant.api.schema import (
    IdentityModel,
    Model,
    ObjectName,
    must,
    read_identity,
    read_spec,
    validations,
)
from argogrant.grants.access.policy import Approval, ApprovalDecision
from argogrant.grants.model.window import parse_instant

APPROVAL_RULE: Final = (
    "self == oldSelf",
    "an AccessApproval is immutable; delete it and create another",
)


class GrantReference(Model):
    """Reference to one AccessGrant."""

    name: ObjectName
    """Name of an AccessGrant in the namespace of the approval."""
    uid: str = Field(
        min_length=1,
        max_length=128,
        pattern=r"^[-a-zA-Z0-9]+$",
        json_schema_extra=must(
            "be metadata.uid of the AccessGrant, such as"
            " 5b0cb1a5-2f4e-4f0c-9a52-3f8f6c1c9f10; `kubectl get accessgrant NAME -o"
            " jsonpath='{.metadata.uid}'` prints it"
        ),
    )
    """metadata.uid of the grant: `kubectl get accessgrant NAME -o
    jsonpath='{.metadata.uid}'`. An approval never counts for another grant that is
    created with the same name (AnotherGrant)."""


class AccessApprovalSpec(Model):
    """Decision of an approver about one grant. Immutable."""

    model_config = ConfigDict(json_schema_extra=validations(APPROVAL_RULE))

    grant: GrantReference = Field(
        json_schema_extra=must(
            "be the AccessGrant to approve or deny, such as grant: {name: deploy-4711,"
            " uid: 5b0cb1a5-2f4e-4f0c-9a52-3f8f6c1c9f10}"
        )
    )
    """Grant to approve or deny."""
    decision: Literal["Approve", "Deny"] = Field(
        json_schema_extra=must("be Approve or Deny, such as decision: Approve")
    )
    """Decision of the approver. Approve counts towards the approvals that the
    AccessPolicy requires. One Deny of an approver ends the grant permanently."""
    comment: str | None = Field(
        None,
        max_length=1024,
        json_schema_extra=must(
            "be the reason of the decision in at most 1024 characters, such as: not"
            " during the freeze"
        ),
    )
    """Reason of the decision, such as: not during the freeze. The conditions of a
    denied grant contain it."""
    approver: IdentityModel | None = None
    """Kubernetes user who creates the approval. The admission policies in admission/
    set this field or require it, and reject the name of another user. If they are not
    installed, the approver is not verified and the approval does not count
    (ApproverUnverified)."""


class AccessApprovalStatus(StatusModel):
    """Observed state of the approval. Only the operator writes it."""

    conditions: ConditionList = Field([])
    """Conditions of the approval. Counted: the approval or denial counts; if False,
    reason and message contain the cause and the remedy."""


def read_approval(body: dict[str, Any]) -> Approval:
    """Parse an AccessApproval as the API server returns it.

    Raises:
        InvalidGrant: The object does not match the CRD.
    """
    metadata = get_dict(body, "metadata")
    spec = read_spec(AccessApprovalSpec, body.get("spec"))
    return Approval(
        uid=get_str(metadata, "uid"),
        name=get_str(metadata, "name"),
        grant_name=spec.grant.name,
        grant_uid=spec.grant.uid,
        decision=ApprovalDecision(spec.decision),
        approver=read_identity(spec.approver),
        created_at=parse_instant(get_str(metadata, "creationTimestamp")),
        comment=spec.comment or "",
        being_deleted="deletionTimestamp" in metadata,
    )
