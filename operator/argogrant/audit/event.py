"""Events of the audit stream: the changed object, and its CloudEvent."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from argogrant.audit.cloudevents import (
    TYPE_PREFIX,
    ApprovalData,
    AuditEvent,
    GrantData,
    InstanceData,
    RequesterData,
    SubjectData,
    format_time,
    to_line,
)
from argogrant.audit.transitions import Transition, event_id
from argogrant.grants.access.policy import Approval
from argogrant.grants.model.grant import Grant
from argogrant.grants.model.identity import Identity
from argogrant.grants.model.reasons import GrantCondition
from argogrant.grants.model.stored_condition import Conditions


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectRef:
    """Reference to the object that changed, and to its instance."""

    kind: str
    """``AccessGrant`` or ``ArgoCDInstance``."""
    uid: str
    namespace: str
    name: str
    instance: str

    @property
    def source(self) -> str:
        """The ``source`` of its CloudEvents."""
        return f"/argogrant/{self.namespace}/{self.instance}"


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantChange:
    """The status of a grant, as stored and as it is about to be written."""

    ref: ObjectRef
    grant: Grant | None
    """None if the spec is invalid."""
    stored: Mapping[str, Any]
    """The status that the API server is known to have, never one to be written."""
    new: Mapping[str, Any]
    """The status that is about to be written."""
    conditions: Conditions
    """The conditions of the new status."""
    now: datetime
    is_overdue: bool = False
    """The grant is over, but Argo CD may still allow it."""
    binding_found: bool = False
    """Argo CD's RBAC policy contained the binding before the last write, and no other
    grant accounts for it."""
    approvals: Sequence[Approval] = ()
    """The approvals that count, for their comments."""
    role_warning: str = ""
    """Risk of the role, as a sentence."""


@dataclass(frozen=True)
class AuditRecord:
    """One event: the object, its transition, and the CloudEvent."""

    ref: ObjectRef
    transition: Transition
    event: AuditEvent

    @cached_property
    def line(self) -> str:
        """The event as one line; several listeners need it."""
        return to_line(self.event)


def audit_record(
    ref: ObjectRef,
    transition: Transition,
    data: GrantData | InstanceData,
    *,
    key: str,
    now: datetime,
) -> AuditRecord:
    """Build an event.

    Args:
        ref: The object that changed.
        transition: The change.
        data: The object after the change.
        key: Text that distinguishes the event from others of its type and object.
        now: Time of the event.
    """
    kind = "grant" if isinstance(data, GrantData) else "instance"
    event = AuditEvent(
        id=event_id(ref.uid, transition.type, key),
        source=ref.source,
        type=f"{TYPE_PREFIX}.{kind}.{transition.type}",
        time=format_time(now),
        subject=f"{ref.namespace}/{ref.name}",
        data=data,
    )
    return AuditRecord(ref, transition, event)


def grant_data(
    change: GrantChange, transition: Transition, *, was_bound: bool
) -> GrantData:
    """Return the data of an event about a grant."""
    ref, status = change.ref, change.new
    approved = change.conditions.get(GrantCondition.APPROVED)
    data = GrantData(
        uid=ref.uid,
        name=ref.name,
        namespace=ref.namespace,
        instance=ref.instance,
        started_at=status.get("startedAt"),
        expires_at=status.get("expiresAt"),
        ended_at=status.get("endedAt"),
        policy=status.get("accessPolicy"),
        approval=approved.reason if approved else None,
        approvals=list(_approvals(change)),
        was_bound=was_bound,
        reason=transition.reason or None,
        message=transition.message or None,
    )
    return data if change.grant is None else _with_spec(data, change.grant)


def instance_data(ref: ObjectRef, transition: Transition) -> InstanceData:
    """Return the data of an event about an instance."""
    binding = transition.binding
    return InstanceData(
        uid=ref.uid,
        name=ref.name,
        namespace=ref.namespace,
        subject=binding.subject if binding else None,
        role=binding.role if binding else None,
        reason=transition.reason or None,
        message=transition.message or None,
    )


def _with_spec(data: GrantData, grant: Grant) -> GrantData:
    subject = SubjectData(kind=str(grant.subject.kind), name=grant.subject.name)
    return data.model_copy(
        update={
            "subject": subject,
            "role": grant.role.bound_as,
            "requester": _requester_data(grant.requester),
            "justification": grant.justification or None,
            "break_glass": grant.break_glass,
            "extends": grant.extends,
        }
    )


def _requester_data(requester: Identity | None) -> RequesterData | None:
    if requester is None:
        return None
    return RequesterData(username=requester.username, groups=sorted(requester.groups))


def _approvals(change: GrantChange) -> Iterator[ApprovalData]:
    """Return the approvals that the status lists, with their comments."""
    comments = {one.name: one.comment for one in change.approvals}
    for entry in change.new.get("approvals") or ():
        yield ApprovalData(
            approver=str(entry.get("approver", "")),
            decision=str(entry.get("decision", "")),
            comment=comments.get(entry.get("name")) or None,
            at=str(entry.get("at", "")),
        )
