"""Conditions of a grant, derived from its decision and the state of its binding."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, NamedTuple

from argogrant.grants.access.policy_evaluation import ApprovalResult
from argogrant.grants.decide import Decision, DesiredBinding
from argogrant.grants.model.reasons import (
    ApprovalCondition,
    ConditionType,
    Finding,
    GrantCondition,
    PolicyCondition,
    Reason,
)
from argogrant.grants.model.validation import quote, with_full_stop
from argogrant.grants.model.window import format_instant


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition, as ``metav1.Condition`` without its bookkeeping."""

    type: ConditionType
    reason: Reason
    message: str
    status: bool | None = field(kw_only=True)
    """None for Kubernetes' ``Unknown``."""


class MemberFacts(NamedTuple):
    """State of a binding in its AppProject after the last write."""

    since: datetime | None = None
    """Since when the subject is a member that argogrant added; None if it is none, or
    if no grant wants it."""
    is_absent: bool = False
    """True if it is certain that the subject is no member at all."""


UNKNOWN_MEMBER: Final = MemberFacts()


class BindingOutcome(NamedTuple):
    """State of a binding after the last write.

    A tuple, as one is created for every grant at every reconciliation.
    """

    is_bound: bool
    """True if Argo CD's RBAC policy contains the binding, and the API server
    acknowledged the write."""
    blocked: Finding | None = None
    """Why nothing can be written at the moment."""
    may_still_apply: bool = False
    """True if Argo CD may still apply a binding that is no longer desired; ``blocked``
    gives the cause."""
    member: MemberFacts = UNKNOWN_MEMBER
    """State of the binding in an AppProject."""


def grant_conditions(
    decision: Decision, outcome: BindingOutcome
) -> tuple[Condition, ...]:
    """Build the conditions of a grant.

    Returns:
        ``Approved`` and ``Ready``; ``Effective`` if it is certain; and ``Ended`` once
        the grant has ended and its revocation is confirmed.
    """
    result, finding = decision.policy_result, decision.finding
    approved = Condition(
        GrantCondition.APPROVED,
        result.reason,
        result.message,
        status=result.is_approved,
    )
    conditions = [approved, _ready(decision, outcome)]
    if decision.effectiveness is not None:
        reason, message, status = decision.effectiveness
        effective = Condition(GrantCondition.EFFECTIVE, reason, message, status=status)
        conditions.append(effective)
    if finding is not None and is_over(decision, outcome):
        reason, message = finding.reason, finding.message
        ended = Condition(GrantCondition.ENDED, reason, message, status=True)
        conditions.append(ended)
    return tuple(conditions)


def approval_condition(result: ApprovalResult) -> Condition:
    """Build the condition ``Counted`` of an approval."""
    return Condition(
        ApprovalCondition.COUNTED, result.reason, result.message, status=result.counts
    )


def policy_condition(problem: str | None) -> Condition:
    """Build the condition ``Ready`` of an access policy, with why it is invalid."""
    if problem is None:
        message = "The policy is in use."
        return Condition(PolicyCondition.READY, Reason.IN_USE, message, status=True)
    return Condition(
        PolicyCondition.READY,
        Reason.INVALID_POLICY,
        f"{with_full_stop(problem)} Until the policy is fixed or deleted, no binding is"
        " added.",
        status=False,
    )


def is_over(decision: Decision, outcome: BindingOutcome) -> bool:
    """Return whether a grant has ended and its revocation is confirmed."""
    return decision.has_ended and not outcome.may_still_apply


def _ready(decision: Decision, outcome: BindingOutcome) -> Condition:
    is_desired = decision.desired_binding is not DesiredBinding.ABSENT
    if is_desired and outcome.is_bound:
        message = _bound_message(decision)
        return Condition(GrantCondition.READY, Reason.BOUND, message, status=True)
    finding = decision.finding
    if finding is not None and decision.hint:
        finding = replace(finding, message=f"{finding.message}{decision.hint}")
    if finding is None or finding.is_unknown:
        # The obstacle of the write also explains why a fact is unknown.
        finding = outcome.blocked or finding
    elif outcome.may_still_apply and outcome.blocked is not None:
        finding = Finding(
            outcome.blocked.reason,
            f"{finding.message} Argo CD may still allow the access:"
            f" {outcome.blocked.message}",
        )
    if finding is None:
        finding = Finding(Reason.BINDING, "The operator is writing the binding.")
    return Condition(
        GrantCondition.READY, finding.reason, finding.message, status=False
    )


def _bound_message(decision: Decision) -> str:
    grant, end = decision.grant, format_instant(decision.window.end)
    warning = f" {decision.role_warning}" if decision.role_warning else ""
    return (
        f"Argo CD gives {quote(grant.subject.name)} the role"
        f" {quote(grant.role.bound_as)} until {end}.{decision.duration_note}{warning}"
    )
