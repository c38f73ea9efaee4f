"""Schema of the audit stream: CloudEvents 1.0 in structured JSON.

``docs/reference/audit.md`` is generated from these models. The schema is stable: fields
may be added, but no field is renamed or changes its meaning. Readers ignore fields that
they do not know.

Source: CloudEvents 1.0.2, "JSON Event Format".
"""

import json
from datetime import datetime
from typing import Final, Literal

from pydantic import Field

from argogrant.api.schema import Model

TYPE_PREFIX: Final = "dev.argogrant"


class SubjectData(Model):
    """Subject that receives access."""

    kind: str = Field(
        description="`User` or `Group`. Informative: Argo CD compares the name only."
    )
    name: str = Field(description="Name as Argo CD knows it.")


class RequesterData(Model):
    """Requester in the spec; proven if `RequesterVerified` of the instance is True."""

    username: str = Field(description="Kubernetes user name.")
    groups: list[str] = Field(
        description="Groups of the user at the time of the request, sorted."
    )


class ApprovalData(Model):
    """One approval or denial that counted."""

    approver: str = Field(description="Kubernetes user name of the approver.")
    decision: str = Field(description="`Approve` or `Deny`.")
    comment: str | None = Field(default=None, description="Comment of the approver.")
    at: str = Field(description="Time of the approval or denial, in UTC.")


class GrantData(Model):
    """AccessGrant after the change; unknown values are omitted."""

    uid: str = Field(description="`metadata.uid` of the AccessGrant.")
    name: str = Field(description="Name of the AccessGrant.")
    namespace: str = Field(description="Namespace of the AccessGrant.")
    instance: str = Field(description="ArgoCDInstance of the AccessGrant.")
    subject: SubjectData | None = Field(
        default=None, description="Subject that receives access."
    )
    role: str | None = Field(
        default=None,
        description=(
            "Role as in Argo CD's RBAC policy, such as `role:deployer` or"
            " `proj:team-a:deployer`."
        ),
    )
    requester: RequesterData | None = Field(
        default=None, description="Requester of the grant."
    )
    justification: str | None = Field(
        default=None, description="Justification of the requester."
    )
    started_at: str | None = Field(
        default=None, description="Start of its window, once it has opened."
    )
    expires_at: str | None = Field(
        default=None,
        description="Expiry of the grant; a forecast until `startedAt` is present.",
    )
    ended_at: str | None = Field(
        default=None, description="End of the grant, once it is certain."
    )
    policy: str | None = Field(
        default=None,
        description="AccessPolicy that allowed the grant; absent if none applies.",
    )
    approval: str | None = Field(
        default=None,
        description=(
            "Reason of the condition `Approved`, such as `PolicyNotRequired`,"
            " `ApprovedByReviewers` or `BreakGlass`."
        ),
    )
    approvals: list[ApprovalData] = Field(
        default=[], description="Approvals that counted; empty if none was required."
    )
    break_glass: bool = Field(
        default=False, description="The grant requests break-glass access."
    )
    extends: str | None = Field(
        default=None, description="Name of the grant that this one continues."
    )
    was_bound: bool = Field(
        default=False, description="The grant gives access, or gave access earlier."
    )
    reason: str | None = Field(
        default=None, description="Reason of the condition, in one word."
    )
    message: str | None = Field(default=None, description="Explanation of the reason.")


class InstanceData(Model):
    """ArgoCDInstance after the change."""

    uid: str = Field(description="`metadata.uid` of the ArgoCDInstance.")
    name: str = Field(description="Name of the ArgoCDInstance.")
    namespace: str = Field(description="Namespace of the ArgoCDInstance.")
    subject: str | None = Field(
        default=None, description="Subject of an orphaned binding, as in the policy."
    )
    role: str | None = Field(
        default=None, description="Role of an orphaned binding, as in the policy."
    )
    reason: str | None = Field(
        default=None, description="Reason of the condition, in one word."
    )
    message: str | None = Field(default=None, description="Explanation of the reason.")


class AuditEvent(Model):
    """One line of the audit stream."""

    specversion: Literal["1.0"] = Field(
        default="1.0", description="Version of CloudEvents."
    )
    id: str = Field(
        description=(
            "Unique id of the change. An event that is emitted again, for example after"
            " a crash, has the same id: keep the first event of each id."
        )
    )
    source: str = Field(description="`/argogrant/<namespace>/<instance>`.")
    type: str = Field(
        description="`dev.argogrant.grant.<what>` or `dev.argogrant.instance.<what>`."
    )
    time: str = Field(description="Time of the event, in UTC, in milliseconds.")
    subject: str = Field(
        description="`<namespace>/<name>` of the AccessGrant or the ArgoCDInstance."
    )
    datacontenttype: Literal["application/json"] = Field(
        default="application/json", description="Media type of `data`."
    )
    data: GrantData | InstanceData = Field(
        description="The object after the change, and the reason of the change."
    )


def to_line(event: AuditEvent) -> str:
    """Return an event as one line of printable ASCII; control characters escaped."""
    content = event.model_dump(by_alias=True, exclude_none=True)
    return json.dumps(content, ensure_ascii=True, separators=(",", ":"))


def format_time(instant: datetime) -> str:
    """Return a UTC time in milliseconds, such as ``2026-11-24T18:00:00.250Z``."""
    text = instant.isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
