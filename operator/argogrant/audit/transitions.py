"""What has happened to a grant: transitions, from what was said of it before and now.

Level-triggered as the rest: two states are compared, so what came and went between two
looks is not among the answers. Whatever a status once showed is.

What has happened to an instance: transitions, as those of grants.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from argogrant.audit.transition_kinds import Transition, TransitionKind, transition_from
from argogrant.grants.model.reason_table import REFUSED_REASONS
from argogrant.grants.model.reasons import GrantCondition, InstanceCondition, Reason
from argogrant.grants.model.stored_condition import Conditions, state_key
from argogrant.grants.model.window import format_instant


class Account(NamedTuple):
    """What was last told of a grant, in the little that the next telling needs."""

    is_known: bool = False
    approved: str = ""
    """The reason of ``Approved`` if it is True."""
    is_waiting: bool = False
    refusal: str = ""
    is_ready: bool = False
    is_overdue: bool = False
    end: str = ""
    has_been_bound: bool = False
    ineffective: str = ""
    """The reason of ``Effective`` if it is False."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A grant as it was told of last, and as it is."""

    before: Account
    after: Account
    conditions: Conditions
    """What is said now."""
    stored: Conditions
    """What the API server is known to have; ids are made from it alone, so that they
    are the same after a crash."""
    is_first: bool = True
    """Nothing was told of the grant since the operator started."""
    was_held: bool = False
    """Argo CD's RBAC text held its binding when this look began, and nothing but this
    grant accounts for that."""
    was_bound_before: bool = False
    """The stored status says that it has been bound, at least once."""
    extends: str | None = None
    """The grant that this one continues."""
    caution: str = ""
    """What people should know of the role that is given."""

    @property
    def is_caught_up(self) -> bool:
        """Whether the grant was bound without that ever being told.

        An operator may die between a write to Argo CD and the report, or never hear
        that the write succeeded.
        """
        before, after = self.before, self.after
        is_settled = before.is_ready or before.end or before.is_overdue
        was_kept_out = before.refusal or before.is_waiting
        if not self.was_held or is_settled or was_kept_out or after.is_ready:
            return False
        is_over = bool(after.end) or after.is_overdue
        return self.is_first or (is_over and not before.has_been_bound)

    @property
    def has_been_bound(self) -> bool:
        """Whether the grant ever gave access, as far as can be known."""
        return self.after.has_been_bound or self.is_caught_up

    @property
    def account(self) -> Account:
        """What has been told once this look was."""
        return self.after._replace(has_been_bound=self.has_been_bound)


def account_of(
    conditions: Conditions, *, is_overdue: bool = False, has_been_bound: bool = False
) -> Account:
    """Reduce what a status says of a grant to what the next comparison needs.

    Args:
        conditions: What the status says.
        is_overdue: It is over, but Argo CD may still allow it.
        has_been_bound: Argo CD's RBAC text held it at some time.
    """
    approved = conditions.get(GrantCondition.APPROVED)
    ready = conditions.get(GrantCondition.READY)
    ended = conditions.get(GrantCondition.ENDED)
    effective = conditions.get(GrantCondition.EFFECTIVE)
    is_ineffective = effective is not None and effective.status is False
    reason = ready.reason if ready else ""
    is_ready = ready is not None and ready.status is True
    end = ended.reason if ended is not None and ended.status else ""
    if reason == Reason.DELETED:
        end = end or reason
    return Account(
        is_known=bool(conditions),
        approved=approved.reason if approved is not None and approved.status else "",
        is_waiting=reason == Reason.AWAITING_APPROVAL,
        refusal=reason if reason in REFUSED_REASONS else "",
        is_ready=is_ready,
        is_overdue=is_overdue and not end,
        end=end,
        has_been_bound=has_been_bound or is_ready,
        ineffective=effective.reason if effective and is_ineffective else "",
    )


def grant_transitions(look: Look) -> tuple[Transition, ...]:
    """Say what happened to a grant, in order."""
    asked = (question(look) for question in _QUESTIONS)
    return tuple(found for found in asked if found is not None)


def _requested(look: Look) -> Transition | None:
    if look.before.is_known:
        return None
    return Transition(kind=TransitionKind.REQUESTED)


def _approved(look: Look) -> Transition | None:
    reason = look.after.approved
    if reason in ("", Reason.POLICY_NOT_REQUIRED, look.before.approved):
        return None
    if (look.after.end or look.after.is_overdue) and not look.has_been_bound:
        return None  # nobody was asked any more
    said = look.conditions[GrantCondition.APPROVED]
    left = f"{state_key(look.stored.get(GrantCondition.APPROVED))}\n{reason}"
    return transition_from(TransitionKind.APPROVED, said, left)


def _awaiting_approval(look: Look) -> Transition | None:
    if not look.after.is_waiting or look.before.is_waiting:
        return None
    left = state_key(look.stored.get(GrantCondition.APPROVED))
    return _of_ready(look, TransitionKind.AWAITING_APPROVAL, left)


def _bound(look: Look) -> Transition | None:
    if not look.is_caught_up and not (look.after.is_ready and not look.before.is_ready):
        return None
    return _of_ready(look, TransitionKind.BOUND, _left_by_binding(look))


def _cautioned(look: Look) -> Transition | None:
    if not look.caution or not _is_bound_for_the_first_time(look):
        return None
    return Transition(kind=TransitionKind.CAUTIONED, message=look.caution)


def _ineffective(look: Look) -> Transition | None:
    reason = look.after.ineffective
    if not reason or reason == look.before.ineffective:
        return None
    said = look.conditions[GrantCondition.EFFECTIVE]
    left = f"{state_key(look.stored.get(GrantCondition.EFFECTIVE))}\n{reason}"
    return transition_from(TransitionKind.INEFFECTIVE, said, left)


def _is_bound_for_the_first_time(look: Look) -> bool:
    return look.has_been_bound and not look.before.has_been_bound


def _extended(look: Look) -> Transition | None:
    if look.extends is None or not _is_bound_for_the_first_time(look):
        return None
    return Transition(kind=TransitionKind.EXTENDED)


def _denied(look: Look) -> Transition | None:
    if look.after.end != Reason.DENIED or look.before.end:
        return None
    return _of_ready(look, TransitionKind.DENIED)


def _refused(look: Look) -> Transition | None:
    reason = look.after.refusal
    if not reason or reason == look.before.refusal:
        return None
    tokens = map(state_key, map(look.stored.get, _AGREED_AND_READY))
    return _of_ready(look, TransitionKind.REFUSED, "\n".join((*tokens, reason)))


def _unbound(look: Look) -> Transition | None:
    was_ready = look.before.is_ready or look.is_caught_up
    if not was_ready or look.after.is_ready:
        return None
    if look.after.end or look.after.is_overdue:
        return None
    left = state_key(look.stored.get(GrantCondition.READY))
    return _of_ready(look, TransitionKind.UNBOUND, left)


def _overdue(look: Look) -> Transition | None:
    if not look.after.is_overdue or look.before.is_overdue:
        return None
    return _of_ready(look, TransitionKind.OVERDUE)


def _ended(look: Look) -> Transition | None:
    if not look.after.end or look.before.end:
        return None
    said = look.conditions.get(GrantCondition.ENDED)
    if said is None:
        return _of_ready(look, TransitionKind.ENDED)
    return transition_from(TransitionKind.ENDED, said)


_AGREED_AND_READY: Final = (GrantCondition.APPROVED, GrantCondition.READY)
_QUESTIONS: Final[tuple[Callable[[Look], Transition | None], ...]] = (
    _requested,
    _approved,
    _awaiting_approval,
    _bound,  # also one that was never told of: before what took it away
    _cautioned,
    _ineffective,
    _extended,
    _denied,
    _refused,  # why, before what follows from it
    _unbound,
    _overdue,
    _ended,
)


def _left_by_binding(look: Look) -> str:
    """Tell a first binding from a later one, whatever was said while it waited."""
    if not look.was_bound_before:
        return ""
    return state_key(look.stored.get(GrantCondition.READY))


def _of_ready(look: Look, kind: TransitionKind, left: str = "") -> Transition:
    return transition_from(kind, look.conditions[GrantCondition.READY], left)


def instance_transitions(
    before: Conditions, after: Conditions
) -> tuple[Transition, ...]:
    """Say what happened to an instance."""
    asked = (_contested(before, after), _token_at_risk(before, after))
    return tuple(found for found in asked if found is not None)


def token_rotated(expires_at: datetime | None, version: str) -> Transition:
    """Say that a new token for another cluster is stored.

    Args:
        expires_at: Until when it is good, as far as that is known.
        version: The resource version of the Secret that holds it.
    """
    until = f", good until {format_instant(expires_at)}" if expires_at else ""
    return Transition(
        kind=TransitionKind.TOKEN_ROTATED,
        reason=Reason.FRESH,
        message=f"A new token for the other cluster is stored{until}.",
        left=version,
    )


def orphan_removed(subject: str, role: str, version: str) -> Transition:
    """Say that a binding is removed which no grant wants.

    Args:
        subject: Who is bound.
        role: To which role.
        version: The resource version of the ConfigMap in which it was found.
    """
    return Transition(
        kind=TransitionKind.ORPHAN_REMOVED, left=f"{version}\n{subject}\n{role}"
    )


def _contested(before: Conditions, after: Conditions) -> Transition | None:
    old = before.get(InstanceCondition.CONTESTED)
    new = after.get(InstanceCondition.CONTESTED)
    if new is None or not new.status or (old is not None and old.status):
        return None
    return transition_from(TransitionKind.CONTESTED, new, state_key(old))


def _token_at_risk(before: Conditions, after: Conditions) -> Transition | None:
    old = before.get(InstanceCondition.TOKEN_FRESH)
    new = after.get(InstanceCondition.TOKEN_FRESH)
    if new is None or new.status is not False:
        return None
    if old is not None and (old.status, old.reason) == (new.status, new.reason):
        return None
    return transition_from(
        TransitionKind.TOKEN_AT_RISK, new, f"{state_key(old)} {new.reason}"
    )
