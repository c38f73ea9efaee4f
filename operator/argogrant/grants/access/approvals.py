"""The approvals that name a grant, before any access policy has judged them."""

from collections.abc import Iterable
from typing import NamedTuple

from argogrant.grants.access.policy import AccessRules, Approval
from argogrant.grants.model.grant import Grant
from argogrant.grants.model.identity import Identity
from argogrant.grants.model.reasons import Reason
from argogrant.grants.model.validation import quoted


class ApprovalFinding(NamedTuple):
    """What became of one approval, in words for the person who gave it."""

    approval: Approval
    reason: Reason
    message: str

    @property
    def counts(self) -> bool:
        """Whether it has any effect."""
        return self.reason is Reason.COUNTS


class Vote(NamedTuple):
    """An approval of this very grant, and who is known to have given it."""

    approval: Approval
    approver: Identity


class Ballot(NamedTuple):
    """Every approval that names a grant, the oldest first."""

    votes: tuple[Vote, ...] = ()
    """Those that an access policy has to judge."""
    void: tuple[ApprovalFinding, ...] = ()
    """Those that count under none."""


def ballot_of(
    grant: Grant, approvals: Iterable[Approval], rules: AccessRules
) -> Ballot:
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
            votes.append(Vote(approval, approval.approver))
    return Ballot(tuple(votes), tuple(void))


def _problem_with(
    approval: Approval, grant: Grant, rules: AccessRules
) -> ApprovalFinding | None:
    if (approval.grant_name, approval.grant_uid) != (grant.name, grant.uid):
        return ApprovalFinding(
            approval,
            Reason.ANOTHER_GRANT,
            f"This approves an AccessGrant {quoted(approval.grant_name)} with uid"
            f" {quoted(approval.grant_uid)}; the one that is there has uid {grant.uid},"
            " since it was created anew. Approve that one.",
        )
    if approval.approver is None:
        return ApprovalFinding(
            approval,
            Reason.APPROVER_UNVERIFIED,
            "The approval does not say who gave it (spec.approver). Delete it and"
            " create another that does.",
        )
    if not rules.identities.vouch_for(approval.created_at):
        return ApprovalFinding(
            approval,
            Reason.APPROVER_UNVERIFIED,
            "Nobody vouches for who gave this approval:"
            f" {rules.identities.doubt_about(approval.created_at)} Then delete it and"
            " create another.",
        )
    return None


def without_grant(approval: Approval) -> ApprovalFinding:
    """Say of an approval that the grant that it names is not there."""
    return ApprovalFinding(
        approval,
        Reason.GRANT_NOT_FOUND,
        f"There is no AccessGrant {quoted(approval.grant_name)} in this namespace.",
    )
