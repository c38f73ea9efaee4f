"""How long the record of a grant is kept after its end. Pure.

The record is all that tells what was asked for, so that whatever is in doubt is kept.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from argogrant.grants.model.grant import Grant
from argogrant.grants.model.window import END_OF_TIME, add_capped


class EndedGrant(NamedTuple):
    """What is left of a grant that is over.

    A tuple, since ten thousand of them are made at every convergence.
    """

    grant: Grant
    ended_at: datetime
    """The end as its status says it."""
    is_gone: bool
    """Nothing of it is left in Argo CD, for certain."""
    is_continued: bool = False
    """A grant that is not over continues it, directly or not."""


Keep = Callable[[EndedGrant], bool]


def _is_tracked_by_git(remains: EndedGrant) -> bool:
    return remains.grant.tracked_by_git


def _is_going_anyway(remains: EndedGrant) -> bool:
    return remains.grant.being_deleted


def _may_still_apply(remains: EndedGrant) -> bool:
    return not remains.is_gone


def _is_continued(remains: EndedGrant) -> bool:
    return remains.is_continued


KEEPS: Final[tuple[Keep, ...]] = (
    _is_tracked_by_git,  # Argo CD would create it anew
    _is_going_anyway,
    _may_still_apply,  # while it is there, it is known who may still have access
    _is_continued,  # what continues it is counted by what it continues
)
"""What keeps a record however old it is."""


def delete_after(remains: EndedGrant, retention: timedelta) -> datetime | None:
    """Tell when the record of a grant may be deleted.

    Args:
        remains: What is left of it.
        retention: How long records are kept after the end.

    Returns:
        None: not as long as all this is so.
    """
    for keeps in KEEPS:
        if keeps(remains):
            return None
    instant = add_capped(remains.ended_at, retention)
    return None if instant == END_OF_TIME else instant
