"""What is told of one transition: the object, and the event as the stream has it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from argogrant.api.accessgrant_view import StoredApproval, StoredGrantStatus
from argogrant.audit.cloudevents import (
    TYPE_PREFIX,
    ApprovalData,
    AuditEvent,
    GrantData,
    InstanceData,
    RequesterData,
    SubjectData,
    format_time,
    line_of,
)
from argogrant.audit.transition_kinds import Transition
from argogrant.grants.access.policy import Approval
from argogrant.grants.model.grant import Binding, Grant
from argogrant.grants.model.identity import Identity
from argogrant.grants.model.reasons import GrantCondition


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectRef:
    """An object that something happened to, and the instance that it belongs to."""

    kind: str
    """``AccessGrant`` or ``ArgoCDInstance``."""
    uid: str
    namespace: str
    name: str
    instance: str

    @property
    def source(self) -> str:
        """Where the event comes from, as CloudEvents wants it."""
        return f"/argogrant/{self.namespace}/{self.instance}"


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantChange:
    """What is about to be said of a grant, and what its status said before."""

    ref: ObjectRef
    grant: Grant | None
    """None if the object can not be understood."""
    stored: Mapping[str, Any]
    """The status as the API server is known to have it, never one to be written."""
    new: Mapping[str, Any]
    """The status that is about to be written."""
    now: datetime
    is_overdue: bool = False
    """It is over, but Argo CD may still allow it."""
    was_bound: bool = False
    """Argo CD's RBAC text held its binding before the last write, and nothing but this
    grant accounts for that."""
    approvals: Sequence[Approval] = ()
    """The approvals that count, for their comments."""
    role_warning: str = ""
    """What people should know of the role that is given."""


@dataclass(frozen=True)
class AuditRecord:
    """One thing that is told: the transition, of what, and as the stream has it."""

    ref: ObjectRef
    transition: Transition
    event: AuditEvent

    @cached_property
    def line(self) -> str:
        """The event as one line; several listeners want it."""
        return line_of(self.event)


def audit_record(
    place: ObjectRef,
    transition: Transition,
    data: GrantData | InstanceData,
    *,
    now: datetime,
    round_: int = 0,
) -> AuditRecord:
    """Put an event together.

    Args:
        place: What it happened to.
        transition: What happened.
        data: The object as it is now.
        now: When it is told.
        round_: Which occurrence it is since the API server last knew better.
    """
    about = "grant" if isinstance(data, GrantData) else "instance"
    event = AuditEvent(
        id=transition.id_for(place.uid, round_=round_),
        source=place.source,
        type=f"{TYPE_PREFIX}.{about}.{transition.kind}",
        time=format_time(now),
        subject=f"{place.namespace}/{place.name}",
        data=data,
    )
    return AuditRecord(place, transition, event)


def grant_data(
    news: GrantChange,
    new: StoredGrantStatus,
    transition: Transition,
    *,
    was_bound: bool,
) -> GrantData:
    """Write down a grant and what happened to it."""
    place = news.ref
    approved = new.conditions.get(GrantCondition.APPROVED)
    comments = {one.name: one.comment for one in news.approvals}
    known = GrantData(
        uid=place.uid,
        name=place.name,
        namespace=place.namespace,
        instance=place.instance,
        started_at=new.started_at,
        expires_at=new.expires_at,
        ended_at=new.ended_at,
        policy=new.policy,
        approval=approved.reason if approved else None,
        approvals=[_approval_data(one, comments) for one in new.approvals],
        was_bound=was_bound,
        reason=transition.reason or None,
        message=transition.message or None,
    )
    return known if news.grant is None else _with_request(known, news.grant)


def instance_data(
    place: ObjectRef, transition: Transition, binding: Binding | None = None
) -> InstanceData:
    """Write down an instance and what happened to it."""
    return InstanceData(
        uid=place.uid,
        name=place.name,
        namespace=place.namespace,
        subject=binding.subject if binding else None,
        role=binding.role if binding else None,
        reason=transition.reason or None,
        message=transition.message or None,
    )


def _with_request(data: GrantData, grant: Grant) -> GrantData:
    """Add what was asked for."""
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


def _approval_data(
    approval: StoredApproval, comments: Mapping[str, str]
) -> ApprovalData:
    return ApprovalData(
        approver=approval.approver,
        decision=approval.decision,
        comment=comments.get(approval.name) or None,
        at=approval.at,
    )
