"""What is said about a grant: its conditions, from the decision and the delivery."""

from dataclasses import dataclass
from typing import NamedTuple

from argogrant.grants.access.approvals import ApprovalFinding
from argogrant.grants.decide import Decision, Holding
from argogrant.grants.model.reasons import (
    ApprovalCondition,
    Finding,
    GrantCondition,
    InstanceCondition,
    PolicyCondition,
    Reason,
)
from argogrant.grants.model.validation import quoted, sentence
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


class Delivery(NamedTuple):
    """What became of a binding at the last write.

    A tuple, since one is made for every grant at every convergence.
    """

    is_bound: bool
    """The RBAC text holds the binding; the API server acknowledged it."""
    blocked: Finding | None = None
    """Why nothing may be written at the moment."""
    may_linger: bool = False
    """Argo CD may still allow what is not wanted any longer; ``blocked`` says why."""


def grant_conditions(decision: Decision, delivery: Delivery) -> tuple[Condition, ...]:
    """Say what a person asks first: agreed upon, working now, over.

    Returns:
        ``Approved`` and ``Ready``, ``Effective`` if there is something to say, and
        ``Ended`` once the grant is over for certain.
    """
    conditions: tuple[Condition, ...] = (
        Condition(
            type=GrantCondition.APPROVED,
            status=decision.agreement.is_approved,
            reason=decision.agreement.reason,
            message=decision.agreement.message,
        ),
        _ready(decision, delivery),
    )
    if decision.advice is not None:
        advice = decision.advice
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


def approval_condition(told: ApprovalFinding) -> Condition:
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
        message=f"{sentence(problem)} Until it is mended or deleted nothing is added.",
    )


def is_over(decision: Decision, delivery: Delivery) -> bool:
    """Tell whether a grant has ended and Argo CD is known to have heard of it."""
    return decision.has_ended and not delivery.may_linger


def _ready(decision: Decision, delivery: Delivery) -> Condition:
    wanted = decision.holding is not Holding.RELEASE
    if wanted and delivery.is_bound:
        return Condition(
            type=GrantCondition.READY,
            status=True,
            reason=Reason.BOUND,
            message=_bound_message(decision),
        )
    finding = decision.finding
    if finding is None or finding.is_doubt:
        finding = delivery.blocked or finding  # what stands in the way explains a doubt
    elif delivery.may_linger and delivery.blocked is not None:
        finding = _doubted(finding, delivery.blocked)
    if finding is None:
        finding = Finding(Reason.BINDING, "The binding is being written.")
    return Condition(
        type=GrantCondition.READY,
        status=False,
        reason=finding.reason,
        message=finding.message,
    )


def _doubted(finding: Finding, obstacle: Finding) -> Finding:
    """Put what stands in the way of a revocation before what it was meant for."""
    return Finding(
        obstacle.reason,
        f"{finding.message} It may be allowed all the same: {obstacle.message}",
    )


def _bound_message(decision: Decision) -> str:
    grant, end = decision.grant, format_instant(decision.window.end)
    caution = f" {decision.caution}" if decision.caution else ""
    return (
        f"Argo CD gives {quoted(grant.subject.name)} the role"
        f" {quoted(grant.role.bound_as)} until {end}.{decision.note}{caution}"
    )
