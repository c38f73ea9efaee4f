"""Words for what was said of a grant: states, and looks from one to the next."""

from argogrant.audit.transitions import Account, Look, account_of, grant_transitions
from argogrant.grants.model.stored_condition import Conditions, StoredCondition

NOTHING: Conditions = {}
EARLIER, NOW = "2026-11-24T11:00:00Z", "2026-11-24T12:00:00Z"


def state(
    ready: str,
    approved: str = "+AutoApproved",
    ended: str = "",
    effective: str = "",
) -> Conditions:
    """Conditions by their reasons, each with + for True and - for False before it."""
    told = {
        "Approved": approved,
        "Ready": ready,
        "Effective": effective,
        "Ended": ended,
    }
    return {
        kind: StoredCondition(
            reason[0] == "+", reason[1:], f"{reason[1:]} it is.", EARLIER
        )
        for kind, reason in told.items()
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


def a_look(  # noqa: PLR0913
    before: Conditions,
    now: Conditions,
    *,
    told: Account | None = None,
    is_overdue: bool = False,
    has_been_bound: bool = False,
    was_held: bool = False,
    extends: str | None = None,
    caution: str = "",
) -> Look:
    """A look; ``told`` is what this process said last, if it has said anything."""
    account = told or account_of(before, has_been_bound=has_been_bound)
    return Look(
        before=account,
        after=account_of(
            now, is_overdue=is_overdue, has_been_bound=account.has_been_bound
        ),
        conditions=now,
        stored=before,
        is_first=told is None,
        was_held=was_held,
        was_bound_before=has_been_bound,
        extends=extends,
        caution=caution,
    )


def kinds(look: Look) -> str:
    return " ".join(str(one.kind) for one in grant_transitions(look))
