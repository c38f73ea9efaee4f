"""What is said about a grant: its conditions, from the decision and the delivery."""

from dataclasses import dataclass
from typing import NamedTuple

from argogrant.grants.access.approvals import ApprovalResult
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
    """One observed fact, as ``metav1.Condition`` without its bookkeeping.

    ``status`` is None where Kubernetes says Unknown.
    """

    type: GrantCondition | InstanceCondition | ApprovalCondition | PolicyCondition
    status: bool | None
    reason: Reason
    message: str


class BindingOutcome(NamedTuple):
    """What became of a binding at the last write.

    A tuple, since one is made for every grant at every convergence.
    """

    is_bound: bool
    """The RBAC text holds the binding; the API server acknowledged it."""
    blocked: Finding | None = None
    """Why nothing may be written at the moment."""
    may_still_apply: bool = False
    """Argo CD may still allow what is not wanted any longer; ``blocked`` says why."""


def grant_conditions(
    decision: Decision, delivery: BindingOutcome
) -> tuple[Condition, ...]:
    """Say what a person asks first: agreed upon, working now, over.

    Returns:
        ``Approved`` and ``Ready``, ``Effective`` if there is something to say, and
        ``Ended`` once the grant is over for certain.
    """
    conditions: tuple[Condition, ...] = (
        Condition(
            type=GrantCondition.APPROVED,
            status=decision.policy_result.is_approved,
            reason=decision.policy_result.reason,
            message=decision.policy_result.message,
        ),
        _ready(decision, delivery),
    )
    if decision.effectiveness is not None:
        advice = decision.effectiveness
        conditions += (
            Condition(
                type=GrantCondition.EFFECTIVE,
                status=advice.status,
                reason=advice.reason,
                message=advice.message,
            ),
        )
    if not is_over(decision, delivery) or decision.finding is None:
        return conditions
    ended = Condition(
        type=GrantCondition.ENDED,
        status=True,
        reason=decision.finding.reason,
        message=decision.finding.message,
    )
    return (*conditions, ended)


def approval_condition(told: ApprovalResult) -> Condition:
    """Say to an approver whether the approval counts, and why not."""
    return Condition(
        type=ApprovalCondition.COUNTED,
        status=told.counts,
        reason=told.reason,
        message=told.message,
    )


def policy_condition(problem: str | None) -> Condition:
    """Say whether an access policy is obeyed.

    Args:
        problem: Why it can not be understood; None if it can.
    """
    if problem is None:
        return Condition(
            type=PolicyCondition.READY,
            status=True,
            reason=Reason.IN_USE,
            message="The policy is obeyed.",
        )
    return Condition(
        type=PolicyCondition.READY,
        status=False,
        reason=Reason.INVALID_POLICY,
        message=(
            f"{with_full_stop(problem)} Until it is mended or deleted nothing is added."
        ),
    )


def is_over(decision: Decision, delivery: BindingOutcome) -> bool:
    """Tell whether a grant has ended and Argo CD is known to have heard of it."""
    return decision.has_ended and not delivery.may_still_apply


def _ready(decision: Decision, delivery: BindingOutcome) -> Condition:
    wanted = decision.desired_binding is not DesiredBinding.ABSENT
    if wanted and delivery.is_bound:
        return Condition(
            type=GrantCondition.READY,
            status=True,
            reason=Reason.BOUND,
            message=_bound_message(decision),
        )
    finding = decision.finding
    if finding is None or finding.is_unknown:
        finding = delivery.blocked or finding  # what stands in the way explains a doubt
    elif delivery.may_still_apply and delivery.blocked is not None:
        finding = _unknown(finding, delivery.blocked)
    if finding is None:
        finding = Finding(Reason.BINDING, "The binding is being written.")
    return Condition(
        type=GrantCondition.READY,
        status=False,
        reason=finding.reason,
        message=finding.message,
    )


def _unknown(finding: Finding, obstacle: Finding) -> Finding:
    """Put what stands in the way of a revocation before what it was meant for."""
    return Finding(
        obstacle.reason,
        f"{finding.message} It may be allowed all the same: {obstacle.message}",
    )


def _bound_message(decision: Decision) -> str:
    grant, end = decision.grant, format_instant(decision.window.end)
    caution = f" {decision.role_warning}" if decision.role_warning else ""
    return (
        f"Argo CD gives {quote(grant.subject.name)} the role"
        f" {quote(grant.role.bound_as)} until {end}.{decision.duration_note}{caution}"
    )
