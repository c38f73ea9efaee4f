"""Events between two states of an object, and their ids. Pure.

An event is derived from the state that was reported last and the one that is about to
be reported. A state that begins and ends between two reconciliations leaves no trace,
and therefore no event.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple

from argogrant.api.argocdinstance import ReturnedMemberView
from argogrant.argocd.appproject.ended_members import ReturnedMember, describe_return
from argogrant.argocd.appproject.tokens import Token
from argogrant.audit.event import EventType
from argogrant.grants.model.grant import Binding
from argogrant.grants.model.reasons import (
    GRANT_REASONS,
    INSTANCE_REASONS,
    REFUSED_REASONS,
    GrantCondition,
    InstanceCondition,
    Reason,
)
from argogrant.grants.model.stored_condition import (
    Conditions,
    StoredCondition,
    state_key,
)
from argogrant.grants.model.validation import quote
from argogrant.grants.model.window import format_instant

_APPROVED: Final = {*GRANT_REASONS[GrantCondition.APPROVED][True]} - {
    Reason.POLICY_NOT_REQUIRED
}
_INEFFECTIVE: Final = GRANT_REASONS[GrantCondition.EFFECTIVE][False]
_ENDS: Final = (*GRANT_REASONS[GrantCondition.ENDED][True], Reason.DELETED)
_AT_RISK: Final = INSTANCE_REASONS[InstanceCondition.TOKEN_FRESH][False]
_WAITING: Final = (Reason.AWAITING_APPROVAL,)
_ROWS: Final = (
    (GrantCondition.APPROVED, True, _APPROVED, EventType.APPROVED),
    (GrantCondition.READY, False, _WAITING, EventType.AWAITING_APPROVAL),
    (GrantCondition.READY, True, (Reason.BOUND,), EventType.BOUND),
    (GrantCondition.READY, False, REFUSED_REASONS, EventType.REFUSED),
    (GrantCondition.EFFECTIVE, False, _INEFFECTIVE, EventType.INEFFECTIVE),
    (GrantCondition.ENDED, True, _ENDS, EventType.ENDED),
    (InstanceCondition.CONTESTED, True, (Reason.CONTESTED,), EventType.CONTESTED),
    (InstanceCondition.TOKEN_FRESH, False, _AT_RISK, EventType.TOKEN_AT_RISK),
)
CONDITION_EVENTS: Final[Mapping[tuple[str, bool | None, str], EventType]] = {
    (condition, status, reason): event_type
    for condition, status, reasons, event_type in _ROWS
    for reason in reasons
}
"""The event that a condition emits when it gets a status and a reason."""

MAX_REASON: Final = 512
"""Characters of the reason of an acknowledgement that an event has."""
ONCE_PER_GRANT: Final = frozenset(
    {
        EventType.REQUESTED,
        EventType.CAUTIONED,
        EventType.EXTENDED,
        EventType.DENIED,
        EventType.OVERDUE,
        EventType.ENDED,
        EventType.DELETED,
    }
)
"""Types that a grant has at most once; the uid and the type make their id."""


class Transition(NamedTuple):
    """One change of an object."""

    type: EventType
    reason: str = ""
    message: str = ""
    key: str = ""
    """Text that distinguishes it from others of its object and type."""
    binding: Binding | None = None
    """The orphaned binding, or that of a returned member."""


class ReportedState(NamedTuple):
    """State of an object from which its events are derived."""

    conditions: Conditions
    is_overdue: bool = False
    """The grant is over, but Argo CD may still allow it."""
    was_bound: bool = False
    """Argo CD's RBAC policy contained the binding at some time."""

    @property
    def is_ready(self) -> bool:
        """True if Argo CD's RBAC policy contains the binding."""
        return self._is_true(GrantCondition.READY)

    @property
    def has_ended(self) -> bool:
        """True if the grant is over, and Argo CD does not allow it any more."""
        return self._is_true(GrantCondition.ENDED)

    @property
    def is_over(self) -> bool:
        """True if the grant is over, even if Argo CD may still allow it."""
        return self.is_overdue or self.has_ended

    def is_reported_as(self, other: "ReportedState") -> bool:
        """Return whether no event lies between this state and another one."""
        return (
            _statuses_and_reasons(self.conditions)
            == _statuses_and_reasons(other.conditions)
            and self[1:] == other[1:]
        )

    def _is_true(self, condition: str) -> bool:
        found = self.conditions.get(condition)
        return found is not None and found.status is True


def event_id(uid: str, event_type: EventType, key: str) -> str:
    """Return the id of an event, equal in every process that emits it."""
    if event_type in ONCE_PER_GRANT:
        key = ""
    text = f"{uid}\n{event_type}\n{key}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def version_key(stored: Conditions) -> str:
    """Return a text that identifies the conditions that the API server has.

    The resource version would be simpler, but it also changes when the operator adds
    its finalizer, which happens between the event and the write of the status:

        event ``bound``  ->  finalizer written  ->  status written
        version 7            version 8              version 9

    A process that was killed before version 9 is followed by one that finds version 8.
    The conditions are the same in 7 and 8, and so is the id.
    """
    return "\n".join(f"{name} {state_key(stored[name])}" for name in sorted(stored))


def end_of(conditions: Conditions) -> StoredCondition | None:
    """Return the condition that ends a grant, or None if it has not ended.

    A grant that is being deleted has no ``Ended`` condition: ``Ready`` has the reason
    ``Deleted``, and the object is gone once its finalizer is removed.
    """
    ended = conditions.get(GrantCondition.ENDED)
    if ended is not None and ended.status:
        return ended
    ready = conditions.get(GrantCondition.READY)
    if ready is not None and ready.reason == Reason.DELETED:
        return ready._replace(status=True)
    return None


def stored_state(conditions: Conditions, *, was_bound: bool) -> ReportedState:
    """Return the state that a stored status reports."""
    end = end_of(conditions)
    if end is not None:
        conditions = {**conditions, GrantCondition.ENDED: end}
    state = ReportedState(conditions, was_bound=was_bound)
    return state._replace(was_bound=was_bound or state.is_ready)


def next_state(
    before: ReportedState,
    conditions: Conditions,
    *,
    is_overdue: bool,
    binding_found: bool,
) -> ReportedState:
    """Return the state of a grant that is about to be reported.

    ``binding_found`` is True if Argo CD's RBAC policy contained the binding before the
    last write, and no other grant accounts for it. It proves that this grant was bound,
    unless the grant had ended, was refused, or waited for approval: then the binding
    belongs to another grant.
    """
    after = stored_state(conditions, was_bound=before.was_bound)
    ready = before.conditions.get(GrantCondition.READY)
    kept_out = {*REFUSED_REASONS, Reason.AWAITING_APPROVAL}
    is_proven = (
        binding_found
        and not before.is_over
        and (ready is None or ready.reason not in kept_out)
    )
    return after._replace(
        is_overdue=is_overdue and not after.has_ended,
        was_bound=after.was_bound or is_proven,
    )


def grant_transitions(
    before: ReportedState,
    after: ReportedState,
    *,
    extends: str | None = None,
    role_warning: str = "",
) -> tuple[Transition, ...]:
    """Return the events from the state reported last to the next one, in order.

    ``extends`` is the name of the grant that this one continues.
    """
    if before.has_ended and after.has_ended:
        return ()  # The first end counts; later changes have no effect.
    found = {one.type: one for one in condition_transitions(before, after)}
    ready = after.conditions[GrantCondition.READY]
    was_ready = before.is_ready
    if not before.conditions:
        found[EventType.REQUESTED] = Transition(EventType.REQUESTED)
    if after.was_bound and not before.was_bound:
        # Ready is not True if the grant was bound, but its process was killed before
        # the report, and the grant ended or was refused before the next one started.
        found.setdefault(EventType.BOUND, _transition(EventType.BOUND, ready))
        was_ready = True
        if role_warning:
            cautioned = Transition(EventType.CAUTIONED, message=role_warning)
            found[EventType.CAUTIONED] = cautioned
        if extends is not None:
            found[EventType.EXTENDED] = Transition(EventType.EXTENDED)
    if was_ready and not after.is_ready and not after.is_over:
        found[EventType.UNBOUND] = _transition(EventType.UNBOUND, ready)
    if after.is_overdue and not before.is_overdue:
        found[EventType.OVERDUE] = _transition(EventType.OVERDUE, ready)
    if after.is_over and not after.was_bound:
        found.pop(EventType.APPROVED, None)  # the end came before any decision
    ended = found.get(EventType.ENDED)
    if ended is not None and ended.reason == Reason.DENIED:
        found[EventType.DENIED] = _transition(EventType.DENIED, ready)
    return tuple(found[one] for one in EventType if one in found)


def condition_transitions(
    before: ReportedState, after: ReportedState
) -> tuple[Transition, ...]:
    """Return the events of the conditions whose status or reason changed."""
    old = _statuses_and_reasons(before.conditions)
    found = []
    for name, one in after.conditions.items():
        event_type = CONDITION_EVENTS.get((name, one.status, one.reason))
        if event_type and old.get(name) != (one.status, one.reason):
            found.append(_transition(event_type, one))
    return tuple(found)


def token_rotated(expires_at: datetime | None, version: str) -> Transition:
    """Return the event of a new token for a remote cluster.

    ``version`` is the resource version of the Secret that contains it.
    """
    until = f", valid until {format_instant(expires_at)}" if expires_at else ""
    message = f"A new token for the remote cluster is stored{until}."
    return Transition(EventType.TOKEN_ROTATED, Reason.FRESH, message, key=version)


def contested(message: str, now: datetime) -> Transition:
    """Return the event of one more text that another program keeps changing.

    The condition causes the event of the first one.
    """
    key = f"{format_instant(now)}\n{message}"
    return Transition(EventType.CONTESTED, Reason.CONTESTED, message, key=key)


def orphan_removed(binding: Binding, version: str) -> Transition:
    """Return the event of a binding that no grant accounts for.

    ``version`` is the resource version of the ConfigMap that contained it.
    """
    key = f"{version}\n{binding.subject}\n{binding.role}"
    return Transition(EventType.ORPHAN_REMOVED, key=key, binding=binding)


def token_removed(project: str, role: str, token: Token, *, version: str) -> Transition:
    """Return the event of a token that is removed with the member who issued it.

    ``role`` is a bare name; ``version`` is the resource version of the AppProject.
    """
    issued, expiry = _time(token.issued_at), "never expires"
    if token.expires_at:
        expiry = f"would have expired at {_time(token.expires_at)}"
    return Transition(
        EventType.TOKEN_REMOVED,
        message=(
            f"Token {quote(token.id)} of role {quote(role)} of AppProject"
            f" {quote(project)}, issued at {issued}, which {expiry}, is removed: it was"
            " issued while a grant gave that role."
        ),
        key=f"{version}\n{role}\n{token.fingerprint}",
    )


def member_returned(member: ReturnedMember) -> Transition:
    """Return the event of a member that came back after the end of its grant."""
    return Transition(
        EventType.MEMBER_RETURNED,
        Reason.MEMBER_RETURNED if member.is_kept else Reason.MEMBER_REMOVED_AGAIN,
        describe_return(member),
        key=f"{member.id}\n{member.returns}",
        binding=Binding(member.subject, f"proj:{member.project}:{member.role}"),
    )


def member_acknowledged(member: ReturnedMemberView, reason: str) -> Transition:
    """Return the event of a returned member that is no longer to be reported.

    ``reason`` is the value of the annotation that acknowledges it.
    """
    state = "stays a member without a grant" if member.is_kept else "was removed"
    return Transition(
        EventType.MEMBER_ACKNOWLEDGED,
        message=(
            f"{quote(member.subject)}, who came back to role {quote(member.role)} of"
            f" AppProject {quote(member.project)} and {state}, is acknowledged"
            f" ({member.id}): {quote(reason[:MAX_REASON])}"
        ),
        key=f"{member.id}\n{reason}",
        binding=Binding(member.subject, f"proj:{member.project}:{member.role}"),
    )


def _time(seconds: int) -> str:
    """Return a time of a token; Argo CD does not validate the number."""
    try:
        return format_instant(datetime.fromtimestamp(seconds, UTC))
    except (ValueError, OverflowError, OSError):
        return str(seconds)


def _transition(event_type: EventType, condition: StoredCondition) -> Transition:
    return Transition(event_type, condition.reason, condition.message)


def _statuses_and_reasons(conditions: Conditions) -> dict[str, tuple[bool | None, str]]:
    return {name: (one.status, one.reason) for name, one in conditions.items()}
