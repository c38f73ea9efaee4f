"""The audit: who is told what happened to grants and instances, and by which id.

The callers say what a status said before and what it says now; what that means, and
what has been told already, is known here. Telling comes before the write that would
make it old news, so that whoever dies in between is followed by one who tells it again.

The audit stream on standard output: one line an event, nothing else.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from argogrant.api.accessgrant_view import read_conditions, read_stored_grant_status
from argogrant.audit.event import (
    AuditRecord,
    GrantChange,
    ObjectRef,
    audit_record,
    grant_data,
    instance_data,
)
from argogrant.audit.transition_kinds import Transition, TransitionKind
from argogrant.audit.transitions import (
    Account,
    Look,
    account_of,
    grant_transitions,
    instance_transitions,
    orphan_removed,
)
from argogrant.grants.model.grant import Binding
from argogrant.grants.model.reasons import GrantCondition
from argogrant.grants.model.stored_condition import Conditions


class Audit(Protocol):
    """What the loop tells; nothing of it ever waits or fails."""

    def grant(self, news: GrantChange) -> None:
        """Tell what changed about a grant, before its status is written."""
        ...

    def instance(
        self,
        place: ObjectRef,
        *,
        stored: Mapping[str, Any],
        new: Mapping[str, Any],
        now: datetime,
    ) -> None:
        """Tell what changed about an instance, before its status is written."""
        ...

    def orphans(
        self,
        place: ObjectRef,
        bindings: Iterable[Binding],
        *,
        version: str,
        now: datetime,
    ) -> None:
        """Tell of bindings that no grant wants, before the write that removes them.

        Args:
            place: The instance in whose key they are.
            bindings: What is removed.
            version: The resource version of the ConfigMap that holds them.
            now: When.
        """
        ...

    def deleted(self, news: GrantChange) -> None:
        """Tell that the record of an ended grant is deleted, before it is."""
        ...

    def token(self, place: ObjectRef, transition: Transition, *, now: datetime) -> None:
        """Tell of the token for another cluster, after it was stored."""
        ...

    def tokens(
        self, place: ObjectRef, removed: Iterable[Transition], *, now: datetime
    ) -> None:
        """Tell of tokens, before the write that removes them."""
        ...

    def forget(self, uid: str) -> None:
        """Forget an object that is gone."""
        ...


AuditListener = Callable[[AuditRecord], None]
"""Hears every telling, in order; must neither wait nor fail."""


class _LastReported(NamedTuple):
    """What this process has told of a grant; small, since there are ten thousand."""

    account: Account
    stored: int
    """The fingerprint of the conditions that the API server had then."""
    kinds: tuple[TransitionKind, ...]
    """What was told since it had them: the stored status alone can not tell a second
    occurrence from the first."""

    def kinds_since(self, stored: Conditions) -> tuple[TransitionKind, ...]:
        """Give what was told since the API server has had these conditions."""
        return self.kinds if self.stored == _fingerprint(stored) else ()


def _fingerprint(conditions: Conditions) -> int:
    return hash(tuple(sorted(conditions.items())))


class AuditLog:
    """Tells every listener each transition once, as long as this process lives."""

    def __init__(self, *listeners: AuditListener) -> None:
        self._listeners = listeners
        self._grants: dict[str, _LastReported] = {}
        self._contested: dict[str, Conditions] = {}
        self._orphans: dict[str, frozenset[str]] = {}
        self._tokens: dict[str, frozenset[str]] = {}

    def grant(self, news: GrantChange) -> None:
        """Tell what changed about a grant."""
        uid = news.ref.uid
        told = self._grants.get(uid)
        if told is None and not news.was_bound and news.new == news.stored:
            return  # after a start, most grants are as they were left
        stored, new = (
            read_stored_grant_status(news.stored),
            read_stored_grant_status(news.new),
        )
        before = (
            account_of(stored.conditions, has_been_bound=stored.has_been_bound)
            if told is None
            else told.account
        )
        look = Look(
            before=before,
            after=account_of(
                new.conditions,
                is_overdue=news.is_overdue,
                has_been_bound=before.has_been_bound,
            ),
            conditions=new.conditions,
            stored=stored.conditions,
            is_first=told is None,
            was_held=news.was_bound,
            was_bound_before=stored.has_been_bound,
            extends=news.grant.extends if news.grant else None,
            caution=news.role_warning,
        )
        kinds = told.kinds_since(stored.conditions) if told is not None else ()
        for transition in grant_transitions(look):
            round_ = kinds.count(transition.kind)
            data = grant_data(news, new, transition, was_bound=look.has_been_bound)
            self._emit(
                audit_record(news.ref, transition, data, now=news.now, round_=round_)
            )
            kinds = (*kinds, transition.kind)
        self._grants[uid] = _LastReported(
            look.account, _fingerprint(stored.conditions), kinds
        )

    def instance(
        self,
        place: ObjectRef,
        *,
        stored: Mapping[str, Any],
        new: Mapping[str, Any],
        now: datetime,
    ) -> None:
        """Tell what changed about an instance."""
        before = self._contested.get(place.uid) or read_conditions(stored)
        after = read_conditions(new)
        for transition in instance_transitions(before, after):
            data = instance_data(place, transition)
            self._emit(audit_record(place, transition, data, now=now))
        self._contested[place.uid] = after

    def deleted(self, news: GrantChange) -> None:
        """Tell that the record of an ended grant is deleted."""
        stored = read_stored_grant_status(news.stored)
        ended = stored.conditions.get(GrantCondition.ENDED)
        transition = Transition(
            kind=TransitionKind.DELETED, reason=ended.reason if ended else ""
        )
        data = grant_data(news, stored, transition, was_bound=stored.has_been_bound)
        self._emit(audit_record(news.ref, transition, data, now=news.now))

    def orphans(
        self,
        place: ObjectRef,
        bindings: Iterable[Binding],
        *,
        version: str,
        now: datetime,
    ) -> None:
        """Tell of bindings that no grant wants; not twice for one ConfigMap."""
        told, ids = self._orphans.get(place.uid, frozenset()), set[str]()
        for subject, role in sorted(bindings):
            transition = orphan_removed(subject, role, version)
            identity = transition.id_for(place.uid)
            ids.add(identity)
            if identity not in told:
                data = instance_data(place, transition, Binding(subject, role))
                self._emit(audit_record(place, transition, data, now=now))
        self._orphans[place.uid] = frozenset(ids)

    def token(self, place: ObjectRef, transition: Transition, *, now: datetime) -> None:
        """Tell of the token for another cluster."""
        data = instance_data(place, transition)
        self._emit(audit_record(place, transition, data, now=now))

    def tokens(
        self, place: ObjectRef, removed: Iterable[Transition], *, now: datetime
    ) -> None:
        """Tell of tokens that go; not twice for one version of a project."""
        told, ids = self._tokens.get(place.uid, frozenset()), set[str]()
        for transition in removed:
            identity = transition.id_for(place.uid)
            ids.add(identity)
            if identity not in told:
                data = instance_data(place, transition)
                self._emit(audit_record(place, transition, data, now=now))
        self._tokens[place.uid] = frozenset(ids)

    def forget(self, uid: str) -> None:
        """Forget an object that is gone."""
        for kept in (self._grants, self._contested, self._orphans, self._tokens):
            kept.pop(uid, None)

    def _emit(self, telling: AuditRecord) -> None:
        for listener in self._listeners:
            listener(telling)


class Output(Protocol):
    """Where lines go; ``sys.stdout`` is one."""

    def write(self, text: str, /) -> object:
        """Take some text."""
        ...

    def flush(self) -> object:
        """Keep nothing back."""
        ...


class Stream:
    """Writes every telling to an output at once, so that a kill loses none.

    kopf logs to standard error, so that standard output is the stream's alone.
    """

    def __init__(self, output: Output) -> None:
        self._output = output

    def __call__(self, telling: AuditRecord) -> None:
        """Write one line."""
        self._output.write(f"{telling.line}\n")
        self._output.flush()
