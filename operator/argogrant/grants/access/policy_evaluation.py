"""Evaluation of one request under all access policies of an instance.

    every policy ─┬─ Deny ── matches ───────────────────────────▶ denied_by
                  └─ Allow ─ a check fails ─────────────────────▶ closest_policy
                           └ all checks pass ─ approvals missing ▶ quorums
                                             └ none missing ────▶ matches

``evaluation`` turns the result into the condition ``Approved``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from argogrant.grants.access.policy import AccessPolicy, AccessRules, Approval, Effect
from argogrant.grants.access.policy_checks import (
    FailedCheck,
    closest_policy,
    denies,
    first_failed_check,
    max_duration_of,
)
from argogrant.grants.access.quorum import (
    ApprovalResult,
    Approvals,
    Quorum,
    VerifiedApproval,
    count_approvals,
)
from argogrant.grants.access.request import Request
from argogrant.grants.model.reasons import Reason
from argogrant.grants.model.window import END_OF_TIME, window_of


class PolicyMatch(NamedTuple):
    """A policy that allows the request now, and the resulting access."""

    policy: AccessPolicy
    end: datetime
    max_duration: timedelta | None
    approved_at: datetime | None = None
    approvals: tuple[Approval, ...] = ()

    @property
    def preference(self) -> tuple[timedelta, int, str]:
        """Sort key: the latest end, then the fewest approvals, then the name."""
        return END_OF_TIME - self.end, len(self.approvals), self.policy.name


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyEvaluation:
    """Result of one request under every policy."""

    request: Request
    denied_by: AccessPolicy | None
    """The first Deny policy that matches; the other fields are empty then."""
    closest_policy: FailedCheck | None = None
    """The failed check of the Allow policy that comes closest to the request."""
    quorums: tuple[Quorum, ...] = ()
    """Approvals under every policy that allows the request and requires approval."""
    matches: tuple[PolicyMatch, ...] = ()
    """Every policy that allows the request now, with the approvals it has."""

    @property
    def best(self) -> PolicyMatch | None:
        """The match that takes effect."""
        return min(self.matches, key=lambda one: one.preference, default=None)

    @property
    def is_allowed(self) -> bool:
        """Return whether a policy allows the request, at least once it is approved."""
        return bool(self.quorums or self.matches)

    @property
    def denial(self) -> Approval | None:
        """The oldest denial by an approver under any of the policies."""
        denials = [q.denial for q in self.quorums if q.denial is not None]
        return min(denials, key=lambda one: (one.created_at, one.name), default=None)


def evaluate_policies(
    request: Request, rules: AccessRules, approvals: Sequence[VerifiedApproval]
) -> PolicyEvaluation:
    """Evaluate every policy.

    Args:
        request: What is requested; the requester is verified.
        rules: The policies of this instance.
        approvals: Valid approvals of exactly this grant, oldest first.
    """
    allowing = []
    for policy in rules.policies:
        if policy.effect is Effect.ALLOW:
            allowing.append(policy)
        elif denies(policy, request):
            return PolicyEvaluation(request=request, denied_by=policy)
    failed, quorums, matches = [], [], []
    for policy in allowing:
        failed_check = first_failed_check(policy, request)
        if failed_check is not None:
            failed.append(failed_check)
            continue
        quorum = _quorum(policy, request, rules, approvals)
        if quorum is not None:
            quorums.append(quorum)
        match = _match(policy, quorum, request, rules.max_duration)
        if match is not None:
            matches.append(match)
    return PolicyEvaluation(
        request=request,
        denied_by=None,
        closest_policy=closest_policy(failed),
        quorums=tuple(quorums),
        matches=tuple(matches),
    )


def _quorum(
    policy: AccessPolicy,
    request: Request,
    rules: AccessRules,
    approvals: Sequence[VerifiedApproval],
) -> Quorum | None:
    if policy.approval is None:
        return None
    return count_approvals(
        policy,
        policy.approval,
        request=request,
        approvals=approvals,
        owners=rules.owners,
    )


def _match(
    policy: AccessPolicy,
    quorum: Quorum | None,
    request: Request,
    max_duration: timedelta,
) -> PolicyMatch | None:
    """Return the access under a policy; None if approvals are missing."""
    approved_at: datetime | None = None
    approvals: tuple[Approval, ...] = ()
    if quorum is not None and not request.grant.break_glass:
        approved_at = quorum.completed_at
        if approved_at is None:
            return None
        approvals = quorum.counted[: quorum.rule.required]
    maximum = max_duration_of(policy, request)
    lowest = max_duration if maximum is None else min(maximum, max_duration)
    end = window_of(request.grant, max_duration=lowest, approved_at=approved_at).end
    return PolicyMatch(policy, end, maximum, approved_at, approvals)


_PREFERENCE = (
    Reason.COUNTS,
    Reason.COUNTED_ALREADY,
    Reason.TOO_LATE,
    Reason.SELF_APPROVAL,
    Reason.NOT_ENTITLED,
)
"""Results from best to worst; an approval reports the best that any policy gives it."""


def approval_results(
    evaluation: PolicyEvaluation, approvals: Approvals
) -> tuple[ApprovalResult, ...]:
    """Return the effect of every approval if a policy allows the request."""
    best = evaluation.best
    needs_no_approval = best is not None and not best.approvals
    if not evaluation.quorums or (needs_no_approval and evaluation.denial is None):
        return approval_not_needed(approvals)
    by_approval = zip(*(quorum.results for quorum in evaluation.quorums), strict=True)
    return (*approvals.invalid, *(min(one, key=_preference) for one in by_approval))


def approval_not_needed(approvals: Approvals) -> tuple[ApprovalResult, ...]:
    """Return the results if the grant takes effect without approval."""
    return _same_result(
        approvals, Reason.NOT_NEEDED, "The grant does not need approval."
    )


def approval_has_no_effect(approvals: Approvals) -> tuple[ApprovalResult, ...]:
    """Return the results if no approval could make the grant take effect."""
    return _same_result(
        approvals,
        Reason.NOT_ENTITLED,
        "No AccessPolicy allows the grant, even with approval. See the condition"
        " Approved of the grant.",
    )


def _same_result(
    approvals: Approvals, reason: Reason, message: str
) -> tuple[ApprovalResult, ...]:
    results = (
        ApprovalResult(one.approval, reason, message) for one in approvals.approvals
    )
    return (*approvals.invalid, *results)


def _preference(result: ApprovalResult) -> int:
    return _PREFERENCE.index(result.reason)
