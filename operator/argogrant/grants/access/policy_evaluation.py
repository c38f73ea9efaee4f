"""What all access policies of an instance make of one request."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from argogrant.grants.access.approvals import Vote
from argogrant.grants.access.policy import AccessPolicy, AccessRules, Approval, Effect
from argogrant.grants.access.policy_checks import (
    Miss,
    ceiling_of,
    first_miss,
    forbids,
    nearest,
)
from argogrant.grants.access.quorum import Quorum, quorum_of
from argogrant.grants.access.request import Request
from argogrant.grants.model.window import END_OF_TIME, window_of


class Admission(NamedTuple):
    """A policy under which everybody agrees, and what follows from it."""

    policy: AccessPolicy
    end: datetime
    ceiling: timedelta | None
    since: datetime | None = None
    approvals: tuple[Approval, ...] = ()

    @property
    def preference(self) -> tuple[timedelta, int, str]:
        """The smallest is taken: the latest end, the fewest approvals, the name."""
        return END_OF_TIME - self.end, len(self.approvals), self.policy.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """One request before every policy."""

    request: Request
    forbidden_by: AccessPolicy | None
    """The first Deny policy that is meant; then nothing else was asked."""
    nearest: Miss | None = None
    """The Allow policy that does not allow it, and would have to give way least."""
    quorums: tuple[Quorum, ...] = ()
    """Of every policy that would allow it and knows approvers."""
    admissions: tuple[Admission, ...] = ()
    """Of every policy that admits it now."""

    @property
    def best(self) -> Admission | None:
        """The admission to act upon."""
        return min(self.admissions, key=lambda a: a.preference, default=None)

    @property
    def is_allowed(self) -> bool:
        """Whether a policy admits it, or would if people approved."""
        return bool(self.quorums or self.admissions)

    @property
    def refusal(self) -> Approval | None:
        """The oldest refusal of somebody who may approve under any of them."""
        refusals = [q.refusal for q in self.quorums if q.refusal is not None]
        return min(refusals, key=lambda r: (r.created_at, r.name), default=None)


def assess(request: Request, rules: AccessRules, votes: Sequence[Vote]) -> Assessment:
    """Ask every policy.

    Args:
        request: What is asked for; somebody vouches for who asks.
        rules: Their policies are all for this instance.
        votes: The approvals of this very grant, the oldest first.
    """
    allowing = []
    for policy in rules.policies:
        if policy.effect is Effect.ALLOW:
            allowing.append(policy)
        elif forbids(policy, request):
            return Assessment(request=request, forbidden_by=policy)
    misses, quorums, admissions = [], [], []
    for policy in allowing:
        miss = first_miss(policy, request)
        if miss is not None:
            misses.append(miss)
            continue
        quorum = _quorum(policy, request, rules, votes)
        if quorum is not None:
            quorums.append(quorum)
        admission = _admission(policy, quorum, request, rules.max_duration)
        if admission is not None:
            admissions.append(admission)
    return Assessment(
        request=request,
        forbidden_by=None,
        nearest=nearest(misses),
        quorums=tuple(quorums),
        admissions=tuple(admissions),
    )


def _quorum(
    policy: AccessPolicy, request: Request, rules: AccessRules, votes: Sequence[Vote]
) -> Quorum | None:
    if policy.approval is None:
        return None
    return quorum_of(
        policy, policy.approval, request=request, cast=votes, owners=rules.owners
    )


def _admission(
    policy: AccessPolicy,
    quorum: Quorum | None,
    request: Request,
    max_duration: timedelta,
) -> Admission | None:
    """Tell what follows if the policy admits the request; None if it has to wait."""
    since: datetime | None = None
    approvals: tuple[Approval, ...] = ()
    if quorum is not None and not request.grant.break_glass:
        since = quorum.completed_at
        if since is None:
            return None
        approvals = quorum.counted[: quorum.rule.required]
    ceiling = ceiling_of(policy, request)
    lowest = max_duration if ceiling is None else min(ceiling, max_duration)
    end = window_of(request.grant, max_duration=lowest, since=since).end
    return Admission(policy, end, ceiling, since, approvals)
