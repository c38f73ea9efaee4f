"""The approvals that name a grant, before any access policy has judged them."""

from collections.abc import Iterable
from typing import NamedTuple

from argogrant.grants.access.policy import AccessRules, Approval
from argogrant.grants.model.grant import Grant
from argogrant.grants.model.identity import Identity
from argogrant.grants.model.reasons import Reason
from argogrant.grants.model.validation import quote


class ApprovalResult(NamedTuple):
    """What became of one approval, in words for the person who gave it."""

    approval: Approval
    reason: Reason
    message: str

    @property
    def counts(self) -> bool:
        """Whether it has any effect."""
        return self.reason is Reason.COUNTS


class VerifiedApproval(NamedTuple):
    """An approval of this very grant, and who is known to have given it."""

    approval: Approval
    approver: Identity


class Approvals(NamedTuple):
    """Every approval that names a grant, the oldest first."""

    approvals: tuple[VerifiedApproval, ...] = ()
    """Those that an access policy has to judge."""
    invalid: tuple[ApprovalResult, ...] = ()
    """Those that count under none."""


def validate_approvals(
    grant: Grant, approvals: Iterable[Approval], rules: AccessRules
) -> Approvals:
    """Sort out what no policy has to judge.

    An approval that is being deleted is none any longer, and nothing is said of it.
    """
    votes, void = [], []
    for approval in sorted(approvals, key=lambda one: (one.created_at, one.name)):
        if approval.being_deleted:
            continue
        problem = _problem_with(approval, grant, rules)
        if problem is not None:
            void.append(problem)
        else:
            assert approval.approver is not None
            votes.append(VerifiedApproval(approval, approval.approver))
    return Approvals(tuple(votes), tuple(void))


def _problem_with(
    approval: Approval, grant: Grant, rules: AccessRules
) -> ApprovalResult | None:
    if (approval.grant_name, approval.grant_uid) != (grant.name, grant.uid):
        return ApprovalResult(
            approval,
            Reason.ANOTHER_GRANT,
            f"This approves an AccessGrant {quote(approval.grant_name)} with uid"
            f" {quote(approval.grant_uid)}; the one that is there has uid {grant.uid},"
            " since it was created anew. Approve that one.",
        )
    if approval.approver is None:
        return ApprovalResult(
            approval,
            Reason.APPROVER_UNVERIFIED,
            "The approval does not say who gave it (spec.approver). Delete it and"
            " create another that does.",
        )
    if not rules.identities.is_verified(approval.created_at):
        return ApprovalResult(
            approval,
            Reason.APPROVER_UNVERIFIED,
            "Nobody vouches for who gave this approval:"
            f" {rules.identities.why_unverified(approval.created_at)} Then delete it"
            " and create another.",
        )
    return None


def without_grant(approval: Approval) -> ApprovalResult:
    """Say of an approval that the grant that it names is not there."""
    return ApprovalResult(
        approval,
        Reason.GRANT_NOT_FOUND,
        f"There is no AccessGrant {quote(approval.grant_name)} in this namespace.",
    )
