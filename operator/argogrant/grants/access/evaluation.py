"""Approval of a grant by access policies: the condition ``Approved``.

Without any access policy, Kubernetes RBAC alone decides: a grant that exists is
approved. Otherwise nothing is approved that no policy allows. The policies are
evaluated again at every decision, so a grant ends when they stop allowing it.

The questions, in this order, and the reason if the answer is no:

    are policies, approvals and admission known?   AccessPoliciesUnknown (nothing is
                                                   added, bindings stay)
    are all policies valid?                        AccessPolicyInvalid (the same)
    can the grant extend the one it names?         ExtensionRefused
        (without any policy, the grant is approved here: PolicyNotRequired)
    is the requester verified?                     RequesterUnverified
    does no Deny policy match, and does an Allow
        policy pass all its checks?                NotAllowed, or SubjectHasRules
    has no approver denied it?                     Denied (final)
    are there enough approvals in time?            AwaitingApproval or
                                                   ApprovalTimedOut (final)

``policy_checks`` contains the checks of one policy.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from argogrant.grants.access.policy import DEFAULT_TIMEOUT, AccessRules, Approval
from argogrant.grants.access.policy_checks import (
    RelatedObjects,
    extension_problem,
    is_bound,
    request_of,
    why_only_kept,
)
from argogrant.grants.access.policy_evaluation import (
    ApprovalResult,
    Approvals,
    PolicyEvaluation,
    PolicyMatch,
    Quorum,
    approval_has_no_effect,
    approval_not_needed,
    approval_results,
    evaluate_policies,
    validate_approvals,
)
from argogrant.grants.model.grant import Grant
from argogrant.grants.model.reasons import Finding, Reason
from argogrant.grants.model.validation import quote, with_full_stop
from argogrant.grants.model.window import (
    Window,
    format_instant,
    pending_window,
    window_of,
)

MAX_POLICIES: Final = 3
"""Number of policies with missing approvals that a message lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyResult:
    """Approval of a grant with its policy and approvals, or why it is not approved."""

    reason: Reason
    """Reason of the condition ``Approved``."""
    message: str
    finding: Finding | None = None
    """Why the grant is not approved; None if it is."""
    policy: str | None = None
    """Access policy that allows the grant; None if none does or none is needed."""
    approved_at: datetime | None = None
    """Creation of the last required approval; None if no approval was required."""
    max_duration: timedelta | None = None
    """Maximum duration by the policy; None if only that of the instance applies."""
    approvals: tuple[Approval, ...] = ()
    """Approvals that count so far, and the denial if there is one."""
    approval_results: tuple[ApprovalResult, ...] = ()
    """Effect of every approval that names the grant; empty while it is unknown."""
    approval_timeout: timedelta | None = None
    """Time that a grant that has not started may stay unapproved; None: unlimited."""
    recheck_at: datetime | None = None
    """Next instant at which the result changes without a change of any object."""
    access: Window | None = None
    """Window that a policy allows by spec and approvals, whatever the status is; None
    if no policy allows the grant or none is needed."""
    only_kept: Finding | None = None
    """Why the grant keeps its line in Argo CD, but gets no new one."""
    kept_until: datetime | None = None
    """End of that line."""

    @property
    def is_approved(self) -> bool:
        """Return whether the grant is approved or needs no approval."""
        return self.finding is None

    def window_of(self, grant: Grant, *, max_duration: timedelta) -> Window:
        """Derive when the grant may be in force; the lower of both maximums applies."""
        if not self.is_approved:
            window = pending_window(grant, approval_timeout=self.approval_timeout)
        else:
            if self.max_duration is not None and self.max_duration < max_duration:
                max_duration = self.max_duration
            window = window_of(
                grant, max_duration=max_duration, approved_at=self.approved_at
            )
        if self.kept_until is None or not window.start < self.kept_until < window.end:
            return window
        return Window(window.start, self.kept_until)


NO_POLICY: Final = PolicyResult(
    reason=Reason.POLICY_NOT_REQUIRED,
    message=(
        "No AccessPolicy applies: anyone who can create AccessGrants in this namespace"
        " can grant any role."
    ),
)
"""Result of almost every grant of an instance without access policies."""
NO_POLICY_BREAK_GLASS: Final = replace(
    NO_POLICY,
    reason=Reason.BREAK_GLASS,
    message=f"This is emergency access. {NO_POLICY.message}",
)


def evaluate(
    grant: Grant, rules: AccessRules, related: RelatedObjects, now: datetime
) -> PolicyResult:
    """Decide whether a grant is approved; only the timeout depends on ``now``."""
    if (
        rules.are_unrestricted
        and grant.extends is None
        and not grant.break_glass
        and grant.recorded_finding is None
        and not related.approvals
    ):
        return NO_POLICY
    approvals = validate_approvals(grant, related.approvals, rules)
    result = _evaluate(grant, rules, related, approvals, now)
    if grant.recorded_finding is None:
        return result
    ended = Finding(*grant.recorded_finding, is_final=True)
    return replace(
        _not_approved(ended, result.approval_results),
        access=result.access,
        approved_at=result.approved_at,
    )


def _evaluate(
    grant: Grant,
    rules: AccessRules,
    related: RelatedObjects,
    approvals: Approvals,
    now: datetime,
) -> PolicyResult:
    """Ask the questions of the module's docstring up to the policies."""
    unknown = policies_are_known_and_valid(rules)
    if unknown is not None:
        return _unknown(unknown, grant, rules, related, now)
    finding = extension_problem(grant, related, max_duration=rules.max_duration)
    if finding is not None and is_bound(grant, related):
        result = _evaluate_policies(grant, rules, related, approvals, now)
        return _only_kept(result, finding, related)
    if finding is not None:
        return _not_approved(
            finding,
            approval_has_no_effect(approvals),
            approval_timeout=DEFAULT_TIMEOUT,
        )
    return _evaluate_policies(grant, rules, related, approvals, now)


def _evaluate_policies(
    grant: Grant,
    rules: AccessRules,
    related: RelatedObjects,
    approvals: Approvals,
    now: datetime,
) -> PolicyResult:
    """Ask the questions from the requester on."""
    if rules.are_unrestricted:
        result = NO_POLICY_BREAK_GLASS if grant.break_glass else NO_POLICY
        return replace(result, approval_results=approval_not_needed(approvals))
    finding = requester_is_verified(grant, rules)
    if finding is None:
        assert grant.requester is not None
        request = request_of(grant, grant.requester, related, rules)
        evaluation = evaluate_policies(request, rules, approvals.approvals)
        finding = a_policy_allows_it(evaluation)
        if finding is None:
            result = _conclude(evaluation, approvals, now)
            best = evaluation.best
            if best is None or not best.is_only_kept or not result.is_approved:
                return result
            return _only_kept(result, why_only_kept(best.policy, request), related)
    return _not_approved(
        finding, approval_has_no_effect(approvals), approval_timeout=DEFAULT_TIMEOUT
    )


def _only_kept(
    result: PolicyResult, finding: Finding, related: RelatedObjects
) -> PolicyResult:
    """Keep the line of a grant that had started, at most until its written end."""
    return replace(
        result,
        only_kept=replace(finding, is_unknown=True),
        kept_until=related.written_end,
    )


def _conclude(
    evaluation: PolicyEvaluation, approvals: Approvals, now: datetime
) -> PolicyResult:
    """Ask the questions about approvals."""
    results = approval_results(evaluation, approvals)
    counted = {a.name: a for quorum in evaluation.quorums for a in quorum.counted}
    finding = no_approver_denied_it(evaluation)
    if finding is not None:
        denial = evaluation.denial
        assert denial is not None
        return _not_approved(finding, results, approvals=(*counted.values(), denial))
    finding = approvals_are_complete(evaluation, now)
    if finding is None:
        assert evaluation.best is not None
        return _approved(evaluation.request.grant, evaluation.best, results)
    deadlines = (q.too_late_at for q in evaluation.quorums if not q.is_too_late(now))
    return _not_approved(
        finding,
        results,
        approvals=tuple(counted.values()),
        recheck_at=min(deadlines, default=None),
    )


def policies_are_known_and_valid(rules: AccessRules) -> Finding | None:
    """A policy that cannot be read could deny what another one allows."""
    if not rules.policies_are_known:
        return Finding(
            Reason.ACCESS_POLICIES_UNKNOWN,
            "The AccessPolicies or AccessApprovals cannot be read at the moment. See"
            " the conditions of the ArgoCDInstance.",
            is_unknown=True,
        )
    if not rules.are_unrestricted and not rules.identities.is_known:
        return Finding(
            Reason.ACCESS_POLICIES_UNKNOWN,
            "AccessPolicies depend on the requester, and it is not known whether the"
            f" API server verifies requesters: {rules.identities.problem}",
            is_unknown=True,
        )
    if not rules.unreadable_policies:
        return None
    name, problem = min(rules.unreadable_policies.items())
    return Finding(
        Reason.ACCESS_POLICY_INVALID,
        f"AccessPolicy {quote(name)} is invalid and could deny this grant:"
        f" {with_full_stop(problem)} Fix or delete it.",
        is_unknown=True,
    )


def requester_is_verified(grant: Grant, rules: AccessRules) -> Finding | None:
    """Policies depend on the requester, so the API server must have verified it."""
    if grant.requester is None:
        return Finding(
            Reason.REQUESTER_UNVERIFIED,
            "AccessPolicies depend on the requester, and the grant names none"
            " (spec.requester). Install the admission policies of admission/, then"
            " create the grant again with the username and groups of its creator.",
        )
    if rules.identities.is_verified(grant.created_at):
        return None
    return Finding(
        Reason.REQUESTER_UNVERIFIED,
        "The requester is not verified:"
        f" {rules.identities.why_unverified(grant.created_at)} Create the grant again.",
    )


def a_policy_allows_it(evaluation: PolicyEvaluation) -> Finding | None:
    """A grant needs a policy that allows it, and no policy that denies it."""
    if evaluation.denied_by is not None:
        message = (
            f"{evaluation.denied_by.message(evaluation.request)}. Request other access,"
            " or ask an administrator to change the policy."
        )
    elif evaluation.quorums or evaluation.matches:
        return None
    elif evaluation.closest_policy is not None:
        closest = evaluation.closest_policy
        return Finding(closest.reason, closest.message(evaluation.request))
    else:
        message = (
            "No AccessPolicy allows access to ArgoCDInstance"
            f" {quote(evaluation.request.grant.instance)}. Ask an administrator to"
            " create one."
        )
    return Finding(Reason.NOT_ALLOWED, message)


def no_approver_denied_it(evaluation: PolicyEvaluation) -> Finding | None:
    """One denial by an approver ends the grant permanently."""
    denial = evaluation.denial
    if denial is None or denial.approver is None:
        return None
    comment = f": {quote(denial.comment)}" if denial.comment else ""
    return Finding(
        Reason.DENIED,
        with_full_stop(f"{quote(denial.approver.username)} denied the grant{comment}"),
        is_final=True,
    )


def approvals_are_complete(
    evaluation: PolicyEvaluation, now: datetime
) -> Finding | None:
    """One of the policies must have all the approvals that it requires, in time."""
    if evaluation.best is not None:
        return None
    pending = [q for q in evaluation.quorums if not q.is_too_late(now)]
    if pending:
        message = " Or: ".join(map(_approvals_missing, pending[:MAX_POLICIES]))
        if len(pending) > MAX_POLICIES:
            message += f" Other policies that apply: {len(pending) - MAX_POLICIES}."
        return Finding(Reason.AWAITING_APPROVAL, message)
    latest = max(evaluation.quorums, key=lambda quorum: quorum.deadline)
    if evaluation.request.grant.frozen_end is None:
        return Finding(Reason.APPROVAL_TIMED_OUT, _timed_out(latest), is_final=True)
    # A grant that had started and lost an approval has not ended permanently: a change
    # of the policies can approve it again.
    return Finding(Reason.AWAITING_APPROVAL, _timed_out(latest))


def _approvals_missing(quorum: Quorum) -> str:
    approvals = "approval" if quorum.missing == 1 else "approvals"
    return (
        f"AccessPolicy {quote(quorum.policy.name)} requires {quorum.missing} more"
        f" {approvals} until {format_instant(quorum.deadline)};"
        f" {quorum.approvers.describe()} may approve."
    )


def _timed_out(quorum: Quorum) -> str:
    approvals = "approval" if quorum.rule.required == 1 else "approvals"
    return (
        f"AccessPolicy {quote(quorum.policy.name)} requires {quorum.rule.required}"
        f" {approvals}, and {quorum.missing} were missing at"
        f" {format_instant(quorum.deadline)}; later approvals do not count. Create a"
        " new AccessGrant and request approval again."
    )


def _unknown(
    finding: Finding,
    grant: Grant,
    rules: AccessRules,
    related: RelatedObjects,
    now: datetime,
) -> PolicyResult:
    """Keep an existing binding, but not after the earliest end that is possible.

    That is the end that is written with the binding. A duration counts from an approval
    that cannot be read now. If the status has no end yet, access ends as if no approval
    had been required. Neither end is final.
    """
    ends = [] if related.written_end is None else [related.written_end]
    if grant.frozen_end is None and grant.duration is not None:
        ends.append(window_of(grant, max_duration=rules.max_duration).end)
    earliest_end = min(ends, default=None)
    if earliest_end is None or now < earliest_end:
        return _not_approved(finding, recheck_at=earliest_end)
    return _not_approved(replace(finding, is_unknown=False))


def _approved(
    grant: Grant, best: PolicyMatch, results: tuple[ApprovalResult, ...]
) -> PolicyResult:
    name = f"AccessPolicy {quote(best.policy.name)}"
    reason = Reason.AUTO_APPROVED
    message = f"{name} allows this grant without approval."
    if grant.break_glass:
        reason = Reason.BREAK_GLASS
        message = f"{name} allows this emergency access without approval."
    elif best.approvals:
        approvers = [quote(a.approver.username) for a in best.approvals if a.approver]
        reason = Reason.APPROVED_BY_REVIEWERS
        message = f"{name} allows this grant; approved by {', '.join(approvers)}."
    return PolicyResult(
        reason=reason,
        message=message,
        policy=best.policy.name,
        approved_at=best.approved_at,
        max_duration=best.max_duration,
        approvals=best.approvals,
        approval_results=results,
        access=best.window,
    )


def _not_approved(
    finding: Finding,
    results: tuple[ApprovalResult, ...] = (),
    *,
    approvals: tuple[Approval, ...] = (),
    approval_timeout: timedelta | None = None,
    recheck_at: datetime | None = None,
) -> PolicyResult:
    return PolicyResult(
        reason=finding.reason,
        message=finding.message,
        finding=finding,
        approvals=approvals,
        approval_results=results,
        approval_timeout=approval_timeout,
        recheck_at=recheck_at,
    )
