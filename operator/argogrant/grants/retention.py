"""Retention of ended grants: when the AccessGrant object may be deleted.

The object is the only record of what was requested, so it is kept if anything about its
end is unknown.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from argogrant.grants.model.grant import Grant
from argogrant.grants.model.window import END_OF_TIME, add_capped


class EndedGrant(NamedTuple):
    """A grant that has ended.

    A tuple, because ten thousand of them are created at every reconciliation.
    """

    grant: Grant
    ended_at: datetime
    """End in its status."""
    is_gone: bool
    """True if its binding is confirmed to be removed from Argo CD."""
    is_continued: bool = False
    """True if a grant that has not ended extends it, directly or through others."""


RetentionCheck = Callable[[EndedGrant], bool]


def _is_tracked_by_git(ended: EndedGrant) -> bool:
    return ended.grant.tracked_by_git


def _is_being_deleted(ended: EndedGrant) -> bool:
    return ended.grant.being_deleted


def _may_still_apply(ended: EndedGrant) -> bool:
    return not ended.is_gone


def _is_continued(ended: EndedGrant) -> bool:
    return ended.is_continued


KEPT_WHILE: Final[tuple[RetentionCheck, ...]] = (
    _is_tracked_by_git,  # Argo CD would create it again
    _is_being_deleted,  # nothing to do
    _may_still_apply,  # the object shows who may still have access
    _is_continued,  # the number of extensions is counted along the chain
)
"""Conditions under which an object is kept, however old it is."""


def delete_after(ended: EndedGrant, retention: timedelta) -> datetime | None:
    """Return when the object of an ended grant may be deleted.

    Args:
        ended: The grant and the state of its binding.
        retention: How long objects are kept after the end.

    Returns:
        None while a condition in ``KEPT_WHILE`` holds.
    """
    if any(is_kept(ended) for is_kept in KEPT_WHILE):
        return None
    instant = add_capped(ended.ended_at, retention)
    return None if instant == END_OF_TIME else instant
