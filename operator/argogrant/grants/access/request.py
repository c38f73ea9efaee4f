"""What somebody asks for, as access policies judge it."""

from dataclasses import dataclass
from datetime import timedelta

from argogrant.grants.access.circumstances import Circumstances
from argogrant.grants.model.grant import Grant
from argogrant.grants.model.identity import Identity, subject_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One grant, and whatever about it an access policy may ask."""

    grant: Grant
    requester: Identity
    own_subject: str | None
    """What Argo CD calls the requester; None if he is nobody for Argo CD."""
    strip_prefix: str
    asked: timedelta
    """How long the access shall last."""
    depth: int
    """How many grants it continues, one after the other."""
    active_before: int


def request_of(
    grant: Grant,
    requester: Identity,
    *,
    circumstances: Circumstances,
    depth: int,
    strip_prefix: str,
) -> Request:
    """Put together what is asked for.

    Args:
        grant: The object.
        requester: Who asks; somebody vouches for that.
        circumstances: Only what is active besides is looked at.
        depth: How many grants this one continues.
        strip_prefix: What Kubernetes puts before Argo CD's name for a person.
    """
    return Request(
        grant=grant,
        requester=requester,
        own_subject=subject_of(requester, strip_prefix),
        strip_prefix=strip_prefix,
        asked=_asked(grant),
        depth=depth,
        active_before=circumstances.active_before,
    )


def _asked(grant: Grant) -> timedelta:
    """The duration; or the time from the earliest start to the end that is written."""
    if grant.duration is not None:
        return grant.duration
    if grant.expires_at is None:
        return timedelta.max  # no CRD lets that pass: longer than any ceiling
    return grant.expires_at - grant.earliest_start
