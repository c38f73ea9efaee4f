"""Input of the audit log for grants, instances and tokens. Pure."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from argogrant.argocd.appproject.annotation import Token
from argogrant.audit.event import GrantChange, ObjectRef
from argogrant.audit.transitions import EventType, Transition
from argogrant.controller.cached_objects import GrantRecord, InstanceRecord
from argogrant.controller.status.binding_state import BindingState
from argogrant.grants.conditions import BindingOutcome, Condition
from argogrant.grants.decide import Decision
from argogrant.grants.model.reasons import Reason
from argogrant.grants.model.stored_condition import Conditions, StoredCondition
from argogrant.grants.model.validation import quote
from argogrant.grants.model.window import format_instant


def grant_ref(record: GrantRecord) -> ObjectRef:
    """Return the reference to a grant."""
    return ObjectRef(
        kind="AccessGrant",
        uid=record.uid,
        namespace=record.namespace,
        name=record.name,
        instance=record.instance,
    )


def instance_ref(record: InstanceRecord) -> ObjectRef:
    """Return the reference to an instance."""
    return ObjectRef(
        kind="ArgoCDInstance",
        uid=record.uid,
        namespace=record.namespace,
        name=record.name,
        instance=record.name,
    )


def by_type(conditions: Iterable[Condition]) -> Conditions:
    """Return conditions that are about to be written, as they are compared."""
    return {
        str(one.type): StoredCondition(one.status, str(one.reason), one.message)
        for one in conditions
    }


def grant_change(  # noqa: PLR0913
    record: GrantRecord,
    decision: Decision | None,
    outcome: BindingOutcome,
    *,
    conditions: Iterable[Condition],
    new: Mapping[str, Any],
    state: BindingState,
    is_first: bool,
    now: datetime,
) -> GrantChange:
    """Build what the audit log compares.

    Args:
        record: The grant, with the status that the API server is known to have.
        decision: Whether it is in force; None if its spec is invalid.
        outcome: The result for its binding.
        conditions: Conditions of the new status.
        new: The status that is about to be written.
        state: Bindings after the reconciliation.
        is_first: This process has not reported the grant before. A binding without a
            report is the last process's then; later only an end can come before the
            report, if the answer to a write was lost.
        now: Time of the events.
    """
    is_over = record.being_deleted or (decision is not None and decision.has_ended)
    return GrantChange(
        ref=grant_ref(record),
        grant=record.grant,
        stored=record.status,
        new=new,
        conditions=by_type(conditions),
        now=now,
        is_overdue=is_over and outcome.may_still_apply,
        binding_found=(is_first or is_over)
        and decision is not None
        and binding_found(record, decision, state, now),
        approvals=decision.policy_result.approvals if decision is not None else (),
        role_warning=decision.role_warning if decision is not None else "",
    )


def token_removed(project: str, role: str, token: Token, *, version: str) -> Transition:
    """Return the event of a token that is removed with the member who issued it.

    Args:
        project: The AppProject.
        role: Bare name of its role.
        token: The token, as the AppProject records it.
        version: Resource version of the AppProject that contained it.
    """
    issued, expiry = _time(token.issued_at), "never expires"
    if token.expires_at:
        expiry = f"would have expired at {_time(token.expires_at)}"
    return Transition(
        type=EventType.TOKEN_REMOVED,
        message=(
            f"Token {quote(token.id)} of role {quote(role)} of AppProject"
            f" {quote(project)}, issued at {issued}, which {expiry}, is removed: it was"
            " issued while a grant gave that role."
        ),
        key=f"{version}\n{role}\n{token.fingerprint}",
    )


def _time(seconds: int) -> str:
    """Return a time of a token; Argo CD does not validate the number."""
    try:
        return format_instant(datetime.fromtimestamp(seconds, UTC))
    except (ValueError, OverflowError, OSError):
        return str(seconds)


def binding_found(
    record: GrantRecord, decision: Decision, state: BindingState, now: datetime
) -> bool:
    """Return whether Argo CD had the binding before the last write, for this grant.

    If so, and no status reports it, an operator was killed between writing the binding
    and reporting it. Grants can share a binding: if a status says that another grant
    was bound, the binding proves nothing about this grant, unless this grant expired,
    because then the binding was there during its whole window.
    """
    window = decision.window
    if not window.has_opened(now) or window.end <= window.start:
        return False
    binding = decision.grant.binding
    removed = state.planned.removed
    if binding not in removed and binding not in state.present:
        return False
    if decision.finding is not None and decision.finding.reason is Reason.EXPIRED:
        return True
    others = state.recorded_as_bound[binding] - ("boundAs" in record.status)
    return binding in removed and others == 0
