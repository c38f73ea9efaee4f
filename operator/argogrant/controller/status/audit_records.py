"""What the audit is told of grants and instances, and how it knows. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from argogrant.argocd.appproject.annotation import Token
from argogrant.audit.event import GrantChange, ObjectRef
from argogrant.audit.transition_kinds import Transition, TransitionKind
from argogrant.controller.cached_objects import GrantRecord, InstanceRecord
from argogrant.controller.status.binding_state import BindingState
from argogrant.grants.conditions import BindingOutcome
from argogrant.grants.decide import Decision
from argogrant.grants.model.reasons import Reason
from argogrant.grants.model.validation import quote
from argogrant.grants.model.window import format_instant


def grant_ref(record: GrantRecord) -> ObjectRef:
    """Name a grant for the audit."""
    return ObjectRef(
        kind="AccessGrant",
        uid=record.uid,
        namespace=record.namespace,
        name=record.name,
        instance=record.instance,
    )


def instance_ref(record: InstanceRecord) -> ObjectRef:
    """Name an instance for the audit."""
    return ObjectRef(
        kind="ArgoCDInstance",
        uid=record.uid,
        namespace=record.namespace,
        name=record.name,
        instance=record.name,
    )


def grant_change(  # noqa: PLR0913
    record: GrantRecord,
    decision: Decision | None,
    delivery: BindingOutcome,
    *,
    new: Mapping[str, Any],
    standing: BindingState,
    now: datetime,
) -> GrantChange:
    """Put together what the audit compares.

    Args:
        record: The grant, with the status that the API server is known to have.
        decision: Whether it is in force; None if it can not be understood.
        delivery: What became of its binding.
        new: The status that is about to be written.
        standing: What stands after the convergence.
        now: When.
    """
    is_over = record.being_deleted or (decision is not None and decision.has_ended)
    return GrantChange(
        ref=grant_ref(record),
        grant=record.grant,
        stored=record.status,
        new=new,
        now=now,
        is_overdue=is_over and delivery.may_still_apply,
        was_bound=decision is not None and was_bound(record, decision, standing, now),
        approvals=decision.policy_result.approvals if decision is not None else (),
        role_warning=decision.role_warning if decision is not None else "",
    )


def token_removed(project: str, role: str, token: Token, *, version: str) -> Transition:
    """Say that a token goes with the member who may have made it.

    Args:
        project: The AppProject.
        role: The bare name of its role.
        token: What the project remembers of it.
        version: The resource version of the project in which it was found.
    """
    made, ends = _time(token.issued_at), "never ends"
    if token.expires_at:
        ends = f"would have ended at {_time(token.expires_at)}"
    return Transition(
        kind=TransitionKind.TOKEN_REMOVED,
        message=(
            f"Token {quote(token.id)} of role {quote(role)} of AppProject"
            f" {quote(project)}, made at {made}, which {ends}, is removed: it was made"
            " while a grant gave that role."
        ),
        left=f"{version}\n{role}\n{token.fingerprint}",
    )


def _time(seconds: int) -> str:
    """Write a token's time; anybody may have written anything there."""
    try:
        return format_instant(datetime.fromtimestamp(seconds, UTC))
    except (ValueError, OverflowError, OSError):
        return str(seconds)


def was_bound(
    record: GrantRecord, decision: Decision, standing: BindingState, now: datetime
) -> bool:
    """Tell whether Argo CD had the binding before the last write, for this grant.

    Somebody may have died between that write and the report of an earlier one. Grants
    share bindings: one that another grant is known to have had is no evidence, unless
    this grant has run its course, which it did with the binding there.
    """
    window = decision.window
    if not window.has_opened(now) or window.end <= window.start:
        return False
    binding = decision.grant.binding
    removed = standing.planned.removed
    if binding not in removed and binding not in standing.present:
        return False
    if decision.finding is not None and decision.finding.reason is Reason.EXPIRED:
        return True
    others = standing.recorded_as_bound[binding] - ("boundAs" in record.status)
    return binding in removed and others == 0
