"""How a grant stands, in a word: what a table says of it. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from argogrant.api.accessgrant_view import AccessGrantView
from argogrant.grants.model.reason_table import REFUSED_REASONS
from argogrant.grants.model.reasons import GrantCondition, Reason

_LAST: Final = datetime.max.replace(tzinfo=UTC)
"""Where what has no end yet is put in a list."""


class GrantState(StrEnum):
    """How a grant stands; each has a word of its own, so that colours say no more."""

    ACTIVE = "In force"
    PENDING = "Awaiting approval"
    SCHEDULED = "Scheduled"
    STARTING = "Beginning"
    """The binding is being written, or the operator has not seen the grant yet."""
    BLOCKED = "Blocked"
    """Something about Argo CD stands in the way; the reason of ``Ready`` says what."""
    ENDING = "Ending"
    """It was revoked or deleted, and Argo CD may still allow it."""
    OVERDUE = "Overdue"
    """Its end has come, and nobody has said that Argo CD refuses."""
    REFUSED = "Refused"
    ENDED = "Ended"


_BY_REASON: Final[Mapping[str, GrantState]] = {
    **dict.fromkeys(map(str, REFUSED_REASONS), GrantState.REFUSED),
    Reason.AWAITING_APPROVAL: GrantState.PENDING,
    Reason.SCHEDULED: GrantState.SCHEDULED,
    Reason.BINDING: GrantState.STARTING,
    Reason.DELETED: GrantState.ENDING,
}


def is_over(grant: AccessGrantView) -> bool:
    """Tell whether it is over for good, as the operator says."""
    said = grant.stored.conditions.get(GrantCondition.ENDED)
    return bool(said and said.status)


def grant_state(grant: AccessGrantView, now: datetime) -> GrantState:
    """Say how a grant stands.

    What its status says was so when the operator looked last. An end that has come
    since is not believed to be kept before the operator has said so.
    """
    said = grant.stored.conditions
    if is_over(grant):
        was_denied = said[GrantCondition.ENDED].reason == Reason.DENIED
        return GrantState.REFUSED if was_denied else GrantState.ENDED
    if grant.stored.has_been_bound or _is_ready(grant):
        if grant.expires_at is not None and grant.expires_at <= now:
            return GrantState.OVERDUE
        if grant.is_revoked or grant.is_being_deleted:
            return GrantState.ENDING
    if _is_ready(grant):
        return GrantState.ACTIVE
    ready = said.get(GrantCondition.READY)
    if ready is None:
        return GrantState.STARTING
    return _BY_REASON.get(ready.reason, GrantState.BLOCKED)


def in_order(grant: AccessGrantView) -> tuple[datetime, str, str]:
    """Put what ends first first, and what has no end yet last."""
    return grant.ended_at or grant.expires_at or _LAST, grant.namespace, grant.name


def _is_ready(grant: AccessGrantView) -> bool:
    ready = grant.stored.conditions.get(GrantCondition.READY)
    return bool(ready and ready.status)
