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
    enough_have_approved,
    judged,
    nobody_denied,
    policies_are_readable,
    policy_allows,
    requester_is_verified,
    unneeded,
    vain,
)
from argogrant.grants.access.approvals import ApprovalFinding, Ballot, ballot_of
from argogrant.grants.access.policy import DEFAULT_TIMEOUT, AccessRules, Approval
from argogrant.grants.access.policy_evaluation import Admission, Assessment, assess
from argogrant.grants.access.quorum import Quorum
from argogrant.grants.access.request import (
    Circumstances,
    depth_of,
    extension_problem,
    request_of,
)
from argogrant.grants.model.grant import Grant
from argogrant.grants.model.reasons import Finding, Reason
from argogrant.grants.model.validation import quoted
from argogrant.grants.model.window import Window, unagreed_window_of, window_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Who agrees to a grant, or why nobody does."""

    reason: Reason
    """Of the condition ``Approved``."""
    message: str
    finding: Finding | None = None
    """What stands in the way; None if everybody agrees."""
    policy: str | None = None
    """The access policy that admits the grant; None if none has to, or none does."""
    since: datetime | None = None
    """When the last approval that it needed was given; None if it needed none."""
    ceiling: timedelta | None = None
    """How long the policy lets it last; None: as long as the instance does."""
    approvals: tuple[Approval, ...] = ()
    """Those that make it what it is: that complete the quorum, or refuse."""
    verdicts: tuple[ApprovalFinding, ...] = ()
    """What is said of every approval that names the grant; none in doubt."""
    patience: timedelta | None = None
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
            return unagreed_window_of(grant, patience=self.patience)
        if self.ceiling is not None and self.ceiling < max_duration:
            max_duration = self.ceiling
        return window_of(grant, max_duration=max_duration, since=self.since)


OPEN: Final = Agreement(
    reason=Reason.POLICY_NOT_REQUIRED,
    message="Whoever may create AccessGrants in this namespace decides.",
)
"""The agreement to almost every grant where there are no access policies."""

OPEN_IN_AN_EMERGENCY: Final = Agreement(
    reason=Reason.BREAK_GLASS,
    message=(
        "This is for an emergency. Whoever may create AccessGrants in this namespace"
        " decides."
    ),
)


def agree(
    grant: Grant, rules: AccessRules, circumstances: Circumstances, now: datetime
) -> Agreement:
    """Find out whether everybody agrees who has to.

    Args:
        grant: What is asked for.
        rules: By which policies, and whose word is believed.
        circumstances: The approvals, and the grants that it continues.
        now: Only the time for approvals depends on it.
    """
    if rules.are_open and _asks_nothing_special(grant, circumstances):
        return OPEN
    ballot = ballot_of(grant, circumstances.approvals, rules)
    agreement = _agreement(grant, rules, circumstances, ballot, now)
    if grant.recorded_end is None:
        return agreement
    reason, message = grant.recorded_end
    ended = Finding(reason, message, ends=True)
    return _disagreement(ended, verdicts=agreement.verdicts)


def _asks_nothing_special(grant: Grant, circumstances: Circumstances) -> bool:
    return (
        grant.extends is None
        and not grant.break_glass
        and grant.recorded_end is None
        and not circumstances.approvals
    )


def _agreement(
    grant: Grant,
    rules: AccessRules,
    circumstances: Circumstances,
    ballot: Ballot,
    now: datetime,
) -> Agreement:
    doubt = policies_are_readable(rules)
    if doubt is not None:
        return _in_doubt(doubt, grant, rules, now)
    refusal = extension_problem(
        grant, circumstances.chain, max_duration=rules.max_duration
    )
    if refusal is None and rules.are_open:
        open_to_all = OPEN_IN_AN_EMERGENCY if grant.break_glass else OPEN
        return replace(open_to_all, verdicts=unneeded(ballot))
    refusal = refusal or requester_is_verified(grant, rules)
    if refusal is not None or grant.requester is None:
        assert refusal is not None
        return _disagreement(refusal, vain(ballot), patience=DEFAULT_TIMEOUT)
    request = request_of(
        grant,
        grant.requester,
        depth=depth_of(grant, circumstances.chain),
        circumstances=circumstances,
        strip_prefix=rules.strip_prefix,
    )
    assessment = assess(request, rules, ballot.votes)
    return _conclusion(assessment, ballot, now)


def _in_doubt(
    doubt: Finding, grant: Grant, rules: AccessRules, now: datetime
) -> Agreement:
    """Keep what is bound, but no longer than its end can possibly be early.

    A duration may count from an approval that can not be read. Unless the status has
    promised an end, access is taken as if nobody had had to approve; that is not final.
    """
    if grant.frozen_end is not None or grant.duration is None:
        return _disagreement(doubt)
    earliest = window_of(grant, max_duration=rules.max_duration).end
    if now < earliest:
        return _disagreement(doubt, recheck_at=earliest)
    return _disagreement(replace(doubt, is_doubt=False))


def _conclusion(assessment: Assessment, ballot: Ballot, now: datetime) -> Agreement:
    """Put the answers of all policies together."""
    refusal = policy_allows(assessment)
    if refusal is not None:
        return _disagreement(refusal, vain(ballot), patience=DEFAULT_TIMEOUT)
    verdicts = judged(assessment, ballot)
    denial = nobody_denied(assessment)
    if denial is not None:
        approval = assessment.refusal
        assert approval is not None
        return _disagreement(denial, verdicts, approvals=(approval,))
    wait = enough_have_approved(assessment, now)
    if wait is None:
        assert assessment.best is not None
        return _admitted(assessment.best, assessment, verdicts)
    given = {a.name: a for quorum in assessment.quorums for a in quorum.counted}
    return _disagreement(
        wait,
        verdicts,
        approvals=tuple(given.values()),
        recheck_at=_next_deadline(assessment.quorums, now),
    )


def _admitted(
    best: Admission, assessment: Assessment, verdicts: tuple[ApprovalFinding, ...]
) -> Agreement:
    name = f"AccessPolicy {quoted(best.policy.name)}"
    reason, message = Reason.AUTO_APPROVED, f"{name} allows this without approval."
    if assessment.request.grant.break_glass:
        reason = Reason.BREAK_GLASS
        message = f"{name} allows this without approval in an emergency."
    elif best.approvals:
        people = [quoted(a.approver.username) for a in best.approvals if a.approver]
        reason = Reason.APPROVED_BY_REVIEWERS
        message = f"{name} allows this; approved by {', '.join(people)}."
    return Agreement(
        reason=reason,
        message=message,
        policy=best.policy.name,
        since=best.since,
        ceiling=best.ceiling,
        approvals=best.approvals,
        verdicts=verdicts,
    )


def _disagreement(
    finding: Finding,
    verdicts: tuple[ApprovalFinding, ...] = (),
    *,
    approvals: tuple[Approval, ...] = (),
    patience: timedelta | None = None,
    recheck_at: datetime | None = None,
) -> Agreement:
    return Agreement(
        reason=finding.reason,
        message=finding.message,
        finding=finding,
        approvals=approvals,
        verdicts=verdicts,
        patience=patience,
        recheck_at=recheck_at,
    )


def _next_deadline(quorums: Sequence[Quorum], now: datetime) -> datetime | None:
    """The next instant at which an approval would be too late."""
    instants = (quorum.too_late_at for quorum in quorums)
    return min((instant for instant in instants if instant > now), default=None)
