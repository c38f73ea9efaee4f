"""What has happened to an instance: transitions, as those of grants."""

from datetime import datetime

from argogrant.audit.transition_kinds import Transition, TransitionKind, transition_of
from argogrant.grants.model.reasons import InstanceCondition, Reason
from argogrant.grants.model.stored_condition import Conditions, token_of
from argogrant.grants.model.window import format_instant


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
    return transition_of(TransitionKind.CONTESTED, new, token_of(old))


def _token_at_risk(before: Conditions, after: Conditions) -> Transition | None:
    old = before.get(InstanceCondition.TOKEN_FRESH)
    new = after.get(InstanceCondition.TOKEN_FRESH)
    if new is None or new.status is not False:
        return None
    if old is not None and (old.status, old.reason) == (new.status, new.reason):
        return None
    return transition_of(
        TransitionKind.TOKEN_AT_RISK, new, f"{token_of(old)} {new.reason}"
    )
