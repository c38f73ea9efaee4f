"""Audit log: derives the events of each change and sends them to every listener.

The order of writes is what makes the stream complete:

    Argo CD is written  ->  event  ->  status is written
                        1          2                     3

An end never waits for the audit, so Argo CD comes first. A process that is killed at 2
is followed by one that finds the old status and emits the same event with the same id.
A process that is killed at 1 leaves a binding that no status reports; the next process
finds the binding and emits ``bound`` before ``ended``.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, TextIO

from argogrant.api.accessgrant_view import has_been_bound, read_conditions
from argogrant.audit.event import (
    TYPE_PREFIX,
    ApprovalData,
    AuditEvent,
    EventType,
    GrantData,
    InstanceData,
    RequesterData,
    SubjectData,
)
from argogrant.audit.transitions import (
    ReportedState,
    Transition,
    condition_transitions,
    end_of,
    event_id,
    grant_transitions,
    next_state,
    stored_state,
    version_key,
)
from argogrant.grants.access.policy import Approval
from argogrant.grants.model.grant import Grant
from argogrant.grants.model.reasons import GrantCondition
from argogrant.grants.model.stored_condition import Conditions
from argogrant.grants.model.window import format_instant

AuditListener = Callable[[AuditEvent], None]
"""Receives every event, in order; must neither block nor raise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantChange:
    """A grant, and its status as stored and as it is about to be written."""

    uid: str
    namespace: str
    name: str
    instance: str
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
    """The approvals that name the grant, for their comments."""
    role_warning: str = ""
    """Risk of the role, as a sentence."""


class _Unstored(NamedTuple):
    """An object whose reported state the API server does not have yet."""

    state: ReportedState
    """The state that was reported last."""
    stored: str
    """``version_key`` of the status that the API server had then."""
    types: tuple[EventType, ...]
    """The events since the API server has had that status. Their number distinguishes
    a second ``bound`` from the first while no status can be written."""


class AuditLog:
    """Emits each event once, as long as the process lives."""

    def __init__(self, *listeners: AuditListener) -> None:
        self._listeners = listeners
        self._unstored: dict[str, _Unstored] = {}
        self._before_writes: dict[str, dict[str, set[str]]] = {}
        """By uid and type: the ids of the events before the last write."""

    def grant(self, change: GrantChange) -> None:
        """Emit the events of a grant, before its status is written."""
        uid = change.uid
        is_stored = change.new == change.stored and uid not in self._unstored
        if is_stored and not change.binding_found:
            return  # After a start most grants are as the last process left them.
        stored = stored_state(
            read_conditions(change.stored), was_bound=has_been_bound(change.stored)
        )
        before = self._last_reported(uid, stored)
        after = next_state(
            before,
            change.conditions,
            is_overdue=change.is_overdue,
            binding_found=change.binding_found,
        )
        transitions = grant_transitions(
            before,
            after,
            extends=change.grant.extends if change.grant else None,
            role_warning=change.role_warning,
        )
        for transition in self._record(uid, stored, after, transitions):
            self._emit(_grant_event(change, transition, was_bound=after.was_bound))

    def instance(
        self,
        instance: InstanceData,
        *,
        stored: Mapping[str, Any],
        conditions: Conditions,
        now: datetime,
    ) -> None:
        """Emit the events of an instance, before its status is written.

        ``stored`` is the status that the API server is known to have; ``conditions``
        are about to be written.
        """
        known, after = ReportedState(read_conditions(stored)), ReportedState(conditions)
        before = self._last_reported(instance.uid, known)
        transitions = condition_transitions(before, after)
        for transition in self._record(instance.uid, known, after, transitions):
            self._emit(_instance_event(instance, transition, now))

    def deleted(self, change: GrantChange) -> None:
        """Emit the event of a grant that is about to be deleted."""
        end = end_of(change.conditions)
        transition = Transition(EventType.DELETED, end.reason if end else "")
        was_bound = has_been_bound(change.stored)
        self._emit_before_write([_grant_event(change, transition, was_bound=was_bound)])

    def removals(
        self,
        instance: InstanceData,
        transitions: Sequence[Transition],
        *,
        now: datetime,
    ) -> None:
        """Emit the events of a write to Argo CD that removes something, before it.

        ``transitions`` are all removals of the write, and of one type.
        """
        self._emit_before_write(
            [_instance_event(instance, one, now) for one in transitions]
        )

    def instance_event(
        self, instance: InstanceData, transition: Transition, *, now: datetime
    ) -> None:
        """Emit an event of an instance that no condition and no write causes."""
        self._emit(_instance_event(instance, transition, now))

    def forget(self, uid: str) -> None:
        """Forget an object that no longer exists."""
        self._unstored.pop(uid, None)
        self._before_writes.pop(uid, None)

    def _last_reported(self, uid: str, stored: ReportedState) -> ReportedState:
        """Return the state that was reported last, by this process or an earlier."""
        unstored = self._unstored.get(uid)
        return stored if unstored is None else unstored.state

    def _record(
        self,
        uid: str,
        stored: ReportedState,
        after: ReportedState,
        transitions: Iterable[Transition],
    ) -> list[Transition]:
        """Remember a state until the API server has it; return keyed transitions."""
        unstored = self._unstored.pop(uid, None)
        version = version_key(stored.conditions)
        types: tuple[EventType, ...] = ()
        if unstored is not None and unstored.stored == version:
            types = unstored.types
        keyed = []
        for one in transitions:
            keyed.append(one._replace(key=f"{version}\n{types.count(one.type)}"))
            types = (*types, one.type)
        if types or not after.is_reported_as(stored):
            self._unstored[uid] = _Unstored(after, version, types)
        return keyed

    def _emit_before_write(self, events: Sequence[AuditEvent]) -> None:
        """Emit events of one type, but not again when the same write is retried."""
        by_type = self._before_writes.setdefault(events[0].data.uid, {})
        earlier = by_type.get(events[0].type, set())
        by_type[events[0].type] = {one.id for one in events}
        for event in events:
            if event.id not in earlier:
                self._emit(event)

    def _emit(self, event: AuditEvent) -> None:
        for listener in self._listeners:
            listener(event)


class Stream:
    """Writes every event to an output and flushes it, so a kill loses none.

    kopf logs to standard error, so standard output contains nothing but events.
    """

    def __init__(self, output: TextIO) -> None:
        self._output = output

    def __call__(self, event: AuditEvent) -> None:
        """Write one line."""
        self._output.write(f"{event.line}\n")
        self._output.flush()


def _grant_event(
    change: GrantChange, transition: Transition, *, was_bound: bool
) -> AuditEvent:
    status, grant = change.new, change.grant
    approved = change.conditions.get(GrantCondition.APPROVED)
    data = GrantData(
        uid=change.uid,
        name=change.name,
        namespace=change.namespace,
        instance=change.instance,
        started_at=status.get("startedAt"),
        expires_at=status.get("expiresAt"),
        ended_at=status.get("endedAt"),
        policy=status.get("accessPolicy"),
        approval=approved.reason if approved else None,
        approvals=list(_approvals(change)),
        was_bound=was_bound,
        reason=transition.reason or None,
        message=transition.message or None,
        **(_spec_data(grant) if grant else {}),
    )
    return _event(data, change.instance, transition, change.now)


def _spec_data(grant: Grant) -> dict[str, Any]:
    """Return the fields of an event that come from a valid spec."""
    requester = grant.requester
    return {
        "subject": SubjectData(kind=str(grant.subject.kind), name=grant.subject.name),
        "role": grant.role.bound_as,
        "requester": requester
        and RequesterData(username=requester.username, groups=sorted(requester.groups)),
        "justification": grant.justification or None,
        "break_glass": grant.break_glass,
        "extends": grant.extends,
    }


def _approvals(change: GrantChange) -> Iterator[ApprovalData]:
    """Return the approvals that the status lists, with their comments."""
    comments = {
        (one.name, format_instant(one.created_at)): one.comment
        for one in change.approvals
    }
    for entry in change.new.get("approvals") or ():
        yield ApprovalData(
            approver=str(entry.get("approver", "")),
            decision=str(entry.get("decision", "")),
            comment=comments.get((entry.get("name"), entry.get("at"))) or None,
            at=str(entry.get("at", "")),
        )


def _instance_event(
    instance: InstanceData, transition: Transition, now: datetime
) -> AuditEvent:
    binding = transition.binding
    data = InstanceData(
        uid=instance.uid,
        name=instance.name,
        namespace=instance.namespace,
        subject=binding.subject if binding else None,
        role=binding.role if binding else None,
        reason=transition.reason or None,
        message=transition.message or None,
    )
    return _event(data, instance.name, transition, now)


def _event(
    data: GrantData | InstanceData, instance: str, transition: Transition, now: datetime
) -> AuditEvent:
    kind = "grant" if isinstance(data, GrantData) else "instance"
    return AuditEvent(
        id=event_id(data.uid, transition.type, transition.key),
        source=f"/argogrant/{data.namespace}/{instance}",
        type=f"{TYPE_PREFIX}.{kind}.{transition.type}",
        time=now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        subject=f"{data.namespace}/{data.name}",
        data=data,
    )
