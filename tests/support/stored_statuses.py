"""Conditions of grants in short form, and the events between two of them."""

from argogrant.audit.transitions import (
    Transition,
    grant_transitions,
    next_state,
    stored_state,
)
from argogrant.grants.model.stored_condition import Conditions, StoredCondition

NOTHING: Conditions = {}
EARLIER, NOW = "2026-11-24T11:00:00Z", "2026-11-24T12:00:00Z"


def state(
    ready: str,
    approved: str = "+AutoApproved",
    ended: str = "",
    effective: str = "",
) -> Conditions:
    """Return conditions from their reasons, each after + for True or - for False."""
    reasons = {
        "Approved": approved,
        "Ready": ready,
        "Effective": effective,
        "Ended": ended,
    }
    return {
        kind: StoredCondition(
            reason[0] == "+", reason[1:], f"{reason[1:]} it is.", EARLIER
        )
        for kind, reason in reasons.items()
        if reason
    }


BINDING = state("-Binding")
BOUND = state("+Bound")
SCHEDULED = state("-Scheduled")
WAITING = state("-AwaitingApproval", "-AwaitingApproval")
NOT_ALLOWED = state("-NotAllowed", "-NotAllowed")
REFUSED = state("-SubjectRefused")
UNKNOWN_ROLE = state("-RoleNotFound")
STUCK = state("-ConfigMapMissing")
EXPIRED = state("-Expired", ended="+Expired")
REVOKED = state("-Revoked", ended="+Revoked")
DENIED = state("-Denied", "-Denied", "+Denied")
TIMED_OUT = state("-ApprovalTimedOut", "-ApprovalTimedOut", "+ApprovalTimedOut")
DELETED = state("-Deleted")
OPEN = state("+Bound", "+PolicyNotRequired")
OPEN_EXPIRED = state("-Expired", "+PolicyNotRequired", "+Expired")
INVALID = state("-InvalidGrant", "")


def transitions(  # noqa: PLR0913
    before: Conditions,
    now: Conditions,
    *,
    was_overdue: bool = False,
    is_overdue: bool = False,
    was_bound: bool = False,
    binding_found: bool = False,
    extends: str | None = None,
    role_warning: str = "",
) -> tuple[Transition, ...]:
    """Return the events between two statuses of a grant."""
    reported = stored_state(before, was_bound=was_bound)
    reported = reported._replace(is_overdue=was_overdue)
    return grant_transitions(
        reported,
        next_state(reported, now, is_overdue=is_overdue, binding_found=binding_found),
        extends=extends,
        role_warning=role_warning,
    )


def types(before: Conditions, now: Conditions, **change: object) -> str:
    """Return the types of the events between two statuses, in order."""
    found = transitions(before, now, **change)  # type: ignore[arg-type]
    return " ".join(one.type for one in found)
