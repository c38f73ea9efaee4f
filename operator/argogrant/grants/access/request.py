"""Input of access policies: the request, related objects, and extensions.

An extension is a grant that continues an earlier one of the same access
(``spec.extends``). A chain of extensions is listed with the nearest grant first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from argogrant.grants.access.policy import Approval
from argogrant.grants.model.grant import Grant
from argogrant.grants.model.identity import Identity, argocd_subject
from argogrant.grants.model.reasons import Finding, Reason
from argogrant.grants.model.validation import quote
from argogrant.grants.model.window import format_instant, pending_window, window_of


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedObjects:
    """Other objects that a decision about one grant depends on."""

    approvals: tuple[Approval, ...] = ()
    """All approvals that name this grant, including those that do not count."""
    chain: tuple[Grant, ...] = ()
    """Grants that this one extends, nearest first, as far as they exist."""
    active_before: int = 0
    """Number of older grants of the same subject and instance that are or may become
    active, without those of its own chain."""
    extended_by: str = ""
    """Name of the grant that extends this one."""


NO_RELATED_OBJECTS = RelatedObjects()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One grant with everything that the checks of an access policy need."""

    grant: Grant
    requester: Identity
    own_subject: str | None
    """Requester's name in Argo CD; None if Argo CD does not know the requester."""
    strip_prefix: str
    requested_duration: timedelta
    extension_number: int
    """Number of grants that this one extends, one after the other."""
    active_before: int


def request_of(
    grant: Grant, requester: Identity, related: RelatedObjects, *, strip_prefix: str
) -> Request:
    """Build the request that access policies check.

    Args:
        grant: The AccessGrant.
        requester: Who created it; verified by the API server.
        related: The chain of extensions and the number of active grants.
        strip_prefix: Prefix of usernames that Argo CD's usernames lack.
    """
    return Request(
        grant=grant,
        requester=requester,
        own_subject=argocd_subject(requester, strip_prefix),
        strip_prefix=strip_prefix,
        requested_duration=_requested_duration(grant),
        extension_number=extension_number(grant, related.chain),
        active_before=related.active_before,
    )


def _requested_duration(grant: Grant) -> timedelta:
    """Return the duration, or the time from the earliest start to ``expiresAt``."""
    if grant.duration is not None:
        return grant.duration
    if grant.expires_at is None:
        # The CRD rejects such a grant. Without the CRD, it exceeds every maximum.
        return timedelta.max
    return grant.expires_at - grant.earliest_start


def extension_problem(
    grant: Grant, chain: Sequence[Grant], *, max_duration: timedelta
) -> Finding | None:
    """Return why a grant cannot extend the grant that it names.

    A grant that has started keeps its access, even if the earlier grant is deleted or
    revoked afterwards.

    Args:
        grant: The later grant.
        chain: Grants that it extends, nearest first, as far as they exist.
        max_duration: Maximum of the instance; it also limits the earlier grant.
    """
    if grant.extends is None or grant.recorded_extension is not None:
        return None
    if not chain:
        problem = f"no such grant exists in namespace {grant.namespace}"
    else:
        found = _problem_with(grant, chain[0], max_duration)
        if found is None:
            return None
        problem = found
    return Finding(
        Reason.EXTENSION_REFUSED,
        f"spec.extends names {quote(grant.extends)}, but {problem}. Create a new"
        " AccessGrant without spec.extends, or with the name of a grant that it can"
        " extend.",
    )


def _problem_with(grant: Grant, earlier: Grant, max_duration: timedelta) -> str | None:
    """Return the first problem with the earlier grant, as a clause."""
    end = _end_of(earlier, max_duration)
    subject, role = quote(earlier.subject.name), quote(earlier.role.bound_as)
    problems = (
        (earlier.subject != grant.subject, f"is for another subject, {subject}"),
        (earlier.role != grant.role, f"is for another role, {role}"),
        (
            earlier.instance != grant.instance,
            f"is for another instance, {quote(earlier.instance)}",
        ),
        (
            (earlier.created_at, earlier.name) >= (grant.created_at, grant.name),
            "was not created earlier",
        ),
        (
            earlier.being_deleted
            or earlier.revoked
            or earlier.recorded_finding is not None,
            "was revoked, denied or deleted",
        ),
        (end <= grant.created_at, f"had already ended at {format_instant(end)}"),
    )
    return next(
        (f"that grant {problem}" for applies, problem in problems if applies), None
    )


def _end_of(earlier: Grant, max_duration: timedelta) -> datetime:
    """Return the end that was reported, or the end as if no approval were needed."""
    if earlier.frozen_end is None:
        return window_of(earlier, max_duration=max_duration).end
    return pending_window(earlier, approval_timeout=None).end


def extension_number(grant: Grant, chain: Sequence[Grant]) -> int:
    """Count the grants that this one extends, one after the other.

    A grant records its number when it starts, so counting stops at the nearest grant
    with a record: the grants before it may have been deleted.
    """
    if grant.extends is None:
        return 0
    for distance, one in enumerate((grant, *chain)):
        if one.recorded_extension is not None:
            return distance + one.recorded_extension
    return len(chain) + (chain[-1].extends is not None if chain else 1)
