"""State of a grant in one word, as tables print it. Pure.

::

    Starting ─> Pending ─> Scheduled ─> Active ─> Ending or Overdue ─> Ended

A grant skips the states that do not apply to it. ``Blocked`` and ``Refused`` replace
any state before ``Ending``. A grant leaves them when Argo CD or the AccessPolicies
change, unless an approver denied it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from argogrant.api.accessgrant_view import AccessGrantView
from argogrant.grants.model.reasons import REFUSED_REASONS, GrantCondition, Reason

_LAST: Final = datetime.max.replace(tzinfo=UTC)
"""Position of a grant without a known end."""


class GrantState(StrEnum):
    """State of a grant; each has its own word, so colours add no information."""

    ACTIVE = "Active"
    PENDING = "Pending"
    """Approvals are missing."""
    SCHEDULED = "Scheduled"
    STARTING = "Starting"
    """The operator has not processed the grant yet, or is writing the binding."""
    BLOCKED = "Blocked"
    """The state of Argo CD prevents the binding; the reason of ``Ready`` says why."""
    ENDING = "Ending"
    """The grant was revoked or deleted, and Argo CD may still allow it."""
    OVERDUE = "Overdue"
    """The grant expired, and the operator has not confirmed its end."""
    REFUSED = "Refused"
    """The grant is not allowed, or was denied before it gave access."""
    ENDED = "Ended"


_BY_REASON: Final[Mapping[str, GrantState]] = {
    **dict.fromkeys(map(str, REFUSED_REASONS), GrantState.REFUSED),
    Reason.AWAITING_APPROVAL: GrantState.PENDING,
    Reason.SCHEDULED: GrantState.SCHEDULED,
    Reason.BINDING: GrantState.STARTING,
    Reason.DELETED: GrantState.ENDING,
}


def is_over(grant: AccessGrantView) -> bool:
    """Return whether the operator has reported the final end of a grant."""
    return grant.condition_is_true(GrantCondition.ENDED)


def grant_state(grant: AccessGrantView, now: datetime) -> GrantState:
    """Return the state of a grant.

    The status describes the last reconciliation. If the grant has expired since then,
    Argo CD may still allow it, so the state is ``Overdue`` until the operator reports
    the end.
    """
    conditions = grant.conditions
    if is_over(grant):
        was_denied = conditions[GrantCondition.ENDED].reason == Reason.DENIED
        never_ran = not grant.has_been_bound
        return GrantState.REFUSED if was_denied and never_ran else GrantState.ENDED
    is_ready = grant.condition_is_true(GrantCondition.READY)
    if grant.has_been_bound or is_ready:
        if grant.expires_at is not None and grant.expires_at <= now:
            return GrantState.OVERDUE
        if grant.is_revoked or grant.is_being_deleted:
            return GrantState.ENDING
    if is_ready:
        return GrantState.ACTIVE
    ready = conditions.get(GrantCondition.READY)
    if ready is None:
        return GrantState.STARTING
    return _BY_REASON.get(ready.reason, GrantState.BLOCKED)


def awaits_approval(grant: AccessGrantView) -> bool:
    """Return whether only approvals are missing, as the operator reported."""
    ready = grant.conditions.get(GrantCondition.READY)
    return (
        not is_over(grant)
        and ready is not None
        and ready.reason == Reason.AWAITING_APPROVAL
    )


def in_order(grant: AccessGrantView) -> tuple[datetime, str, str]:
    """Return the sort key of a grant: by its end, those without a known end last."""
    return grant.ended_at or grant.expires_at or _LAST, grant.namespace, grant.name
