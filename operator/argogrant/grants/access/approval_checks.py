"""The questions on which it depends whether people agree to a grant.

They are asked in the order in which they stand here, by ``access.evaluation``.
A check is named after the fact that it wants to hold, as in ``grants.checks``.

What is said of the approvals that name a grant.
"""

from datetime import datetime
from typing import Final

from argogrant.grants.access.approvals import ApprovalResult, Approvals
from argogrant.grants.access.policy import AccessRules
from argogrant.grants.access.policy_evaluation import PolicyEvaluation
from argogrant.grants.access.quorum import Quorum
from argogrant.grants.model.grant import Grant
from argogrant.grants.model.reasons import Finding, Reason
from argogrant.grants.model.validation import quote, with_full_stop
from argogrant.grants.model.window import format_instant

SHOWN: Final = 3
"""How many policies that wait for approval a message shows."""


def policies_are_readable(rules: AccessRules) -> Finding | None:
    """A policy that can not be read may forbid what another allows."""
    if not rules.policies_are_known:
        return Finding(
            Reason.ACCESS_POLICIES_UNKNOWN,
            "The AccessPolicies or AccessApprovals can not be read at the moment; the"
            " ArgoCDInstance says why.",
            is_unknown=True,
        )
    if not rules.are_open and not rules.identities.is_known:
        return Finding(
            Reason.ACCESS_POLICIES_UNKNOWN,
            "Access policies decide by who asks, and it is not known whether anybody"
            f" checks that: {rules.identities.problem}",
            is_unknown=True,
        )
    if not rules.unreadable_policies:
        return None
    name, problem = min(rules.unreadable_policies.items())
    return Finding(
        Reason.ACCESS_POLICY_INVALID,
        f"AccessPolicy {quote(name)} can not be understood, and may forbid this:"
        f" {with_full_stop(problem)} Mend or delete it.",
        is_unknown=True,
    )


def requester_is_verified(grant: Grant, rules: AccessRules) -> Finding | None:
    """Policies decide by who asks, so somebody has to vouch for it."""
    if grant.requester is None:
        return Finding(
            Reason.REQUESTER_UNVERIFIED,
            "Access policies decide by who asks, and the grant does not say who did"
            " (spec.requester). Install the admission policies of admission/, and"
            " create the grant anew with your own name and groups.",
        )
    if rules.identities.is_verified(grant.created_at):
        return None
    return Finding(
        Reason.REQUESTER_UNVERIFIED,
        "Access policies decide by who asks, and nobody vouches for it:"
        f" {rules.identities.why_unverified(grant.created_at)} Then create the grant"
        " anew.",
    )


def policy_allows(assessment: PolicyEvaluation) -> Finding | None:
    """Nothing is allowed that no policy allows, or that one forbids."""
    if assessment.denied_by is not None:
        return Finding(
            Reason.NOT_ALLOWED,
            f"AccessPolicy {quote(assessment.denied_by.name)} forbids this. Ask for"
            " something else, or whoever writes the policies.",
        )
    if assessment.is_allowed:
        return None
    if assessment.closest_policy is None:
        return Finding(
            Reason.NOT_ALLOWED,
            "No AccessPolicy allows anything on ArgoCDInstance"
            f" {quote(assessment.request.grant.instance)}. Ask whoever writes the"
            " policies for one.",
        )
    return Finding(
        Reason.NOT_ALLOWED, assessment.closest_policy.message(assessment.request)
    )


def is_not_denied(assessment: PolicyEvaluation) -> Finding | None:
    """One who may approve and refuses ends the grant for good."""
    refusal = assessment.denial
    if refusal is None or refusal.approver is None:
        return None
    why = f": {quote(refusal.comment)}" if refusal.comment else ""
    return Finding(
        Reason.DENIED,
        with_full_stop(f"{quote(refusal.approver.username)} refused the grant{why}"),
        is_final=True,
    )


def enough_have_approved(assessment: PolicyEvaluation, now: datetime) -> Finding | None:
    """As many people have to agree as one of the policies asks for, in time."""
    if assessment.best is not None:
        return None
    open_ones = [q for q in assessment.quorums if not q.is_too_late(now)]
    if open_ones:
        waiting = " Or: ".join(map(_what_is_missing, open_ones[:SHOWN]))
        if len(open_ones) > SHOWN:
            waiting += f" Other policies would do, too: {len(open_ones) - SHOWN}."
        return Finding(Reason.AWAITING_APPROVAL, waiting)
    latest = max(assessment.quorums, key=lambda quorum: quorum.deadline)
    if assessment.request.grant.frozen_end is None:
        return Finding(Reason.APPROVAL_TIMED_OUT, _too_late(latest), is_final=True)
    return Finding(Reason.AWAITING_APPROVAL, _too_late(latest))


def _what_is_missing(quorum: Quorum) -> str:
    approvals = "approval" if quorum.missing == 1 else "approvals"
    return (
        f"AccessPolicy {quote(quorum.policy.name)} asks for {quorum.missing} more"
        f" {approvals} until {format_instant(quorum.deadline)};"
        f" {quorum.approvers.describe()} may approve."
    )


def _too_late(quorum: Quorum) -> str:
    return (
        f"AccessPolicy {quote(quorum.policy.name)} asks for {quorum.rule.required}"
        f" approvals, and {quorum.missing} were missing at"
        f" {format_instant(quorum.deadline)}; later ones do not count. Create a new"
        " AccessGrant and ask again."
    )


_PREFERENCE = (
    Reason.COUNTS,
    Reason.COUNTED_ALREADY,
    Reason.TOO_LATE,
    Reason.SELF_APPROVAL,
    Reason.NOT_ENTITLED,
)
"""Of several policies' answers the first of these is told: it is the nearest."""


def approval_results(
    assessment: PolicyEvaluation, ballot: Approvals
) -> tuple[ApprovalResult, ...]:
    """Say what an approval is worth where some policy would allow the grant."""
    best = assessment.best
    needs_none = best is not None and not best.approvals
    if not assessment.quorums or (needs_none and assessment.denial is None):
        return approval_not_needed(ballot)
    by_vote = zip(*(quorum.findings for quorum in assessment.quorums), strict=True)
    return (*ballot.invalid, *(min(told, key=_preference) for told in by_vote))


def approval_not_needed(ballot: Approvals) -> tuple[ApprovalResult, ...]:
    """Say that nobody has to approve."""
    return _all_alike(
        ballot, Reason.NOT_NEEDED, "The grant asks for nobody's approval."
    )


def approval_has_no_effect(ballot: Approvals) -> tuple[ApprovalResult, ...]:
    """Say that nobody can approve."""
    return _all_alike(
        ballot,
        Reason.NOT_ENTITLED,
        "No AccessPolicy would allow the grant, whoever approves it; the grant says"
        " why.",
    )


def _all_alike(
    ballot: Approvals, reason: Reason, message: str
) -> tuple[ApprovalResult, ...]:
    told = (ApprovalResult(vote.approval, reason, message) for vote in ballot.approvals)
    return (*ballot.invalid, *told)


def _preference(told: ApprovalResult) -> int:
    return _PREFERENCE.index(told.reason)
