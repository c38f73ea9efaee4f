"""What all access policies of an instance make of one request."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from argogrant.grants.access.approvals import VerifiedApproval
from argogrant.grants.access.policy import AccessPolicy, AccessRules, Approval, Effect
from argogrant.grants.access.policy_checks import (
    FailedCheck,
    closest_policy,
    denies,
    first_failed_check,
    max_duration_of,
)
from argogrant.grants.access.quorum import Quorum, count_approvals
from argogrant.grants.access.request import Request
from argogrant.grants.model.window import END_OF_TIME, window_of


class PolicyMatch(NamedTuple):
    """A policy under which everybody agrees, and what follows from it."""

    policy: AccessPolicy
    end: datetime
    max_duration: timedelta | None
    approved_at: datetime | None = None
    approvals: tuple[Approval, ...] = ()

    @property
    def preference(self) -> tuple[timedelta, int, str]:
        """The smallest is taken: the latest end, the fewest approvals, the name."""
        return END_OF_TIME - self.end, len(self.approvals), self.policy.name


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyEvaluation:
    """One request before every policy."""

    request: Request
    denied_by: AccessPolicy | None
    """The first Deny policy that is meant; then nothing else was asked."""
    closest_policy: FailedCheck | None = None
    """The Allow policy that does not allow it, and would have to give way least."""
    quorums: tuple[Quorum, ...] = ()
    """Of every policy that would allow it and knows approvers."""
    matches: tuple[PolicyMatch, ...] = ()
    """Of every policy that admits it now."""

    @property
    def best(self) -> PolicyMatch | None:
        """The admission to act upon."""
        return min(self.matches, key=lambda a: a.preference, default=None)

    @property
    def is_allowed(self) -> bool:
        """Whether a policy admits it, or would if people approved."""
        return bool(self.quorums or self.matches)

    @property
    def denial(self) -> Approval | None:
        """The oldest refusal of somebody who may approve under any of them."""
        refusals = [q.denial for q in self.quorums if q.denial is not None]
        return min(refusals, key=lambda r: (r.created_at, r.name), default=None)


def evaluate_policies(
    request: Request, rules: AccessRules, votes: Sequence[VerifiedApproval]
) -> PolicyEvaluation:
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
        elif denies(policy, request):
            return PolicyEvaluation(request=request, denied_by=policy)
    misses, quorums, admissions = [], [], []
    for policy in allowing:
        miss = first_failed_check(policy, request)
        if miss is not None:
            misses.append(miss)
            continue
        quorum = _quorum(policy, request, rules, votes)
        if quorum is not None:
            quorums.append(quorum)
        admission = _match(policy, quorum, request, rules.max_duration)
        if admission is not None:
            admissions.append(admission)
    return PolicyEvaluation(
        request=request,
        denied_by=None,
        closest_policy=closest_policy(misses),
        quorums=tuple(quorums),
        matches=tuple(admissions),
    )


def _quorum(
    policy: AccessPolicy,
    request: Request,
    rules: AccessRules,
    votes: Sequence[VerifiedApproval],
) -> Quorum | None:
    if policy.approval is None:
        return None
    return count_approvals(
        policy, policy.approval, request=request, cast=votes, owners=rules.owners
    )


def _match(
    policy: AccessPolicy,
    quorum: Quorum | None,
    request: Request,
    max_duration: timedelta,
) -> PolicyMatch | None:
    """Tell what follows if the policy admits the request; None if it has to wait."""
    since: datetime | None = None
    approvals: tuple[Approval, ...] = ()
    if quorum is not None and not request.grant.break_glass:
        since = quorum.completed_at
        if since is None:
            return None
        approvals = quorum.counted[: quorum.rule.required]
    ceiling = max_duration_of(policy, request)
    lowest = max_duration if ceiling is None else min(ceiling, max_duration)
    end = window_of(request.grant, max_duration=lowest, since=since).end
    return PolicyMatch(policy, end, ceiling, since, approvals)
