"""Which approvals count under an access policy, and why others do not."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from argogrant.grants.access.approvals import ApprovalResult, VerifiedApproval
from argogrant.grants.access.policy import (
    AccessPolicy,
    Approval,
    ApprovalDecision,
    ApprovalRule,
    Owners,
)
from argogrant.grants.access.policy_checks import listed
from argogrant.grants.access.request import Request
from argogrant.grants.model.grant import RoleRef
from argogrant.grants.model.identity import Identity, IdentityPattern, normalized_user
from argogrant.grants.model.reasons import Reason
from argogrant.grants.model.validation import quote
from argogrant.grants.model.window import add_capped, format_instant

_SECOND: Final = timedelta(seconds=1)


class Approvers(NamedTuple):
    """Who may approve a grant by one rule."""

    patterns: tuple[IdentityPattern, ...]
    owner: IdentityPattern | None
    """Whom the project or the ConfigMap names; literally, since whoever writes there
    writes no access policy."""

    def may_approve(self, identity: Identity) -> bool:
        """Tell whether this one may."""
        if self.owner is not None and self.owner.equals(identity):
            return True
        return any(pattern.matches(identity) for pattern in self.patterns)

    def describe(self) -> str:
        """Say who may, for a message."""
        every = (*self.patterns, *([self.owner] if self.owner else []))
        return listed(pattern.describe() for pattern in every) or "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quorum:
    """What the approvals amount to under one access policy."""

    policy: AccessPolicy
    rule: ApprovalRule
    counted: tuple[Approval, ...]
    """Those that agree, the oldest first, one a person."""
    denial: Approval | None
    """The first one that refuses."""
    findings: tuple[ApprovalResult, ...]
    """One for each vote."""
    approvers: Approvers
    deadline: datetime
    """An approval of this second is the last that counts."""

    @property
    def missing(self) -> int:
        """How many people have to agree still."""
        return max(self.rule.required - len(self.counted), 0)

    @property
    def completed_at(self) -> datetime | None:
        """When the last person agreed who had to; None if one is missing."""
        if self.missing:
            return None
        return self.counted[self.rule.required - 1].created_at

    @property
    def too_late_at(self) -> datetime:
        """The first second of which no approval counts."""
        return add_capped(self.deadline, _SECOND)

    def is_too_late(self, now: datetime) -> bool:
        """Tell whether no approval can count any more."""
        return now >= self.too_late_at


def count_approvals(
    policy: AccessPolicy,
    rule: ApprovalRule,
    *,
    request: Request,
    cast: Iterable[VerifiedApproval],
    owners: Owners,
) -> Quorum:
    """Count the approvals under one access policy.

    Args:
        policy: It would allow what is asked for.
        rule: Who has to agree, by this policy.
        request: What is asked for, and by whom.
        cast: The votes, the oldest first.
        owners: Whoever owns the instance and what is behind it.
    """
    entitled = approvers_of(rule, request.grant.role, owners)
    deadline = add_capped(request.grant.created_at, rule.timeout)
    counted: dict[str, Approval] = {}
    refusals: list[Approval] = []
    findings = []
    for approval, approver in cast:
        refuses = approval.decision is ApprovalDecision.DENY
        person = normalized_user(approver.username, request.strip_prefix)
        reason = Reason.COUNTS
        if not entitled.may_approve(approver):
            reason = Reason.NOT_ENTITLED
        elif refuses:  # nobody has to be kept from refusing, at any time
            refusals.append(approval)
        elif not rule.self_approval and _is_for(approver, request):
            reason = Reason.SELF_APPROVAL
        elif approval.created_at > deadline:
            reason = Reason.TOO_LATE
        elif person in counted:
            reason = Reason.COUNTED_ALREADY
        else:
            counted[person] = approval
        message = _message(reason, policy, entitled=entitled, deadline=deadline)
        findings.append(ApprovalResult(approval, reason, message))
    return Quorum(
        policy=policy,
        rule=rule,
        counted=tuple(counted.values()),
        denial=refusals[0] if refusals else None,
        findings=tuple(findings),
        approvers=entitled,
        deadline=deadline,
    )


def approvers_of(rule: ApprovalRule, role: RoleRef, owners: Owners) -> Approvers:
    """Put together who may approve: where a resource names no owner, the instance's."""
    owner: IdentityPattern | None = None
    if rule.resource_owners:
        owner = owners.named_owner(role.project)
    patterns = rule.approvers
    if rule.integration_owners or (rule.resource_owners and owner is None):
        patterns += owners.integration
    return Approvers(patterns, owner)


def _is_for(approver: Identity, request: Request) -> bool:
    """Tell whether the approver asked for it, or would have it, in any spelling."""
    subject = normalized_user(request.grant.subject.name, request.strip_prefix)
    names = (approver.username, *approver.groups)
    person = normalized_user(approver.username, request.strip_prefix)
    return person == normalized_user(
        request.requester.username, request.strip_prefix
    ) or any(normalized_user(name, request.strip_prefix) == subject for name in names)


def _message(
    reason: Reason, policy: AccessPolicy, *, entitled: Approvers, deadline: datetime
) -> str:
    name = f"AccessPolicy {quote(policy.name)}"
    if reason is Reason.NOT_ENTITLED:
        return f"By {name}, {entitled.describe()} may approve this."
    if reason is Reason.SELF_APPROVAL:
        return (
            f"By {name}, nobody approves what he asked for or would receive. Ask"
            f" somebody else: {entitled.describe()} may."
        )
    if reason is Reason.TOO_LATE:
        return (
            f"By {name}, approvals counted until {format_instant(deadline)}. Create a"
            " new AccessGrant and approve that one."
        )
    if reason is Reason.COUNTED_ALREADY:
        return f"This person's approval counts already under {name}; one is enough."
    return f"It counts under {name}."
