"""Conditions of a grant, derived from its decision and the state of its binding."""

from dataclasses import dataclass
from typing import NamedTuple

from argogrant.grants.access.quorum import ApprovalResult
from argogrant.grants.decide import Decision, DesiredBinding
from argogrant.grants.model.reasons import (
    ApprovalCondition,
    Finding,
    GrantCondition,
    InstanceCondition,
    PolicyCondition,
    Reason,
)
from argogrant.grants.model.validation import quote, with_full_stop
from argogrant.grants.model.window import format_instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One condition, as ``metav1.Condition`` without its bookkeeping.

    ``status`` is None for Kubernetes' ``Unknown``.
    """

    type: GrantCondition | InstanceCondition | ApprovalCondition | PolicyCondition
    status: bool | None
    reason: Reason
    message: str


class BindingOutcome(NamedTuple):
    """State of a binding after the last write.

    A tuple, because one is created for every grant at every reconciliation.
    """

    is_bound: bool
    """True if Argo CD's RBAC policy contains the binding, and the API server
    acknowledged the write."""
    blocked: Finding | None = None
    """Why nothing can be written at the moment."""
    may_still_apply: bool = False
    """True if Argo CD may still apply a binding that is no longer desired; ``blocked``
    gives the cause."""


def grant_conditions(
    decision: Decision, outcome: BindingOutcome
) -> tuple[Condition, ...]:
    """Build the conditions of a grant.

    Returns:
        ``Approved`` and ``Ready``; ``Effective`` if it is certain; and ``Ended`` once
        the grant has ended and its revocation is confirmed.
    """
    conditions: tuple[Condition, ...] = (
        Condition(
            type=GrantCondition.APPROVED,
            status=decision.policy_result.is_approved,
            reason=decision.policy_result.reason,
            message=decision.policy_result.message,
        ),
        _ready(decision, outcome),
    )
    if decision.effectiveness is not None:
        effectiveness = decision.effectiveness
        conditions += (
            Condition(
                type=GrantCondition.EFFECTIVE,
                status=effectiveness.status,
                reason=effectiveness.reason,
                message=effectiveness.message,
            ),
        )
    if not is_over(decision, outcome) or decision.finding is None:
        return conditions
    ended = Condition(
        type=GrantCondition.ENDED,
        status=True,
        reason=decision.finding.reason,
        message=decision.finding.message,
    )
    return (*conditions, ended)


def approval_condition(result: ApprovalResult) -> Condition:
    """Build the condition ``Counted`` of an approval."""
    return Condition(
        type=ApprovalCondition.COUNTED,
        status=result.counts,
        reason=result.reason,
        message=result.message,
    )


def policy_condition(problem: str | None) -> Condition:
    """Build the condition ``Ready`` of an access policy.

    Args:
        problem: Why the policy is invalid; None if it is valid.
    """
    if problem is None:
        return Condition(
            type=PolicyCondition.READY,
            status=True,
            reason=Reason.IN_USE,
            message="The policy is in use.",
        )
    return Condition(
        type=PolicyCondition.READY,
        status=False,
        reason=Reason.INVALID_POLICY,
        message=(
            f"{with_full_stop(problem)} Until the policy is fixed or deleted, no"
            " binding is added."
        ),
    )


def is_over(decision: Decision, outcome: BindingOutcome) -> bool:
    """Return whether a grant has ended and its revocation is confirmed."""
    return decision.has_ended and not outcome.may_still_apply


def _ready(decision: Decision, outcome: BindingOutcome) -> Condition:
    is_desired = decision.desired_binding is not DesiredBinding.ABSENT
    if is_desired and outcome.is_bound:
        return Condition(
            type=GrantCondition.READY,
            status=True,
            reason=Reason.BOUND,
            message=_bound_message(decision),
        )
    finding = decision.finding
    if finding is None or finding.is_unknown:
        # The obstacle of the write also explains why a fact is unknown.
        finding = outcome.blocked or finding
    elif outcome.may_still_apply and outcome.blocked is not None:
        finding = _not_revoked(finding, outcome.blocked)
    if finding is None:
        finding = Finding(Reason.BINDING, "The operator is writing the binding.")
    return Condition(
        type=GrantCondition.READY,
        status=False,
        reason=finding.reason,
        message=finding.message,
    )


def _not_revoked(finding: Finding, obstacle: Finding) -> Finding:
    """Combine why a grant is not in force with what prevents its revocation."""
    return Finding(
        obstacle.reason,
        f"{finding.message} Argo CD may still allow the access: {obstacle.message}",
    )


def _bound_message(decision: Decision) -> str:
    grant, end = decision.grant, format_instant(decision.window.end)
    warning = f" {decision.role_warning}" if decision.role_warning else ""
    return (
        f"Argo CD gives {quote(grant.subject.name)} the role"
        f" {quote(grant.role.bound_as)} until {end}.{decision.duration_note}{warning}"
    )
