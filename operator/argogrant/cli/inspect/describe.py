"""Why a grant gives access, or why it does not: one sentence after another. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final

from argogrant.api.accessgrant_view import AccessApprovalView, AccessGrantView
from argogrant.cli.inspect.binding_lookup import BindingLookup
from argogrant.cli.terminal.checklist import CheckOutcome, CheckResult
from argogrant.cli.terminal.grant_state import GrantState, grant_state, is_over
from argogrant.cli.terminal.tables import sanitize
from argogrant.cli.terminal.times import when
from argogrant.grants.access.policy import ApprovalDecision
from argogrant.grants.model.reasons import GrantCondition, Reason
from argogrant.grants.model.stored_condition import StoredCondition
from argogrant.grants.model.validation import with_full_stop

_WAITS: Final = frozenset({Reason.AWAITING_APPROVAL, Reason.SCHEDULED, Reason.BINDING})
_ASK: Final = "argogrant request"
_DOCTOR: Final = "argogrant doctor -n {namespace}"
_EXAMINE: Final = ("Ready says what to do; what may be wrong:", _DOCTOR)
_REQUEST_AGAIN: Final = ("It never gives access again; to ask anew:", _ASK)
_STEPS: Final = {
    GrantState.ACTIVE: ("For more time:", "argogrant extend {name} -n {namespace}"),
    GrantState.PENDING: (
        "Who may approve it:",
        "argogrant approve {name} -n {namespace}",
    ),
    GrantState.SCHEDULED: ("Nothing has to be done.", ""),
    GrantState.STARTING: ("It takes a second; if it stays:", _DOCTOR),
    GrantState.OVERDUE: _EXAMINE,
    GrantState.ENDING: _EXAMINE,
    GrantState.BLOCKED: _EXAMINE,
    GrantState.REFUSED: _REQUEST_AGAIN,
    GrantState.ENDED: _REQUEST_AGAIN,
}
_MAY_BE_THERE: Final = frozenset({GrantState.STARTING, GrantState.BLOCKED})


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantDescription:
    """What was read of a grant, and when."""

    grant: AccessGrantView
    is_stale: bool = False
    """The operator has not looked at the latest change of the grant."""
    approvals: Sequence[AccessApprovalView] = ()
    approvals_problem: str = ""
    """Why they could not be read; empty if they could."""
    binding: Sequence[BindingLookup] = ()
    now: datetime
    zone: tzinfo | None = None

    def when(self, moment: datetime) -> str:
        """Write a moment, absolute and relative."""
        return when(moment, self.now, self.zone)

    @property
    def state(self) -> GrantState:
        """How the grant stands."""
        return grant_state(self.grant, self.now)


def summary_line(facts: GrantDescription) -> str:
    """Say in a sentence who has what until when, or that nobody does."""
    return _SENTENCES[facts.state](facts)


def checks(facts: GrantDescription) -> tuple[CheckResult, ...]:
    """Give the conditions in their order, and what was never said."""
    said = facts.grant.stored.conditions
    found = [_condition(kind, said.get(kind)) for kind in GrantCondition]
    if facts.is_stale:
        text = "The operator has not looked at the latest change of the grant yet."
        found.append(
            CheckResult(check="Operator", outcome=CheckOutcome.UNKNOWN, text=text)
        )
    return tuple(found)


def approvals(facts: GrantDescription) -> tuple[CheckResult, ...]:
    """Give what each approver said, whether it counts and why."""
    found = [_approval(one, facts) for one in facts.approvals]
    if facts.approvals_problem:
        text = f"AccessApprovals: {sanitize(facts.approvals_problem)}."
        found.append(
            CheckResult(check="Others", outcome=CheckOutcome.UNKNOWN, text=text)
        )
    present = {one.name for one in facts.approvals}
    found += [
        CheckResult(
            check=sanitize(one.approver),
            outcome=CheckOutcome.NOTED,
            text=(
                f"{sanitize(one.decision)} at {sanitize(one.at)},"
                " as the grant has recorded."
            ),
        )
        for one in facts.grant.stored.approvals
        if one.name not in present
    ]
    return tuple(found)


def bindings(facts: GrantDescription) -> tuple[CheckResult, ...]:
    """Say whether Argo CD has the binding, and whether that is as it should be."""
    return tuple(_held(one, facts) for one in facts.binding)


def next_step(facts: GrantDescription) -> tuple[str, str]:
    """Say what to do now: a sentence, and a command; both may be empty."""
    stands = facts.state
    if stands is GrantState.REFUSED and not is_over(facts.grant):
        return "Ready says what was missing; to ask for something else:", _ASK
    remedy, command = _STEPS[stands]
    return remedy, command.format(
        name=facts.grant.name, namespace=facts.grant.namespace
    )


def _condition(kind: GrantCondition, said: StoredCondition | None) -> CheckResult:
    if said is None:
        return CheckResult(check=kind, outcome=CheckOutcome.NOTED, text=_UNSAID[kind])
    reason = sanitize(said.reason)
    text = f"{reason}: {sanitize(said.message)}" if said.message else reason
    return CheckResult(check=kind, outcome=_outcome(kind, said), text=text)


def _outcome(kind: GrantCondition, said: StoredCondition) -> CheckOutcome:
    if kind is GrantCondition.ENDED or said.reason in _WAITS:
        return CheckOutcome.NOTED
    if said.status is None:
        return CheckOutcome.UNKNOWN
    return CheckOutcome.FINE if said.status else CheckOutcome.WRONG


_UNSAID: Final = {
    GrantCondition.APPROVED: "Nothing is said of it yet.",
    GrantCondition.READY: "Nothing is said of it yet; does the operator run?",
    GrantCondition.EFFECTIVE: "Nothing is certain about whom Argo CD can match.",
    GrantCondition.ENDED: "Not yet.",
}


def _approval(one: AccessApprovalView, facts: GrantDescription) -> CheckResult:
    at = f", {facts.when(one.created_at)}" if one.created_at else ""
    comment = f': "{sanitize(one.comment)}"' if one.comment else ""
    text = f"{with_full_stop(f'{sanitize(one.decision)}{at}{comment}')} {_counts(one)}"
    return CheckResult(check=sanitize(one.approver), outcome=_verdict(one), text=text)


def _counts(one: AccessApprovalView) -> str:
    if one.counted is None:
        return "Nobody has said yet whether it counts."
    if one.counted.status:
        return "It counts."
    why = sanitize(one.counted.message or one.counted.reason)
    return f"It does not count: {why}"


def _verdict(one: AccessApprovalView) -> CheckOutcome:
    if one.counted is None:
        return CheckOutcome.UNKNOWN
    if not one.counted.status:
        return CheckOutcome.NOTED
    return (
        CheckOutcome.WRONG
        if one.decision == ApprovalDecision.DENY
        else CheckOutcome.FINE
    )


def _held(held: BindingLookup, facts: GrantDescription) -> CheckResult:
    place, line = sanitize(held.place), sanitize(held.line)
    if held.is_present is None:
        text = f"{place}: {sanitize(held.problem)}, so nobody can say here."
        return CheckResult(check="Binding", outcome=CheckOutcome.UNKNOWN, text=text)
    if not held.is_managed:
        text = f"{place} has the same by somebody else's hand, and keeps it: {line}"
        return CheckResult(check="Binding", outcome=CheckOutcome.NOTED, text=text)
    end = f", until {facts.when(held.until)}" if held.until else ""
    text = f"{place} has: {line}{end}" if held.is_present else f"{place} has no {line}"
    outcome, remark = _judged(facts, is_there=held.is_present)
    return CheckResult(check="Binding", outcome=outcome, text=f"{text}{remark}")


def _judged(facts: GrantDescription, *, is_there: bool) -> tuple[CheckOutcome, str]:
    """Say whether the binding should be there; another grant may want it as well."""
    stands = facts.state
    if stands is GrantState.ACTIVE:
        return (
            (CheckOutcome.FINE, "")
            if is_there
            else (CheckOutcome.WRONG, "; it was taken away, or is of another Argo CD.")
        )
    if not is_there or stands in _MAY_BE_THERE:
        return CheckOutcome.NOTED, ""
    if stands in (GrantState.OVERDUE, GrantState.ENDING):
        return CheckOutcome.WRONG, "; it should be gone."
    return CheckOutcome.WRONG, "; another grant may give it (argogrant list)."


def _who(facts: GrantDescription) -> tuple[str, str]:
    grant = facts.grant
    on = f"{sanitize(grant.role)} on {sanitize(grant.instance)}"
    return sanitize(grant.subject), on


def _until(facts: GrantDescription) -> str:
    end = facts.grant.ended_at or facts.grant.expires_at
    return facts.when(end) if end else "an end that nobody knows yet"


def _in_force(facts: GrantDescription) -> str:
    subject, role = _who(facts)
    effective = facts.grant.stored.conditions.get(GrantCondition.EFFECTIVE)
    if effective is not None and effective.status is False:
        return f"{subject} is bound to {role}, which changes nothing: see Effective."
    return f"{subject} has {role} until {_until(facts)}."


def _awaiting(facts: GrantDescription) -> str:
    subject, role = _who(facts)
    return f"{subject} does not have {role} yet: somebody has to approve it."


def _scheduled(facts: GrantDescription) -> str:
    subject, role = _who(facts)
    start = facts.grant.not_before
    since = f" from {facts.when(start)}" if start else ""
    return f"{subject} will have {role}{since} until {_until(facts)}."


def _starting(facts: GrantDescription) -> str:
    subject, role = _who(facts)
    return f"{subject} does not have {role} yet: the operator has to look at it."


def _blocked(facts: GrantDescription) -> str:
    subject, role = _who(facts)
    if facts.grant.stored.has_been_bound:
        return f"{subject} may have {role}: something stands in the way of knowing."
    return f"{subject} does not have {role}: something stands in the way."


def _ending(facts: GrantDescription) -> str:
    subject, role = _who(facts)
    return f"{subject} may still have {role}: it is being taken away."


def _overdue(facts: GrantDescription) -> str:
    subject, role = _who(facts)
    return f"{subject} may still have {role}, although the end was {_until(facts)}."


def _refused(facts: GrantDescription) -> str:
    subject, role = _who(facts)
    return f"{subject} does not get {role}: it was refused."


def _ended(facts: GrantDescription) -> str:
    subject, role = _who(facts)
    if facts.grant.started_at is None:
        return f"{subject} never had {role} by this grant; it is over."
    return f"{subject} no longer has {role} by this grant: it ended {_until(facts)}."


_SENTENCES: Final[dict[GrantState, Callable[[GrantDescription], str]]] = {
    GrantState.ACTIVE: _in_force,
    GrantState.PENDING: _awaiting,
    GrantState.SCHEDULED: _scheduled,
    GrantState.STARTING: _starting,
    GrantState.BLOCKED: _blocked,
    GrantState.ENDING: _ending,
    GrantState.OVERDUE: _overdue,
    GrantState.REFUSED: _refused,
    GrantState.ENDED: _ended,
}
