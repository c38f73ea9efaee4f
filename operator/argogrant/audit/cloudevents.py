"""The stable form of the audit stream: CloudEvents 1.0 in structured JSON.

``docs/reference/audit.md`` is generated from here. Fields are added, never renamed or
given another meaning; readers ignore what they do not know.

Source: CloudEvents 1.0.2, "JSON Event Format".
"""

import json
from datetime import datetime
from typing import Final, Literal

from pydantic import Field

from argogrant.api.schema import Model

TYPE_PREFIX: Final = "dev.argogrant"


class SubjectData(Model):
    """Who receives access."""

    kind: str = Field(description="`User` or `Group`; advice, Argo CD compares text.")
    name: str = Field(description="The name as Argo CD sees it.")


class RequesterData(Model):
    """Who asked, as the grant says; `RequesterVerified` says whether to believe it."""

    username: str = Field(description="The Kubernetes user name.")
    groups: list[str] = Field(description="The groups of the request, sorted.")


class ApprovalData(Model):
    """One approval, or refusal, that counted."""

    approver: str = Field(description="The Kubernetes user name of who said it.")
    decision: str = Field(description="`Approve` or `Deny`.")
    comment: str | None = Field(default=None, description="What the approver wrote.")
    at: str = Field(description="When it was given, in UTC.")


class GrantData(Model):
    """An AccessGrant, and what happened to it. What is not known is left out."""

    uid: str = Field(description="`metadata.uid` of the AccessGrant.")
    name: str = Field(description="Its name.")
    namespace: str = Field(description="Its namespace.")
    instance: str = Field(description="The ArgoCDInstance that it names.")
    subject: SubjectData | None = Field(
        default=None, description="Who receives access."
    )
    role: str | None = Field(
        default=None,
        description=(
            "The role as Argo CD says it, `role:deployer` or `proj:team-a:deployer`."
        ),
    )
    requester: RequesterData | None = Field(default=None, description="Who asked.")
    justification: str | None = Field(
        default=None, description="What the requester wrote."
    )
    started_at: str | None = Field(default=None, description="When its window opened.")
    expires_at: str | None = Field(
        default=None,
        description="When it ends or would have ended; a forecast until started.",
    )
    ended_at: str | None = Field(default=None, description="When it was over.")
    policy: str | None = Field(
        default=None,
        description="The AccessPolicy that admitted it; absent if none had to.",
    )
    approval: str | None = Field(
        default=None,
        description=(
            "The reason of the condition `Approved`, such as `PolicyNotRequired`,"
            " `ApprovedByReviewers` or `BreakGlass`."
        ),
    )
    approvals: list[ApprovalData] = Field(
        default=[], description="The approvals that counted; empty if none had to."
    )
    break_glass: bool = Field(
        default=False, description="Access was asked for in an emergency."
    )
    extends: str | None = Field(
        default=None, description="The grant that it continues."
    )
    was_bound: bool = Field(
        default=False, description="It has given access, now or earlier."
    )
    reason: str | None = Field(
        default=None, description="Why, in one word, as the condition says it."
    )
    message: str | None = Field(default=None, description="Why, in words for people.")


class InstanceData(Model):
    """An ArgoCDInstance, and what happened to it."""

    uid: str = Field(description="`metadata.uid` of the ArgoCDInstance.")
    name: str = Field(description="Its name.")
    namespace: str = Field(description="Its namespace.")
    subject: str | None = Field(
        default=None, description="Of an orphan: who was bound, as the line said it."
    )
    role: str | None = Field(
        default=None, description="Of an orphan: to which role, as the line said it."
    )
    reason: str | None = Field(
        default=None, description="Why, in one word, as the condition says it."
    )
    message: str | None = Field(default=None, description="Why, in words for people.")


class AuditEvent(Model):
    """One line of the audit stream."""

    specversion: Literal["1.0"] = Field(
        default="1.0", description="The version of CloudEvents."
    )
    id: str = Field(
        description=(
            "The same if an occurrence is told again, after a crash for instance;"
            " another one for another occurrence. Keep the first event of an id."
        )
    )
    source: str = Field(description="`/argogrant/<namespace>/<instance>`.")
    type: str = Field(
        description="`dev.argogrant.grant.<what>` or `dev.argogrant.instance.<what>`."
    )
    time: str = Field(
        description="When the operator told of it, in UTC, to the millisecond."
    )
    subject: str = Field(
        description="`<namespace>/<name>` of the AccessGrant or the ArgoCDInstance."
    )
    datacontenttype: Literal["application/json"] = Field(
        default="application/json", description="What `data` is."
    )
    data: GrantData | InstanceData = Field(
        description="The object and what happened to it."
    )


def line_of(event: AuditEvent) -> str:
    """Write an event as one line of printable ASCII, whatever its strings hold."""
    content = event.model_dump(by_alias=True, exclude_none=True)
    return json.dumps(content, ensure_ascii=True, separators=(",", ":"))


def format_time(instant: datetime) -> str:
    """Write an instant in UTC to the millisecond, ``2026-11-24T18:00:00.250Z``."""
    text = instant.isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
