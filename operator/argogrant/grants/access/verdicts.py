"""What is said of the approvals that name a grant."""

from argogrant.grants.access.approvals import ApprovalFinding, Ballot
from argogrant.grants.access.policy_evaluation import Assessment
from argogrant.grants.model.reasons import Reason

_PREFERENCE = (
    Reason.COUNTS,
    Reason.COUNTED_ALREADY,
    Reason.TOO_LATE,
    Reason.SELF_APPROVAL,
    Reason.NOT_ENTITLED,
)
"""Of several policies' answers the first of these is told: it is the nearest."""


def judged(assessment: Assessment, ballot: Ballot) -> tuple[ApprovalFinding, ...]:
    """Say what an approval is worth where some policy would allow the grant."""
    best = assessment.best
    needs_none = best is not None and not best.approvals
    if not assessment.quorums or (needs_none and assessment.refusal is None):
        return unneeded(ballot)
    by_vote = zip(*(quorum.findings for quorum in assessment.quorums), strict=True)
    return (*ballot.void, *(min(told, key=_preference) for told in by_vote))


def unneeded(ballot: Ballot) -> tuple[ApprovalFinding, ...]:
    """Say that nobody has to approve."""
    return _all_alike(
        ballot, Reason.NOT_NEEDED, "The grant asks for nobody's approval."
    )


def vain(ballot: Ballot) -> tuple[ApprovalFinding, ...]:
    """Say that nobody can approve."""
    return _all_alike(
        ballot,
        Reason.NOT_ENTITLED,
        "No AccessPolicy would allow the grant, whoever approves it; the grant says"
        " why.",
    )


def _all_alike(
    ballot: Ballot, reason: Reason, message: str
) -> tuple[ApprovalFinding, ...]:
    told = (ApprovalFinding(vote.approval, reason, message) for vote in ballot.votes)
    return (*ballot.void, *told)


def _preference(told: ApprovalFinding) -> int:
    return _PREFERENCE.index(told.reason)
