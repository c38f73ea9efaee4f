"""Evaluation of one request under all access policies of an instance.

    every policy ─┬─ Deny ── matches ───────────────────────────▶ denied_by
                  └─ Allow ─ a check fails ─────────────────────▶ closest_policy
                           └ all checks pass ─ approvals missing ▶ quorums
                                             └ none missing ────▶ matches

Approvals of another grant and of unverified approvers are removed before any policy is
involved; the others are counted under each policy. Every approval gets an
``ApprovalResult`` that explains its effect. ``evaluation`` turns the result into the
condition ``Approved``.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from argogrant.grants.access.policy import (
    AccessPolicy,
    AccessRules,
    Approval,
    ApprovalDecision,
    ApprovalRule,
    Effect,
    Owners,
)
from argogrant.grants.access.policy_checks import (
    Denial,
    FailedCheck,
    Request,
    denial_by,
    exceeds_maximum,
    exceeds_role,
    first_failed_check,
    listed,
    max_duration_of,
    similar_identity,
)
from argogrant.grants.model.grant import Grant, RoleRef
from argogrant.grants.model.identity import (
    Identity,
    IdentityPattern,
    is_same_user,
    normalized_user,
)
from argogrant.grants.model.reasons import Reason
from argogrant.grants.model.validation import quote
from argogrant.grants.model.window import (
    END_OF_TIME,
    Window,
    add_capped,
    format_instant,
    window_without_status,
)

_MESSAGES: Final = {
    Reason.COUNTS: "The decision counts under {policy}.",
    Reason.COUNTED_ALREADY: (
        "Another approval by the same approver already counts under {policy}; one is"
        " enough."
    ),
    Reason.TOO_LATE: (
        "Under {policy}, approvals counted until {deadline}. Create a new AccessGrant"
        " and approve that one."
    ),
    Reason.SELF_APPROVAL: (
        "Under {policy}, requesters and recipients cannot approve their own grant. Ask"
        " {approvers} to approve it."
    ),
    Reason.NOT_ENTITLED: "Under {policy}, {approvers} may approve this grant.",
}
"""Results of a valid approval under one policy, with messages for the approver.

From best to worst: an approval reports the best result that any policy gives it.
"""


class ApprovalResult(NamedTuple):
    """Effect of one approval; the message is read by the approver."""

    approval: Approval
    reason: Reason
    message: str

    @property
    def counts(self) -> bool:
        """Return whether the approval has any effect."""
        return self.reason is Reason.COUNTS


class VerifiedApproval(NamedTuple):
    """Approval of exactly this grant, with its verified approver."""

    approval: Approval
    approver: Identity


class Approvals(NamedTuple):
    """All approvals that name a grant, oldest first."""

    approvals: tuple[VerifiedApproval, ...] = ()
    """Valid approvals; access policies decide whether they count."""
    invalid: tuple[ApprovalResult, ...] = ()
    """Approvals that count under no policy."""


def validate_approvals(
    grant: Grant, approvals: Iterable[Approval], rules: AccessRules
) -> Approvals:
    """Separate valid approvals from invalid ones; deleted ones get no result."""
    valid: list[VerifiedApproval] = []
    invalid: list[ApprovalResult] = []
    for approval in sorted(approvals, key=lambda one: (one.created_at, one.name)):
        if approval.being_deleted:
            continue
        reason = Reason.APPROVER_UNVERIFIED
        if (approval.grant_name, approval.grant_uid) != (grant.name, grant.uid):
            reason = Reason.ANOTHER_GRANT
            message = (
                f"This approval is for an AccessGrant {quote(approval.grant_name)} with"
                f" uid {quote(approval.grant_uid)}, but the present one has uid"
                f" {grant.uid}, because it was created again. Approve the present one."
            )
        elif approval.approver is None:
            message = (
                "The approval names no approver (spec.approver). Delete it and create"
                " another one that does."
            )
        elif not rules.identities.is_verified(approval.created_at):
            message = (
                "The approver is not verified:"
                f" {rules.identities.why_unverified(approval.created_at)} Delete the"
                " approval and create it again."
            )
        else:
            valid.append(VerifiedApproval(approval, approval.approver))
            continue
        invalid.append(ApprovalResult(approval, reason, message))
    return Approvals(tuple(valid), tuple(invalid))


def without_grant(approval: Approval) -> ApprovalResult:
    """Return the result of an approval whose grant does not exist."""
    return ApprovalResult(
        approval,
        Reason.GRANT_NOT_FOUND,
        f"There is no AccessGrant {quote(approval.grant_name)} in this namespace.",
    )


class Approvers(NamedTuple):
    """Users and groups that may approve a grant under one rule."""

    patterns: tuple[IdentityPattern, ...]
    owner: IdentityPattern | None
    """Owner that the AppProject or ``argocd-rbac-cm`` names. It is compared literally:
    who can edit those objects must not be able to widen an access policy."""

    def may_approve(self, identity: Identity) -> bool:
        """Return whether an identity is one of the approvers."""
        if self.owner is not None and self.owner.equals(identity):
            return True
        return any(pattern.matches(identity) for pattern in self.patterns)

    def describe(self) -> str:
        """List the approvers for a message."""
        every = (*self.patterns, *([self.owner] if self.owner else []))
        return listed(pattern.describe() for pattern in every) or "no user"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quorum:
    """Result of counting approvals under one access policy."""

    policy: AccessPolicy
    rule: ApprovalRule
    counted: tuple[Approval, ...]
    """Approvals that count, oldest first, one per approver."""
    denial: Approval | None
    """The first denial by an approver."""
    results: tuple[ApprovalResult, ...]
    """One result for each valid approval, in their order."""
    approvers: Approvers
    deadline: datetime
    """The last second in which an approval counts."""

    @property
    def missing(self) -> int:
        """Number of approvals that are still required."""
        return max(self.rule.required - len(self.counted), 0)

    @property
    def completed_at(self) -> datetime | None:
        """Creation of the last required approval; None if one is missing."""
        return None if self.missing else self.counted[self.rule.required - 1].created_at

    @property
    def too_late_at(self) -> datetime:
        """The first second in which no approval counts."""
        return add_capped(self.deadline, timedelta(seconds=1))

    def is_too_late(self, now: datetime) -> bool:
        """Return whether the approval timeout has passed."""
        return now >= self.too_late_at


def count_approvals(
    policy: AccessPolicy,
    rule: ApprovalRule,
    *,
    request: Request,
    approvals: Iterable[VerifiedApproval],
    owners: Owners,
) -> Quorum:
    """Count valid approvals, oldest first, under a policy and its approval rule."""
    approvers = approvers_of(rule, request.grant.role, owners)
    deadline = add_capped(request.grant.created_at, rule.timeout)
    counted: dict[str, Approval] = {}
    denials: list[Approval] = []
    results = []
    for approval, approver in approvals:
        user = normalized_user(approver.username, request.strip_prefix)
        reason = Reason.COUNTS
        if not approvers.may_approve(approver):
            reason = Reason.NOT_ENTITLED
        elif approval.decision is ApprovalDecision.DENY:
            # Denials count from requesters and after the timeout: they only remove
            # access.
            denials.append(approval)
        elif not rule.self_approval and _is_self_approval(approver, request):
            reason = Reason.SELF_APPROVAL
        elif approval.created_at > deadline:
            reason = Reason.TOO_LATE
        elif user in counted:
            reason = Reason.COUNTED_ALREADY
        else:
            counted[user] = approval
        message = _MESSAGES[reason].format(
            policy=f"AccessPolicy {quote(policy.name)}",
            approvers=approvers.describe(),
            deadline=format_instant(deadline),
        )
        if reason is Reason.NOT_ENTITLED:
            message += similar_identity(approvers.patterns, approver)
        results.append(ApprovalResult(approval, reason, message))
    return Quorum(
        policy=policy,
        rule=rule,
        counted=tuple(counted.values()),
        denial=denials[0] if denials else None,
        results=tuple(results),
        approvers=approvers,
        deadline=deadline,
    )


def approvers_of(rule: ApprovalRule, role: RoleRef, owners: Owners) -> Approvers:
    """Resolve the approvers; if a resource names no owner, the instance's apply."""
    owner: IdentityPattern | None = None
    if rule.resource_owners:
        owner = owners.named_owner(role.project)
    patterns = rule.approvers
    if rule.integration_owners or (rule.resource_owners and owner is None):
        patterns += owners.integration
    return Approvers(patterns, owner)


def _is_self_approval(approver: Identity, request: Request) -> bool:
    """Return whether the approver is the requester or the subject, in any spelling."""
    names, prefix = (approver.username, *approver.groups), request.strip_prefix
    return is_same_user(approver.username, request.requester.username, prefix) or any(
        is_same_user(one, request.grant.subject.name, prefix) for one in names
    )


class PolicyMatch(NamedTuple):
    """A policy that allows the request now, and the resulting access."""

    policy: AccessPolicy
    window: Window
    """By spec and approvals; a status can still shorten it."""
    max_duration: timedelta | None
    is_only_kept: bool
    """True if the grant gets no new binding, because the maximum was lowered after the
    start, or the subject got rules of its own in another AppProject."""
    approved_at: datetime | None = None
    approvals: tuple[Approval, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyEvaluation:
    """Result of one request under every policy."""

    request: Request
    denied_by: Denial | None
    """The first Deny policy that matches; the other fields are empty then."""
    closest_policy: FailedCheck | None = None
    """The check that failed last, of the first Allow policy by name."""
    quorums: tuple[Quorum, ...] = ()
    """Approvals under every policy that allows the request and requires approval."""
    matches: tuple[PolicyMatch, ...] = ()
    """Every policy that allows the request now, with the approvals it has."""

    @property
    def best(self) -> PolicyMatch | None:
        """Return the match that takes effect.

        A policy that allows the request as it is takes precedence, then the latest end,
        then the fewest approvals, then the name.
        """
        return min(
            self.matches,
            key=lambda match: (
                match.is_only_kept,
                END_OF_TIME - match.window.end,
                len(match.approvals),
                match.policy.name,
            ),
            default=None,
        )

    @property
    def denial(self) -> Approval | None:
        """The oldest denial by an approver under any of the policies."""
        denials = [q.denial for q in self.quorums if q.denial is not None]
        return min(denials, key=lambda one: (one.created_at, one.name), default=None)


def evaluate_policies(
    request: Request, rules: AccessRules, approvals: Sequence[VerifiedApproval]
) -> PolicyEvaluation:
    """Evaluate every policy for a verified requester and valid approvals."""
    allowing = []
    for policy in rules.policies:
        if policy.effect is Effect.ALLOW:
            allowing.append(policy)
            continue
        denied_by = denial_by(policy, request, rules.inheritance)
        if denied_by is not None:
            return PolicyEvaluation(request=request, denied_by=denied_by)
    failed, quorums, matches = [], [], []
    for policy in allowing:
        failed_check = first_failed_check(policy, request)
        if failed_check is not None:
            failed.append(failed_check)
            continue
        quorum: Quorum | None = None
        if policy.approval is not None:
            quorum = count_approvals(
                policy,
                policy.approval,
                request=request,
                approvals=approvals,
                owners=rules.owners,
            )
            quorums.append(quorum)
        match = _match(policy, quorum, request, rules.max_duration)
        if match is not None:
            matches.append(match)
    return PolicyEvaluation(
        request=request,
        denied_by=None,
        closest_policy=min(
            failed, key=lambda one: (-one.position, one.policy.name), default=None
        ),
        quorums=tuple(quorums),
        matches=tuple(matches),
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
    return PolicyMatch(
        policy=policy,
        window=window_without_status(
            request.grant, max_duration=lowest, approved_at=approved_at
        ),
        max_duration=maximum,
        is_only_kept=exceeds_maximum(policy, request) or exceeds_role(policy, request),
        approved_at=approved_at,
        approvals=approvals,
    )


def approval_results(
    evaluation: PolicyEvaluation, approvals: Approvals
) -> tuple[ApprovalResult, ...]:
    """Return the effect of every approval if a policy allows the request."""
    best = evaluation.best
    needs_no_approval = best is not None and not best.approvals
    if not evaluation.quorums or (needs_no_approval and evaluation.denial is None):
        return approval_not_needed(approvals)
    by_approval = zip(*(quorum.results for quorum in evaluation.quorums), strict=True)
    rank = list(_MESSAGES).index
    results = (min(one, key=lambda result: rank(result.reason)) for one in by_approval)
    return (*approvals.invalid, *results)


def approval_not_needed(approvals: Approvals) -> tuple[ApprovalResult, ...]:
    """Return the results if the grant takes effect without approval."""
    message = "The grant does not need approval."
    return _same_result(approvals, Reason.NOT_NEEDED, message)


def approval_has_no_effect(approvals: Approvals) -> tuple[ApprovalResult, ...]:
    """Return the results if no approval could make the grant take effect."""
    message = (
        "No AccessPolicy allows the grant, even with approval. See the condition"
        " Approved of the grant."
    )
    return _same_result(approvals, Reason.NOT_ENTITLED, message)


def _same_result(
    approvals: Approvals, reason: Reason, message: str
) -> tuple[ApprovalResult, ...]:
    results = (
        ApprovalResult(one.approval, reason, message) for one in approvals.approvals
    )
    return (*approvals.invalid, *results)
