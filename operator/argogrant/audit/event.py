"""Schema of the audit stream: CloudEvents 1.0 in structured JSON.

``docs/reference/audit.md`` is generated from the docstrings of types and fields. The
schema is stable: fields may be added, but no field is renamed or changes its meaning.
Readers ignore fields that they do not know.

Source: CloudEvents 1.0.2, "JSON Event Format".
"""

import json
from enum import StrEnum
from functools import cached_property
from typing import Final, Literal

from pydantic import Field

from argogrant.api.schema import Model

TYPE_PREFIX: Final = "dev.argogrant"


class EventType(StrEnum):
    """Event types, in the order in which one change of a grant emits them.

    The cause comes before the effect: ``approved`` before ``bound``, ``refused`` before
    ``unbound``, ``denied`` before ``ended``.
    """

    REQUESTED = "requested"
    """The operator saw the grant for the first time."""
    APPROVED = "approved"
    """An access policy, approvers or break-glass access approved the grant; `reason`,
    `policy` and `approvals` have the details. A grant that needs no approval
    (`PolicyNotRequired`) has no such event."""
    AWAITING_APPROVAL = "awaiting-approval"
    """The grant waits for approvals, or an approval that it had no longer counts."""
    BOUND = "bound"
    """Argo CD's RBAC policy contains the binding, and the API server acknowledged the
    write. The subject has the permissions of the role."""
    CAUTIONED = "cautioned"
    """The grant is bound for the first time, and its role can remove permissions or
    create access that outlasts the grant; `message` explains how."""
    INEFFECTIVE = "ineffective"
    """The grant has no effect in Argo CD as configured, for example because Argo CD
    cannot match the subject; see `reason` and `message`."""
    EXTENDED = "extended"
    """The grant is bound and continues the grant that `extends` names."""
    DENIED = "denied"
    """An approver denied the grant; `ended` follows."""
    REFUSED = "refused"
    """The grant is not in force because of its content or its requester; see `reason`
    and `message`. It may be allowed later."""
    UNBOUND = "unbound"
    """Argo CD's RBAC policy no longer contains the binding, or the role no longer has
    any effect, although the grant has not ended."""
    OVERDUE = "overdue"
    """The grant is over, but Argo CD may still allow it; `message` names the obstacle.
    `ended` follows once the revocation is certain."""
    ENDED = "ended"
    """The grant is over, and Argo CD's RBAC policy contains no trace of it; `wasBound`
    is true if it ever gave access. The reason `Deleted` means that the AccessGrant is
    being deleted."""
    DELETED = "deleted"
    """The operator deletes the AccessGrant because `spec.retention` of the instance has
    passed since its end. Emitted just before the deletion, and possibly again if the
    deletion fails."""
    CONTESTED = "contested"
    """Another program keeps changing `policy.argogrant.csv` or the members of an
    AppProject; `message` lists them, and names the program if that is recorded. There
    is one more event for each further text while the condition is True."""
    ORPHAN_REMOVED = "orphan-removed"
    """The managed key contains a binding that no grant accounts for; the next write
    removes it. Emitted just before that write, and possibly again if the write
    fails."""
    TOKEN_ROTATED = "token-rotated"  # noqa: S105 - an event type
    """A new token for the remote cluster was requested, tried and stored; `message` has
    its expiry. Missing if the operator was killed right after storing it."""
    TOKEN_AT_RISK = "token-at-risk"  # noqa: S105
    """The token for the remote cluster expires soon and is not renewed (`TokenEnding`),
    or its renewal failed (`RotationFailed`); see `message`."""
    TOKEN_REMOVED = "token-removed"  # noqa: S105
    """A token of an AppProject role was issued while a grant gave that role, and the
    grant is over; the next write of the AppProject removes the token. `message` has its
    id and times, never the token. Emitted just before that write, and possibly again if
    the write fails."""
    MEMBER_RETURNED = "member-returned"
    """A member of an AppProject role that argogrant removed at the end of a grant, or a
    token that it removed, came back without a grant. The first time, the next write
    removes it again (`MemberRemovedAgain`). After that it is kept as a decision of an
    administrator (`MemberReturned`), and `argogrant review` lists it. Emitted just
    before the write that removes or records it, and possibly again if the write
    fails."""
    MEMBER_ACKNOWLEDGED = "member-acknowledged"
    """A returned member was acknowledged, with `argogrant review --acknowledge` or the
    annotation, and is no longer reported; `message` has the reason that was given. Who
    did it is in the audit log of the API server. Emitted just before the operator
    removes the member from `status.returnedMembers`."""


class SubjectData(Model):
    """Subject that receives access."""

    kind: str
    """`User` or `Group`. Informative: Argo CD compares the name only."""
    name: str
    """Name as Argo CD knows it."""


class RequesterData(Model):
    """Requester in the spec; proven if `RequesterVerified` of the instance is True."""

    username: str
    """Kubernetes user name."""
    groups: list[str]
    """Groups of the user at the time of the request, sorted."""


class ApprovalData(Model):
    """One approval or denial that counted."""

    approver: str
    """Kubernetes user name of the approver."""
    decision: str
    """`Approve` or `Deny`."""
    comment: str | None = None
    """Comment of the approver."""
    at: str
    """Time of the approval or denial, in UTC."""


class GrantData(Model):
    """AccessGrant after the change; unknown values are omitted."""

    uid: str
    """`metadata.uid` of the AccessGrant."""
    name: str
    """Name of the AccessGrant."""
    namespace: str
    """Namespace of the AccessGrant."""
    instance: str
    """ArgoCDInstance of the AccessGrant."""
    subject: SubjectData | None = None
    """Subject that receives access."""
    role: str | None = None
    """Role as in Argo CD's RBAC policy, such as `role:deployer` or
    `proj:team-a:deployer`."""
    requester: RequesterData | None = None
    """Requester of the grant."""
    justification: str | None = None
    """Justification of the requester."""
    started_at: str | None = None
    """Start of its window, once it has opened."""
    expires_at: str | None = None
    """Expiry of the grant; a forecast until `startedAt` is present."""
    ended_at: str | None = None
    """End of the grant, once it is certain."""
    policy: str | None = None
    """AccessPolicy that allowed the grant; absent if none applies."""
    approval: str | None = None
    """Reason of the condition `Approved`, such as `PolicyNotRequired`,
    `ApprovedByReviewers` or `BreakGlass`."""
    approvals: list[ApprovalData] = Field(default=[])
    """Approvals that counted; empty if none was required."""
    break_glass: bool = False
    """The grant requests break-glass access."""
    extends: str | None = None
    """Name of the grant that this one continues."""
    was_bound: bool = False
    """The grant gives access, or gave access earlier."""
    reason: str | None = None
    """Reason of the condition, in one word."""
    message: str | None = None
    """Explanation of the reason."""


class InstanceData(Model):
    """ArgoCDInstance after the change."""

    uid: str
    """`metadata.uid` of the ArgoCDInstance."""
    name: str
    """Name of the ArgoCDInstance."""
    namespace: str
    """Namespace of the ArgoCDInstance."""
    subject: str | None = None
    """Subject of an orphaned binding, or of a returned or acknowledged member, as in
    the policy."""
    role: str | None = None
    """Role of an orphaned binding, or of a returned or acknowledged member, as in the
    policy."""
    reason: str | None = None
    """Reason of the condition, in one word."""
    message: str | None = None
    """Explanation of the reason."""


class AuditEvent(Model):
    """One line of the audit stream."""

    specversion: Literal["1.0"] = "1.0"
    """Version of CloudEvents."""
    id: str
    """Unique id of the change. An event that is emitted again, for example after a
    crash, has the same id: keep the first event of each id."""
    source: str
    """`/argogrant/<namespace>/<instance>`."""
    type: str
    """`dev.argogrant.grant.<what>` or `dev.argogrant.instance.<what>`."""
    time: str
    """Time of the event, in UTC, in milliseconds."""
    subject: str
    """`<namespace>/<name>` of the AccessGrant or the ArgoCDInstance."""
    datacontenttype: Literal["application/json"] = "application/json"
    """Media type of `data`."""
    data: GrantData | InstanceData
    """The object after the change, and the reason of the change."""

    @property
    def event_type(self) -> EventType:
        """The last part of ``type``."""
        return EventType(self.type.rpartition(".")[2])

    @cached_property
    def line(self) -> str:
        """The event as one line of printable ASCII; control characters escaped."""
        content = self.model_dump(by_alias=True, exclude_none=True)
        return json.dumps(content, ensure_ascii=True, separators=(",", ":"))
