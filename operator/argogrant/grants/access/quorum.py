"""Approvals of a grant: which are valid, and which count under an access policy.

``validate_approvals`` removes approvals of another grant and of unverified approvers,
before any policy is involved. ``count_approvals`` then counts the others under one
policy. Every approval gets an ``ApprovalResult`` that explains its effect.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from argogrant.grants.access.policy import (
    AccessPolicy,
    AccessRules,
    Approval,
    ApprovalDecision,
    ApprovalRule,
    Owners,
)
from argogrant.grants.access.policy_checks import listed
from argogrant.grants.access.request import Request
from argogrant.grants.model.grant import Grant, RoleRef
from argogrant.grants.model.identity import Identity, IdentityPattern, normalized_user
from argogrant.grants.model.reasons import Reason
from argogrant.grants.model.validation import quote
from argogrant.grants.model.window import add_capped, format_instant

_SECOND: Final = timedelta(seconds=1)


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
    """Separate valid approvals from invalid ones.

    An approval that is being deleted is ignored and gets no result.
    """
    valid, invalid = [], []
    for approval in sorted(approvals, key=lambda one: (one.created_at, one.name)):
        if approval.being_deleted:
            continue
        problem = _problem_with(approval, grant, rules)
        if problem is not None:
            invalid.append(problem)
        else:
            assert approval.approver is not None
            valid.append(VerifiedApproval(approval, approval.approver))
    return Approvals(tuple(valid), tuple(invalid))


def _problem_with(
    approval: Approval, grant: Grant, rules: AccessRules
) -> ApprovalResult | None:
    if (approval.grant_name, approval.grant_uid) != (grant.name, grant.uid):
        return ApprovalResult(
            approval,
            Reason.ANOTHER_GRANT,
            f"This approval is for an AccessGrant {quote(approval.grant_name)} with uid"
            f" {quote(approval.grant_uid)}, but the present one has uid {grant.uid},"
            " because it was created again. Approve the present one.",
        )
    if approval.approver is None:
        return ApprovalResult(
            approval,
            Reason.APPROVER_UNVERIFIED,
            "The approval names no approver (spec.approver). Delete it and create"
            " another one that does.",
        )
    if not rules.identities.is_verified(approval.created_at):
        return ApprovalResult(
            approval,
            Reason.APPROVER_UNVERIFIED,
            "The approver is not verified:"
            f" {rules.identities.why_unverified(approval.created_at)} Delete the"
            " approval and create it again.",
        )
    return None


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
        if self.missing:
            return None
        return self.counted[self.rule.required - 1].created_at

    @property
    def too_late_at(self) -> datetime:
        """The first second in which no approval counts."""
        return add_capped(self.deadline, _SECOND)

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
    """Count the approvals under one access policy.

    Args:
        policy: A policy that allows the request once it is approved.
        rule: The approval rule of this policy.
        request: What is requested, and by whom.
        approvals: Valid approvals, oldest first.
        owners: Owners of the instance and its resources.
    """
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
        message = _message(reason, policy, approvers=approvers, deadline=deadline)
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
    """Resolve the approvers of a role.

    The owners of the instance replace the owner of a resource that names none.
    """
    owner: IdentityPattern | None = None
    if rule.resource_owners:
        owner = owners.named_owner(role.project)
    patterns = rule.approvers
    if rule.integration_owners or (rule.resource_owners and owner is None):
        patterns += owners.integration
    return Approvers(patterns, owner)


def _is_self_approval(approver: Identity, request: Request) -> bool:
    """Return whether the approver is the requester or the subject, in any spelling."""
    subject = normalized_user(request.grant.subject.name, request.strip_prefix)
    names = (approver.username, *approver.groups)
    user = normalized_user(approver.username, request.strip_prefix)
    return user == normalized_user(
        request.requester.username, request.strip_prefix
    ) or any(normalized_user(name, request.strip_prefix) == subject for name in names)


def _message(
    reason: Reason, policy: AccessPolicy, *, approvers: Approvers, deadline: datetime
) -> str:
    name = f"AccessPolicy {quote(policy.name)}"
    if reason is Reason.NOT_ENTITLED:
        return f"Under {name}, {approvers.describe()} may approve this grant."
    if reason is Reason.SELF_APPROVAL:
        return (
            f"Under {name}, requesters and recipients cannot approve their own grant."
            f" Ask {approvers.describe()} to approve it."
        )
    if reason is Reason.TOO_LATE:
        return (
            f"Under {name}, approvals counted until {format_instant(deadline)}. Create"
            " a new AccessGrant and approve that one."
        )
    if reason is Reason.COUNTED_ALREADY:
        return (
            f"Another approval by the same approver already counts under {name}; one"
            " is enough."
        )
    return f"The decision counts under {name}."
