"""Whether those who have to agree to a grant do: access policies and approvals.

Without access policies whoever may create grants decides. With them nothing is allowed
that none of them allows; they are asked anew at every decision, so that what they stop
allowing stops being in force.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from argogrant.grants.access.approval_checks import (
    approval_has_no_effect,
    approval_not_needed,
    approval_results,
    enough_have_approved,
    is_not_denied,
    policies_are_readable,
    policy_allows,
    requester_is_verified,
)
from argogrant.grants.access.approvals import (
    ApprovalResult,
    Approvals,
    validate_approvals,
)
from argogrant.grants.access.policy import DEFAULT_TIMEOUT, AccessRules, Approval
from argogrant.grants.access.policy_evaluation import (
    PolicyEvaluation,
    PolicyMatch,
    evaluate_policies,
)
from argogrant.grants.access.quorum import Quorum
from argogrant.grants.access.request import (
    RelatedObjects,
    depth_of,
    extension_problem,
    request_of,
)
from argogrant.grants.model.grant import Grant
from argogrant.grants.model.reasons import Finding, Reason
from argogrant.grants.model.validation import quote
from argogrant.grants.model.window import Window, pending_window, window_of


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyResult:
    """Who agrees to a grant, or why nobody does."""

    reason: Reason
    """Of the condition ``Approved``."""
    message: str
    finding: Finding | None = None
    """What stands in the way; None if everybody agrees."""
    policy: str | None = None
    """The access policy that admits the grant; None if none has to, or none does."""
    approved_at: datetime | None = None
    """When the last approval that it needed was given; None if it needed none."""
    max_duration: timedelta | None = None
    """How long the policy lets it last; None: as long as the instance does."""
    approvals: tuple[Approval, ...] = ()
    """Those that make it what it is: that complete the quorum, or refuse."""
    approval_results: tuple[ApprovalResult, ...] = ()
    """What is said of every approval that names the grant; none in doubt."""
    approval_timeout: timedelta | None = None
    """How long a grant that has not begun may wait for agreement; None: for ever."""
    recheck_at: datetime | None = None
    """The next instant at which it can change by itself."""

    @property
    def is_approved(self) -> bool:
        """Whether everybody agrees who has to."""
        return self.finding is None

    def window_of(self, grant: Grant, *, max_duration: timedelta) -> Window:
        """Derive when the grant may be in force; the instance has a ceiling as well."""
        if not self.is_approved:
            return pending_window(grant, patience=self.approval_timeout)
        if self.max_duration is not None and self.max_duration < max_duration:
            max_duration = self.max_duration
        return window_of(grant, max_duration=max_duration, since=self.approved_at)


NO_POLICY: Final = PolicyResult(
    reason=Reason.POLICY_NOT_REQUIRED,
    message="Whoever may create AccessGrants in this namespace decides.",
)
"""The agreement to almost every grant where there are no access policies."""

NO_POLICY_BREAK_GLASS: Final = PolicyResult(
    reason=Reason.BREAK_GLASS,
    message=(
        "This is for an emergency. Whoever may create AccessGrants in this namespace"
        " decides."
    ),
)


def evaluate(
    grant: Grant, rules: AccessRules, circumstances: RelatedObjects, now: datetime
) -> PolicyResult:
    """Find out whether everybody agrees who has to.

    Args:
        grant: What is asked for.
        rules: By which policies, and whose word is believed.
        circumstances: The approvals, and the grants that it continues.
        now: Only the time for approvals depends on it.
    """
    if rules.are_open and _asks_nothing_special(grant, circumstances):
        return NO_POLICY
    ballot = validate_approvals(grant, circumstances.approvals, rules)
    agreement = _policy_result(grant, rules, circumstances, ballot, now)
    if grant.recorded_end is None:
        return agreement
    reason, message = grant.recorded_end
    ended = Finding(reason, message, is_final=True)
    return _refused(ended, verdicts=agreement.approval_results)


def _asks_nothing_special(grant: Grant, circumstances: RelatedObjects) -> bool:
    return (
        grant.extends is None
        and not grant.break_glass
        and grant.recorded_end is None
        and not circumstances.approvals
    )


def _policy_result(
    grant: Grant,
    rules: AccessRules,
    circumstances: RelatedObjects,
    ballot: Approvals,
    now: datetime,
) -> PolicyResult:
    doubt = policies_are_readable(rules)
    if doubt is not None:
        return _unknown(doubt, grant, rules, now)
    refusal = extension_problem(
        grant, circumstances.chain, max_duration=rules.max_duration
    )
    if refusal is None and rules.are_open:
        open_to_all = NO_POLICY_BREAK_GLASS if grant.break_glass else NO_POLICY
        return replace(open_to_all, approval_results=approval_not_needed(ballot))
    refusal = refusal or requester_is_verified(grant, rules)
    if refusal is not None or grant.requester is None:
        assert refusal is not None
        return _refused(
            refusal, approval_has_no_effect(ballot), patience=DEFAULT_TIMEOUT
        )
    request = request_of(
        grant,
        grant.requester,
        depth=depth_of(grant, circumstances.chain),
        circumstances=circumstances,
        strip_prefix=rules.strip_prefix,
    )
    assessment = evaluate_policies(request, rules, ballot.approvals)
    return _conclusion(assessment, ballot, now)


def _unknown(
    doubt: Finding, grant: Grant, rules: AccessRules, now: datetime
) -> PolicyResult:
    """Keep what is bound, but no longer than its end can possibly be early.

    A duration may count from an approval that can not be read. Unless the status has
    promised an end, access is taken as if nobody had had to approve; that is not final.
    """
    if grant.frozen_end is not None or grant.duration is None:
        return _refused(doubt)
    earliest = window_of(grant, max_duration=rules.max_duration).end
    if now < earliest:
        return _refused(doubt, recheck_at=earliest)
    return _refused(replace(doubt, is_unknown=False))


def _conclusion(
    assessment: PolicyEvaluation, ballot: Approvals, now: datetime
) -> PolicyResult:
    """Put the answers of all policies together."""
    refusal = policy_allows(assessment)
    if refusal is not None:
        return _refused(
            refusal, approval_has_no_effect(ballot), patience=DEFAULT_TIMEOUT
        )
    verdicts = approval_results(assessment, ballot)
    denial = is_not_denied(assessment)
    if denial is not None:
        approval = assessment.denial
        assert approval is not None
        return _refused(denial, verdicts, approvals=(approval,))
    wait = enough_have_approved(assessment, now)
    if wait is None:
        assert assessment.best is not None
        return _allowed(assessment.best, assessment, verdicts)
    given = {a.name: a for quorum in assessment.quorums for a in quorum.counted}
    return _refused(
        wait,
        verdicts,
        approvals=tuple(given.values()),
        recheck_at=_next_deadline(assessment.quorums, now),
    )


def _allowed(
    best: PolicyMatch,
    assessment: PolicyEvaluation,
    verdicts: tuple[ApprovalResult, ...],
) -> PolicyResult:
    name = f"AccessPolicy {quote(best.policy.name)}"
    reason, message = Reason.AUTO_APPROVED, f"{name} allows this without approval."
    if assessment.request.grant.break_glass:
        reason = Reason.BREAK_GLASS
        message = f"{name} allows this without approval in an emergency."
    elif best.approvals:
        people = [quote(a.approver.username) for a in best.approvals if a.approver]
        reason = Reason.APPROVED_BY_REVIEWERS
        message = f"{name} allows this; approved by {', '.join(people)}."
    return PolicyResult(
        reason=reason,
        message=message,
        policy=best.policy.name,
        approved_at=best.approved_at,
        max_duration=best.max_duration,
        approvals=best.approvals,
        approval_results=verdicts,
    )


def _refused(
    finding: Finding,
    verdicts: tuple[ApprovalResult, ...] = (),
    *,
    approvals: tuple[Approval, ...] = (),
    patience: timedelta | None = None,
    recheck_at: datetime | None = None,
) -> PolicyResult:
    return PolicyResult(
        reason=finding.reason,
        message=finding.message,
        finding=finding,
        approvals=approvals,
        approval_results=verdicts,
        approval_timeout=patience,
        recheck_at=recheck_at,
    )


def _next_deadline(quorums: Sequence[Quorum], now: datetime) -> datetime | None:
    """The next instant at which an approval would be too late."""
    instants = (quorum.too_late_at for quorum in quorums)
    return min((instant for instant in instants if instant > now), default=None)
