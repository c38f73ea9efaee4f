"""What somebody asks for, as access policies judge it.

What else bears upon one grant: approvals, the grants it continues, and others.

Extensions: a grant that continues an earlier one of the same access.
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
    """The other objects that a decision about one grant looks at."""

    approvals: tuple[Approval, ...] = ()
    """Every approval that names this grant, also those that will not count."""
    chain: tuple[Grant, ...] = ()
    """The grants that it continues, nearest first, as far as they are there."""
    active_before: int = 0
    """Older grants of the same subject and instance that are active or may become so,
    apart from those of its own chain."""
    extended_by: str = ""
    """The name of the grant that continues this one."""


NO_RELATED_OBJECTS = RelatedObjects()


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
    circumstances: RelatedObjects,
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
        own_subject=argocd_subject(requester, strip_prefix),
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


def extension_problem(
    grant: Grant, chain: Sequence[Grant], *, max_duration: timedelta
) -> Finding | None:
    """Say why a grant can not continue the one that it names.

    Once it has begun, nothing that happens to the earlier one does it any harm.

    Args:
        grant: The later one.
        chain: The grants that it continues, nearest first, as far as they are there.
        max_duration: The instance's ceiling, which ends the earlier one as well.
    """
    if grant.extends is None or grant.recorded_extension is not None:
        return None
    if not chain:
        problem = f"there is no such grant in namespace {grant.namespace}"
    else:
        found = _problem_with(grant, chain[0], max_duration)
        if found is None:
            return None
        problem = found
    return Finding(
        Reason.EXTENSION_REFUSED,
        f"spec.extends names {quote(grant.extends)}, but {problem}. Create a new"
        " AccessGrant, without spec.extends or with one that fits.",
    )


def _problem_with(grant: Grant, earlier: Grant, max_duration: timedelta) -> str | None:
    """Say what is wrong with the earlier grant, as a clause about it."""
    end = _end_of(earlier, max_duration)
    subject, role = quote(earlier.subject.name), quote(earlier.role.bound_as)
    questions = (
        (earlier.subject != grant.subject, f"is for another subject, {subject}"),
        (earlier.role != grant.role, f"gives another role, {role}"),
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
            or earlier.recorded_end is not None,
            "was revoked, refused or deleted",
        ),
        (end <= grant.created_at, f"had ended at {format_instant(end)} already"),
    )
    return next((f"that {problem}" for is_so, problem in questions if is_so), None)


def _end_of(earlier: Grant, max_duration: timedelta) -> datetime:
    """When it ended: as promised when it began; or as if nobody had to agree."""
    if earlier.frozen_end is None:
        return window_of(earlier, max_duration=max_duration).end
    return pending_window(earlier, patience=None).end


def depth_of(grant: Grant, chain: Sequence[Grant]) -> int:
    """Count the grants that this one continues, one after the other.

    What a grant recorded when it began goes on: those before it may be gone.
    """
    if grant.extends is None:
        return 0
    for distance, one in enumerate((grant, *chain)):
        if one.recorded_extension is not None:
            return distance + one.recorded_extension
    return len(chain) + (chain[-1].extends is not None if chain else 1)
