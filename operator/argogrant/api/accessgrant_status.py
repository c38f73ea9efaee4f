"""Status of an AccessGrant, with the field descriptions of ``kubectl explain``."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import Field

from argogrant.api.conditions import (
    CONDITIONS_BY_TYPE,
    ConditionModel,
    StatusModel,
    write_conditions,
)
from argogrant.api.identity import MAX_USERNAME_LENGTH
from argogrant.api.schema import Instant, Model, ObjectName
from argogrant.grants.access.policy import Approval
from argogrant.grants.access_details import MAX_DETAILS
from argogrant.grants.conditions import BindingOutcome, grant_conditions, is_over
from argogrant.grants.decide import Decision, DesiredBinding
from argogrant.grants.model.reasons import GrantCondition
from argogrant.grants.model.window import format_instant

MAX_RECORDED: Final = 32
"""Maximum number of approvals and of extended grants in a status."""


class ApprovalEntry(Model):
    """Approval or denial that counted."""

    name: ObjectName
    """Name of the AccessApproval."""
    approver: str = Field(max_length=MAX_USERNAME_LENGTH)
    """Kubernetes user name of the approver."""
    decision: Literal["Approve", "Deny"]
    """Decision of the approver: Approve or Deny."""
    at: Instant
    """Creation time of the AccessApproval."""


class AccessGrantStatus(StatusModel):
    """Observed state of the grant. Only the operator writes it."""

    conditions: list[ConditionModel] = Field(
        [], max_length=8, json_schema_extra=CONDITIONS_BY_TYPE
    )
    """Conditions of the grant. Approved: all required approvals exist. Ready: Argo CD's
    RBAC policy contains the binding; if False, reason and message contain the cause and
    the remedy. Effective: Argo CD can match the subject; if False, the grant has no
    effect with the current configuration of Argo CD, and the message contains the
    remedy; absent if unknown. Ended: the grant has ended permanently; absent until this
    is confirmed."""
    started_at: Instant | None = None
    """Time at which the grant became active: the latest of creation, notBefore and the
    last required approval. Absent before that time, and if the grant ended before it
    started."""
    expires_at: Instant | None = None
    """Time at which the access expires: the earliest of the requested expiry and, after
    the start, maxDuration of the ArgoCDInstance and of the AccessPolicy. Before
    startedAt is set it is a forecast; from then on it only becomes earlier. Absent
    while a duration waits for approvals."""
    ended_at: Instant | None = None
    """Time at which the grant ended: its expiry, or the time at which the operator
    observed its revocation. Absent while Argo CD may still allow access."""
    bound_as: str | None = Field(None, max_length=1024)
    """Role as it was written to Argo CD's RBAC policy, such as proj:team-a:deployer.
    Absent if it was never written."""
    access_policy: ObjectName | None = None
    """Name of the AccessPolicy that allows the grant. Absent if no AccessPolicy is
    required, or if none allows the grant yet."""
    approvals: list[ApprovalEntry] = Field(
        [],
        max_length=MAX_RECORDED,
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    """Approvals and denials that counted, at most 32."""
    extension_of: list[ObjectName] = Field(
        [],
        max_length=MAX_RECORDED,
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    """Names of the extended grants: the grant in spec.extends, the grant that it
    extends, and so on; at most 32."""
    extended_by: ObjectName | None = None
    """Name of the grant that extends this grant."""
    url: str | None = Field(None, max_length=512)
    """URL of the Argo CD (spec.url of the ArgoCDInstance). Absent before the start, or
    if the instance has no URL."""
    access_details: str | None = Field(None, max_length=MAX_DETAILS)
    """Information for the user (spec.accessDetails of the ArgoCDInstance), with the
    subject, role, expiry and URL of this grant filled in. It is updated with the
    instance until the grant ends."""


def grant_status(
    decision: Decision,
    delivery: BindingOutcome,
    *,
    old: Mapping[str, Any],
    generation: int,
    now: datetime,
) -> dict[str, Any]:
    """Build the status of a grant from its decision and the state of its binding.

    Args:
        decision: Decision about the grant.
        delivery: State of its binding in Argo CD's RBAC policy.
        old: Stored status; recorded facts are kept.
        generation: Generation of the spec that the decision is about.
        now: Time of the transitions.

    Returns:
        The complete status, equal to the stored one if nothing changed.
    """
    conditions = write_conditions(
        old.get("conditions") or (),
        grant_conditions(decision, delivery),
        generation=generation,
        now=now,
    )
    if "endedAt" in old:
        conditions = _keep_approved_condition(old, conditions)
    status: dict[str, Any] = {
        "observedGeneration": generation,
        "conditions": conditions,
        **_approval_fields(decision, old),
        **_times(decision, delivery, old, now),
        **_access_details(decision, old),
    }
    has_binding = (
        delivery.is_bound and decision.desired_binding is not DesiredBinding.ABSENT
    )
    if has_binding or "boundAs" in old:
        status["boundAs"] = decision.grant.role.bound_as
    extended_by = decision.related.extended_by or old.get("extendedBy")
    if extended_by:
        status["extendedBy"] = extended_by
    return status


def _keep_approved_condition(
    old: Mapping[str, Any], conditions: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Keep the Approved condition of an ended grant: approvals may be deleted."""
    stored = {one["type"]: one for one in old.get("conditions") or ()}
    return [
        stored.get(one["type"], one) if one["type"] == GrantCondition.APPROVED else one
        for one in conditions
    ]


def _times(
    decision: Decision, delivery: BindingOutcome, old: Mapping[str, Any], now: datetime
) -> dict[str, str]:
    """Build the times; only an approved grant starts."""
    window, times = decision.window, {}
    if window.has_end:
        times["expiresAt"] = format_instant(window.end)
    if "startedAt" in old or decision.is_active(now):
        times["startedAt"] = old.get("startedAt") or format_instant(window.start)
    if is_over(decision, delivery):
        end = min(now, max(window.end, window.start))
        times["endedAt"] = old.get("endedAt") or format_instant(end)
    return times


def _access_details(decision: Decision, old: Mapping[str, Any]) -> dict[str, str]:
    """Build the information for the user; it stays unchanged after the end."""
    details = decision.access_details
    if details is None or "endedAt" in old:
        return {key: old[key] for key in ("url", "accessDetails") if key in old}
    fields = {"url": details.url, "accessDetails": details.details}
    return {key: value for key, value in fields.items() if value}


def _approval_fields(decision: Decision, old: Mapping[str, Any]) -> dict[str, Any]:
    """Build policy, approvals and extensions; they stay unchanged after the end."""
    result, chain = decision.policy_result, decision.related.chain
    fields: dict[str, Any] = {
        "accessPolicy": result.policy or _policy_of(old),
        "approvals": [_approval(one) for one in result.approvals[:MAX_RECORDED]],
        "extensionOf": [grant.name for grant in chain[:MAX_RECORDED]],
    }
    if "endedAt" in old:
        fields = {key: old.get(key) for key in fields}
    elif "startedAt" in old and len(old.get("extensionOf") or ()) > len(chain):
        fields["extensionOf"] = old["extensionOf"]
    return {key: value for key, value in fields.items() if value}


def _policy_of(old: Mapping[str, Any]) -> str:
    """Return the policy of a started grant: lowering its maxDuration shortens it."""
    return str(old.get("accessPolicy", "")) if "startedAt" in old else ""


def _approval(approval: Approval) -> dict[str, str]:
    return {
        "name": approval.name,
        "approver": approval.approver.username if approval.approver else "",
        "decision": str(approval.decision),
        "at": format_instant(approval.created_at),
    }
