"""What argogrant writes about an AccessGrant, with the texts of `kubectl explain`."""

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
"""Approvals, and grants of a chain, that a status names."""


class ApprovalEntry(Model):
    """One approval, or refusal, that counted."""

    name: ObjectName = Field(description="The name of the AccessApproval.")
    approver: str = Field(
        max_length=MAX_USERNAME_LENGTH,
        description="Who agreed, or refused: a Kubernetes user name.",
    )
    decision: Literal["Approve", "Deny"] = Field(
        description="What the approver decided, Approve or Deny."
    )
    at: Instant = Field(description="When the AccessApproval was created.")


class AccessGrantStatus(StatusModel):
    """What became of the grant; written by argogrant only."""

    conditions: list[ConditionModel] = Field(
        [],
        max_length=8,
        description=(
            "What is so, and why. Approved: everybody who has to agree has agreed."
            " Ready: Argo CD's RBAC text holds the binding now; if it is False, reason"
            " and message say why and what to do. Effective: Argo CD can match the"
            " subject; False if the grant changes nothing as Argo CD is configured; the"
            " message has the remedy; absent if neither is certain. Ended: the grant is"
            " over for good; absent until that is certain."
        ),
        json_schema_extra=CONDITIONS_BY_TYPE,
    )
    started_at: Instant | None = Field(
        None,
        description=(
            "When the grant's window opened: the latest of its creation, notBefore, and"
            " the last approval that it needed. Absent before that, and if the grant"
            " had ended before it began."
        ),
    )
    expires_at: Instant | None = Field(
        None,
        description=(
            "When the access ends, or would have ended: the earliest of what was asked"
            " for and, after the start, the maxDuration of the instance and of the"
            " AccessPolicy. Before startedAt is set it is a forecast; from then on it"
            " only moves earlier. Absent while a duration waits for approvals."
        ),
    )
    ended_at: Instant | None = Field(
        None,
        description=(
            "When the grant was over: its end, or when it was found revoked. Absent"
            " while Argo CD may still allow it."
        ),
    )
    bound_as: str | None = Field(
        None,
        max_length=1024,
        description=(
            "The role exactly as it was written into Argo CD's RBAC text, such as"
            " proj:team-a:deployer. Absent if it was never written."
        ),
    )
    access_policy: ObjectName | None = Field(
        None,
        description=(
            "The AccessPolicy that admitted the grant. Absent if none had to, or none"
            " has yet."
        ),
    )
    approvals: list[ApprovalEntry] = Field(
        [],
        max_length=MAX_RECORDED,
        description="The approvals, and refusals, that counted.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    extension_of: list[ObjectName] = Field(
        [],
        max_length=MAX_RECORDED,
        description=(
            "The grants that this one continues: the one that spec.extends names, the"
            " one before that, and so on."
        ),
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    extended_by: ObjectName | None = Field(
        None, description="The grant that continues this one (its spec.extends)."
    )
    url: str | None = Field(
        None,
        max_length=512,
        description=(
            "Where people reach this Argo CD (spec.url of the ArgoCDInstance). Absent"
            " before the start, or if the instance does not say."
        ),
    )
    access_details: str | None = Field(
        None,
        max_length=MAX_DETAILS,
        description=(
            "What the holder should know (spec.accessDetails of the ArgoCDInstance),"
            " with this grant's subject, role, end and URL filled in. It follows the"
            " instance until the end, and then stays."
        ),
    )


def grant_status(
    decision: Decision,
    delivery: BindingOutcome,
    *,
    old: Mapping[str, Any],
    generation: int,
    now: datetime,
) -> dict[str, Any]:
    """Write the status of a grant from what was decided and what was delivered.

    Args:
        decision: Whether the grant is in force.
        delivery: Whether its binding is in Argo CD's RBAC text.
        old: The present status, which is carried on.
        generation: The generation of the spec that was decided about.
        now: The time of a transition, if there is one.

    Returns:
        The whole status. Equal to the present one if nothing happened.
    """
    conditions = write_conditions(
        old.get("conditions") or (),
        grant_conditions(decision, delivery),
        generation=generation,
        now=now,
    )
    if "endedAt" in old:
        conditions = _with_approval_of(old, conditions)
    status: dict[str, Any] = {
        "observedGeneration": generation,
        "conditions": conditions,
        **_approval_fields(decision, old),
        **_times(decision, delivery, old, now),
        **_access_details(decision, old),
    }
    is_its_own = (
        delivery.is_bound and decision.desired_binding is not DesiredBinding.ABSENT
    )
    if is_its_own or "boundAs" in old:
        status["boundAs"] = decision.grant.role.bound_as
    extended_by = decision.related.extended_by or old.get("extendedBy")
    if extended_by:
        status["extendedBy"] = extended_by
    return status


def _with_approval_of(
    old: Mapping[str, Any], conditions: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Leave who agreed as it was: approvals of what is over may be deleted."""
    kept = {one["type"]: one for one in old.get("conditions") or ()}
    return [
        kept.get(one["type"], one) if one["type"] == GrantCondition.APPROVED else one
        for one in conditions
    ]


def _times(
    decision: Decision, delivery: BindingOutcome, old: Mapping[str, Any], now: datetime
) -> dict[str, str]:
    """Say when it begins and ends; only what was agreed upon begins."""
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
    """Say what the holder should know; what was said last stays after the end."""
    guidance = decision.access_details
    if guidance is None or "endedAt" in old:
        kept = ("url", "accessDetails")
        return {key: old[key] for key in kept if key in old}
    said = {"url": guidance.url, "accessDetails": guidance.details}
    return {key: value for key, value in said.items() if value}


def _approval_fields(decision: Decision, old: Mapping[str, Any]) -> dict[str, Any]:
    """Say who agreed, and what was continued; what is over stays as it was."""
    agreement, chain = decision.policy_result, decision.related.chain
    said: dict[str, Any] = {
        "accessPolicy": agreement.policy or _policy_of(old),
        "approvals": [_approval(one) for one in agreement.approvals[:MAX_RECORDED]],
        "extensionOf": [grant.name for grant in chain[:MAX_RECORDED]],
    }
    if "endedAt" in old:
        said = {key: old.get(key) for key in said}
    elif "startedAt" in old and len(old.get("extensionOf") or ()) > len(chain):
        said["extensionOf"] = old["extensionOf"]
    return {key: value for key, value in said.items() if value}


def _policy_of(old: Mapping[str, Any]) -> str:
    """The policy under which a grant began, whose lowered ceiling shortens it."""
    return str(old.get("accessPolicy", "")) if "startedAt" in old else ""


def _approval(approval: Approval) -> dict[str, str]:
    return {
        "name": approval.name,
        "approver": approval.approver.username if approval.approver else "",
        "decision": str(approval.decision),
        "at": format_instant(approval.created_at),
    }
