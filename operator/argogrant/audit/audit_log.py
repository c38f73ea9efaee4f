"""Audit log: derives the events of each change and sends them to every listener.

The order of writes is what makes the stream complete:

    Argo CD is written  ->  event  ->  status is written
                        1          2                     3

An end never waits for the audit, so Argo CD comes first. A process that is killed at 2
is followed by one that finds the old status and emits the same event with the same id.
A process that is killed at 1 leaves a binding that no status reports; the next process
finds the binding and emits ``bound`` before ``ended``.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TextIO

from argogrant.api.accessgrant_view import has_been_bound, read_conditions
from argogrant.audit.event import (
    AuditRecord,
    GrantChange,
    ObjectRef,
    audit_record,
    grant_data,
    instance_data,
)
from argogrant.audit.transitions import (
    EventType,
    ReportedState,
    Transition,
    condition_transitions,
    end_of,
    grant_transitions,
    next_state,
    stored_state,
    version_key,
)
from argogrant.grants.model.stored_condition import Conditions

AuditListener = Callable[[AuditRecord], None]
"""Receives every event, in order; must neither block nor raise."""


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
        self._removals: dict[tuple[str, EventType], frozenset[str]] = {}

    def grant(self, change: GrantChange) -> None:
        """Emit the events of a grant, before its status is written."""
        uid = change.ref.uid
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
        keys = self._record(uid, stored, after, transitions)
        for transition, key in zip(transitions, keys, strict=True):
            data = grant_data(change, transition, was_bound=after.was_bound)
            self._emit(
                audit_record(change.ref, transition, data, key=key, now=change.now)
            )

    def instance(
        self,
        ref: ObjectRef,
        *,
        stored: Mapping[str, Any],
        conditions: Conditions,
        now: datetime,
    ) -> None:
        """Emit the events of an instance, before its status is written.

        Args:
            ref: The instance.
            stored: The status that the API server is known to have.
            conditions: The conditions that are about to be written.
            now: Time of the events.
        """
        known = ReportedState(read_conditions(stored))
        after = ReportedState(conditions)
        transitions = condition_transitions(self._last_reported(ref.uid, known), after)
        keys = self._record(ref.uid, known, after, transitions)
        for transition, key in zip(transitions, keys, strict=True):
            data = instance_data(ref, transition)
            self._emit(audit_record(ref, transition, data, key=key, now=now))

    def deleted(self, change: GrantChange) -> None:
        """Emit the event of a grant that is about to be deleted."""
        end = end_of(change.conditions)
        transition = Transition(
            type=EventType.DELETED, reason=end.reason if end else ""
        )
        data = grant_data(change, transition, was_bound=has_been_bound(change.stored))
        self._emit(audit_record(change.ref, transition, data, key="", now=change.now))

    def removals(
        self, ref: ObjectRef, transitions: Sequence[Transition], *, now: datetime
    ) -> None:
        """Emit the events of a write to Argo CD that removes something, before it.

        They are not emitted again when the write of the same version is retried.

        Args:
            ref: The instance.
            transitions: The removals, all of one type; none may be missing.
            now: Time of the events.
        """
        records = [_instance_record(ref, one, now=now) for one in transitions]
        write = (ref.uid, transitions[0].type)
        earlier = self._removals.get(write, frozenset())
        self._removals[write] = frozenset(one.event.id for one in records)
        for record in records:
            if record.event.id not in earlier:
                self._emit(record)

    def token_rotated(
        self, ref: ObjectRef, transition: Transition, *, now: datetime
    ) -> None:
        """Emit the event of a new token for a remote cluster, once it is stored."""
        self._emit(_instance_record(ref, transition, now=now))

    def forget(self, uid: str) -> None:
        """Forget an object that no longer exists."""
        self._unstored.pop(uid, None)
        for event_type in (EventType.ORPHAN_REMOVED, EventType.TOKEN_REMOVED):
            self._removals.pop((uid, event_type), None)

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
    ) -> list[str]:
        """Remember a state until the API server has it.

        Returns:
            For each transition the text that distinguishes its event from others.
        """
        unstored, version = (
            self._unstored.pop(uid, None),
            version_key(stored.conditions),
        )
        types: tuple[EventType, ...] = ()
        if unstored is not None and unstored.stored == version:
            types = unstored.types
        keys = []
        for transition in transitions:
            keys.append(f"{version}\n{types.count(transition.type)}")
            types = (*types, transition.type)
        if types or not after.is_reported_as(stored):
            self._unstored[uid] = _Unstored(after, version, types)
        return keys

    def _emit(self, record: AuditRecord) -> None:
        for listener in self._listeners:
            listener(record)


def _instance_record(
    ref: ObjectRef, transition: Transition, *, now: datetime
) -> AuditRecord:
    data = instance_data(ref, transition)
    return audit_record(ref, transition, data, key=transition.key, now=now)


class Stream:
    """Writes every event to an output and flushes it, so a kill loses none.

    kopf logs to standard error, so standard output contains nothing but events.
    """

    def __init__(self, output: TextIO) -> None:
        self._output = output

    def __call__(self, record: AuditRecord) -> None:
        """Write one line."""
        self._output.write(f"{record.line}\n")
        self._output.flush()
