"""Roles that a user may request and approve, for lists and questions of the commands.

Nothing here decides: the operator evaluates every grant and approval again.
"""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from argogrant.grants.access.policy import (
    AccessPolicy,
    AccessRules,
    Approval,
    ApprovalDecision,
    Effect,
)
from argogrant.grants.access.policy_checks import (
    NO_RELATED_OBJECTS,
    Request,
    denial_by,
    request_of,
    requester_matches,
    role_matches,
    subject_matches,
)
from argogrant.grants.access.policy_evaluation import (
    VerifiedApproval,
    approvers_of,
    evaluate_policies,
)
from argogrant.grants.model.grant import Grant, RoleRef, Subject
from argogrant.grants.model.identity import Identity
from argogrant.grants.model.reasons import Reason

_SHORTEST: Final = timedelta(minutes=1)


class Offer(NamedTuple):
    """A role that a user may request."""

    role: RoleRef
    max_duration: timedelta
    approvers: str = ""
    """Required approvers; empty if no approval is required."""
    justification_hint: str = ""
    """Content of the justification that the policy expects."""


def counts_from(
    grant: Grant, approver: Identity, rules: AccessRules, now: datetime
) -> bool:
    """Return whether an approval that a user creates now would count."""
    if grant.requester is None:
        return False
    approval = Approval(
        uid="",
        name="",
        grant_name=grant.name,
        grant_uid=grant.uid,
        decision=ApprovalDecision.APPROVE,
        approver=approver,
        created_at=now,
    )
    request = request_of(grant, grant.requester, NO_RELATED_OBJECTS, rules)
    evaluation = evaluate_policies(
        request, rules, [VerifiedApproval(approval, approver)]
    )
    return any(
        result.reason is Reason.COUNTS
        for quorum in evaluation.quorums
        for result in quorum.results
    )


def offer_of(
    role: RoleRef,
    subject: Subject,
    requester: Identity,
    rules: AccessRules,
    now: datetime,
) -> Offer | None:
    """Return how a user may request a role; None if no policy allows it.

    If several policies allow it, the one without approval counts, then the one with the
    longest duration. Quotas, the justification and inherited roles are not considered.
    """
    if rules.are_unrestricted:
        return Offer(role, rules.max_duration)
    grant = Grant(
        uid="",
        namespace="",
        name="",
        instance="",
        subject=subject,
        role=role,
        created_at=now,
        duration=_SHORTEST,
        requester=requester,
    )
    request = request_of(grant, requester, NO_RELATED_OBJECTS, rules)
    offers = []
    for policy in rules.policies:
        if policy.effect is Effect.DENY:
            if denial_by(policy, request, rules.inheritance) is not None:
                return None
        elif _covers(policy, request):
            offers.append(_offer(policy, role, rules))
    return min(
        offers, key=lambda one: (one.approvers != "", -one.max_duration), default=None
    )


def _covers(policy: AccessPolicy, request: Request) -> bool:
    checks = (requester_matches, role_matches, subject_matches)
    return all(holds(policy, request) for holds in checks)


def _offer(policy: AccessPolicy, role: RoleRef, rules: AccessRules) -> Offer:
    rule, maximum = policy.approval, policy.max_duration or rules.max_duration
    return Offer(
        role,
        min(maximum, rules.max_duration),
        approvers_of(rule, role, rules.owners).describe() if rule else "",
        policy.justification.hint,
    )
