"""Description of one grant: why it gives access, or why it does not. Pure.

``argogrant show`` prints the parts in this order::

    summary_line   one sentence: who has which role until when
    details        what was requested, and by whom
    checks         the conditions of the AccessGrant
    approvals      every AccessApproval, and whether it counts
    bindings       what Argo CD has, compared with the state of the grant
    next_step      a command
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final

import click

from argogrant.api.accessgrant_view import AccessApprovalView, AccessGrantView
from argogrant.cli.terminal.checklist import (
    NAME,
    CheckOutcome,
    CheckResult,
    Symbols,
    checklist,
    unknown,
    wrapped,
)
from argogrant.cli.terminal.grant_state import GrantState, grant_state, is_over
from argogrant.cli.terminal.tables import sanitize
from argogrant.cli.terminal.times import when
from argogrant.grants.access.policy import ApprovalDecision
from argogrant.grants.access.subject_rules import subject_caution
from argogrant.grants.model.reasons import GrantCondition, Reason
from argogrant.grants.model.stored_condition import StoredCondition
from argogrant.grants.model.validation import with_full_stop
from argogrant.grants.model.window import format_instant

_TRANSIENT: Final = frozenset(
    {Reason.AWAITING_APPROVAL, Reason.SCHEDULED, Reason.BINDING}
)
_REQUEST: Final = "argogrant request"
_DOCTOR: Final = "argogrant doctor -n {namespace}"
_DIAGNOSE: Final = "Ready has the remedy. To check the installation:"
_AGAIN: Final = "This grant has ended permanently. To request access again:"
_STATES: Final = {
    GrantState.ACTIVE: (
        "{subject} has {role} until {end}.",
        "For more time:",
        "argogrant extend {name} -n {namespace}",
    ),
    GrantState.PENDING: (
        "{subject} does not have {role} yet: the grant awaits approval.",
        "To approve it, an approver runs:",
        "argogrant approve {name} -n {namespace}",
    ),
    GrantState.SCHEDULED: (
        "{subject} will have {role}{since} until {end}.",
        "No action is required.",
        "",
    ),
    GrantState.STARTING: (
        "{subject} does not have {role} yet: the operator has not processed the grant.",
        "This takes about a second. If it takes longer:",
        _DOCTOR,
    ),
    GrantState.OVERDUE: (
        "{subject} may still have {role}, although the grant expired at {end}.",
        _DIAGNOSE,
        _DOCTOR,
    ),
    GrantState.ENDING: (
        "{subject} may still have {role}: the operator is revoking the grant.",
        _DIAGNOSE,
        _DOCTOR,
    ),
    GrantState.BLOCKED: (
        "{subject} does not have {role}: see the Ready condition.",
        _DIAGNOSE,
        _DOCTOR,
    ),
    GrantState.REFUSED: (
        "{subject} does not get {role}: the request was refused.",
        _AGAIN,
        _REQUEST,
    ),
    GrantState.ENDED: (
        "{subject} no longer has {role} by this grant: it ended {end}.",
        _AGAIN,
        _REQUEST,
    ),
}
"""Summary of each state, and the next step: a sentence and a command."""
_WITHOUT_EFFECT: Final = "{subject} is bound to {role}, without effect: see Effective."
_MAY_HAVE: Final = "Unknown whether {subject} has {role}; see the Ready condition."
_NEVER_HAD: Final = "{subject} never had {role} by this grant, which has ended."
_HAD: Final = "{subject} had {role}{period}"
_AFTERWARDS: Final = {
    GrantState.ENDED: " by this grant, which has ended.",
    GrantState.REFUSED: "; the grant is no longer allowed: see Ready.",
    GrantState.PENDING: "; the grant awaits approval again.",
    GrantState.BLOCKED: "; see Ready.",
}
"""State of a grant that gave access and does not any more."""
_DENIED_LATER: Final = "; then {refusers} denied the grant."
_MISSING: Final = {
    GrantCondition.APPROVED: "Not reported yet.",
    GrantCondition.READY: "Not reported yet.",
    GrantCondition.EFFECTIVE: "Unknown whether Argo CD can match the subject.",
    GrantCondition.ENDED: "Not ended.",
}
USUAL_DELAY: Final = timedelta(seconds=5)
"""Time in which a running operator reports about a new object; times in objects have
whole seconds, and clocks differ a little."""
_MAY_BE_BOUND: Final = frozenset({GrantState.STARTING, GrantState.BLOCKED})


@dataclass(frozen=True, slots=True)
class BindingLookup:
    """One location of a binding, and whether the binding is there."""

    location: str
    """ConfigMap or AppProject, such as ``argocd-rbac-cm`` or ``AppProject team-a``."""
    line: str
    """The binding as a line of Argo CD's policy."""
    is_present: bool | None = None
    """None if the location could not be read."""
    is_managed: bool = True
    """False for a line that argogrant did not write."""
    has_returned: bool = False
    """argogrant removed it at the end of a grant, and another program added it again.
    """
    until: datetime | None = None
    """End of the grant, as written next to the binding."""
    problem: str = ""
    """Why the location could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantDescription:
    """Everything that was read about a grant, and when."""

    grant: AccessGrantView
    is_stale: bool = False
    """True if the status is older than the latest change of the spec."""
    approvals: Sequence[AccessApprovalView] = ()
    approvals_problem: str = ""
    """Why the approvals could not be listed; empty if they were."""
    binding: Sequence[BindingLookup] = ()
    now: datetime
    zone: tzinfo | None = None

    def when(self, instant: datetime) -> str:
        """Format an instant, absolute and relative."""
        return when(instant, self.now, self.zone)

    @property
    def state(self) -> GrantState:
        """State of the grant."""
        return grant_state(self.grant, self.now)


def to_text(facts: GrantDescription, *, width: int, marks: Symbols) -> Iterator[str]:
    """Format a description as lines for a terminal."""
    grant = facts.grant
    title = f"AccessGrant {sanitize(grant.namespace)}/{sanitize(grant.name)}"
    first, *rest = wrapped(f"{title}: {facts.state}", width, breaks=True)
    yield click.style(first, bold=True)
    yield from rest
    yield from wrapped(summary_line(facts), width, breaks=True)
    yield ""
    for label, text in _details(facts):
        for number, line in enumerate(wrapped(text, width - NAME - 3, breaks=True)):
            yield f"  {'' if number else label:<{NAME}} {line}"
    for heading, results in (
        ("Checks", checks(facts)),
        ("Approvals", approvals(facts)),
        ("Argo CD", bindings(facts)),
    ):
        if results:
            yield f"\n{click.style(heading, bold=True)}"
        for one in results:
            yield from checklist(one, width, marks, breaks=True)
    text, command = next_step(facts)
    yield ""
    yield from wrapped(text, width, breaks=True)
    if command:
        yield f"$ {command}"


def to_json(facts: GrantDescription) -> dict[str, Any]:
    """Format a description for programs: null for unknown values, times in UTC."""
    grant = facts.grant
    text, command = next_step(facts)
    return {
        "namespace": grant.namespace,
        "name": grant.name,
        "uid": grant.uid,
        "state": str(facts.state),
        "summary": summary_line(facts),
        "subject": {"kind": grant.subject_kind, "name": grant.subject},
        "role": grant.role,
        "instance": grant.instance,
        "requester": grant.requester or None,
        "justification": grant.justification or None,
        "createdAt": _timestamp(grant.created_at),
        "notBefore": _timestamp(grant.not_before),
        "startedAt": _timestamp(grant.started_at),
        "expiresAt": _timestamp(grant.expires_at),
        "endedAt": _timestamp(grant.ended_at),
        "lastBoundAt": _timestamp(grant.last_bound_at),
        "policy": grant.policy,
        "subjectRules": [
            {"where": one.where, "rule": one.line} for one in grant.subject_rules.first
        ],
        "checks": _results_to_json(checks(facts)),
        "approvals": _results_to_json(approvals(facts)),
        "argocd": [
            {
                "place": one.location,
                "line": one.line,
                "present": one.is_present,
                "ours": one.is_managed,
                "until": _timestamp(one.until),
                "problem": one.problem or None,
            }
            for one in facts.binding
        ],
        "next": {"text": text, "command": command or None},
    }


def _timestamp(instant: datetime | None) -> str | None:
    return format_instant(instant) if instant else None


def _results_to_json(results: Sequence[CheckResult]) -> list[dict[str, str]]:
    return [
        {"name": str(one.check), "outcome": str(one.outcome), "text": one.text}
        for one in results
    ]


def summary_line(facts: GrantDescription) -> str:
    """Return one sentence: who has which role until when, or why they do not."""
    grant, state = facts.grant, facts.state
    effective = grant.conditions.get(GrantCondition.EFFECTIVE)
    text = _STATES[state][0]
    if state is GrantState.ACTIVE and effective and effective.status is False:
        text = _WITHOUT_EFFECT
    elif state in _AFTERWARDS and grant.last_bound_at is not None:
        text = f"{_HAD}{_afterwards(grant, state)}"
    elif state is GrantState.BLOCKED and grant.has_been_bound:
        text = _MAY_HAVE
    elif state is GrantState.ENDED and not grant.has_been_bound:
        text = _NEVER_HAD
    end = grant.ended_at or grant.expires_at
    return text.format(
        subject=sanitize(grant.subject),
        role=f"{sanitize(grant.role)} on {sanitize(grant.instance)}",
        since=f" from {facts.when(grant.not_before)}" if grant.not_before else "",
        end=facts.when(end) if end else "an unknown end",
        period=_period(facts),
        refusers=_deciders(grant, ApprovalDecision.DENY) or "an approver",
    )


def _afterwards(grant: AccessGrantView, state: GrantState) -> str:
    ended = grant.conditions.get(GrantCondition.ENDED)
    if state is GrantState.ENDED and ended and ended.reason == Reason.DENIED:
        return _DENIED_LATER
    return _AFTERWARDS[state]


def _period(facts: GrantDescription) -> str:
    """Return from when until when a grant was bound; empty if it never was."""
    start, end = facts.grant.started_at, facts.grant.last_bound_at
    if start is None or end is None:
        return ""
    return f" from {facts.when(start)} until {facts.when(end)}"


def _deciders(grant: AccessGrantView, decision: ApprovalDecision) -> str:
    """Return who made a decision that counted, by the status of the grant."""
    names = (one.approver for one in grant.approvals if one.decision == decision)
    return ", ".join(map(sanitize, dict.fromkeys(names)))


def _details(facts: GrantDescription) -> Iterator[tuple[str, str]]:
    """Yield the label and the text of every known detail."""
    grant = facts.grant
    created = f", {facts.when(grant.created_at)}" if grant.created_at else ""
    break_glass = "yes: no approval was required" if grant.is_break_glass else ""
    start, end = grant.started_at or grant.not_before, ("Duration", "")
    if grant.ended_at:
        end = "Ended", facts.when(grant.ended_at)
    elif grant.expires_at:
        end = "Until", facts.when(grant.expires_at)
    elif grant.duration:
        end = "Duration", f"{grant.duration}, from the approval"
    details = (
        ("Requester", f"{grant.requester or 'unknown'}{created}"),
        ("Reason", grant.justification),
        ("Break glass", break_glass),
        ("From", facts.when(start) if start else ""),
        end,
        ("Bound until", _bound_until(facts)),
        ("Approved by", _decisions(facts, ApprovalDecision.APPROVE)),
        ("Denied by", _decisions(facts, ApprovalDecision.DENY)),
        ("Policy", grant.policy),
        ("Extends", grant.extends),
        ("Extended by", grant.extended_by),
        ("Argo CD", grant.url),
        ("Details", grant.details),
    )
    yield from ((label, sanitize(text)) for label, text in details if text)


def _bound_until(facts: GrantDescription) -> str:
    """Return until when Argo CD had the binding, if that is not the end."""
    last, ended = facts.grant.last_bound_at, facts.grant.ended_at
    return facts.when(last) if last is not None and last != ended else ""


def _decisions(facts: GrantDescription, decision: ApprovalDecision) -> str:
    """Return who made a decision that counted and when, by the status of the grant."""
    return ", ".join(
        f"{one.approver} at {one.at}"
        for one in facts.grant.approvals
        if one.decision == decision
    )


def checks(facts: GrantDescription) -> tuple[CheckResult, ...]:
    """Return the conditions of the grant in order, also those that are missing."""
    conditions = facts.grant.conditions
    results = [_condition(kind, conditions.get(kind)) for kind in GrantCondition]
    ready, rules = conditions.get(GrantCondition.READY), facts.grant.subject_rules
    if rules.total and (ready is None or ready.reason != Reason.SUBJECT_HAS_RULES):
        text = sanitize(subject_caution(rules))
        results.append(CheckResult("Subject", CheckOutcome.NOTED, text))
    if GrantCondition.READY not in conditions and _is_late(facts):
        results.append(unknown("Operator", "Is the operator running?"))
    if facts.is_stale:
        text = "The operator has not processed the latest change of the grant."
        results.append(unknown("Operator", text))
    return tuple(results)


def _is_late(facts: GrantDescription) -> bool:
    """Return whether a running operator would have reported about the grant."""
    created = facts.grant.created_at
    return created is None or facts.now - created > USUAL_DELAY


def _condition(kind: GrantCondition, condition: StoredCondition | None) -> CheckResult:
    if condition is None:
        return CheckResult(kind, CheckOutcome.NOTED, _MISSING[kind])
    reason = sanitize(condition.reason)
    text = f"{reason}: {sanitize(condition.message)}" if condition.message else reason
    if kind is GrantCondition.ENDED or condition.reason in _TRANSIENT:
        outcome = CheckOutcome.NOTED
    elif condition.status is None:
        outcome = CheckOutcome.UNKNOWN
    else:
        outcome = CheckOutcome.FINE if condition.status else CheckOutcome.WRONG
    return CheckResult(kind, outcome, text)


def approvals(facts: GrantDescription) -> tuple[CheckResult, ...]:
    """Return the decision of each approver, whether it counts, and why."""
    results = [_approval(one, facts) for one in facts.approvals]
    if facts.approvals_problem:
        text = f"AccessApprovals: {sanitize(facts.approvals_problem)}."
        results.append(unknown("Others", text))
    # The status of a grant also lists approvals that were deleted since they counted.
    present = {(one.name, _timestamp(one.created_at)) for one in facts.approvals}
    results += [
        CheckResult(
            sanitize(one.approver),
            CheckOutcome.NOTED,
            f"{sanitize(one.decision)} at {sanitize(one.at)}, according to the status"
            " of the grant.",
        )
        for one in facts.grant.approvals
        if (one.name, one.at) not in present
    ]
    return tuple(results)


def _approval(one: AccessApprovalView, facts: GrantDescription) -> CheckResult:
    at = f", {facts.when(one.created_at)}" if one.created_at else ""
    comment = f': "{sanitize(one.comment)}"' if one.comment else ""
    decision = with_full_stop(f"{sanitize(one.decision)}{at}{comment}")
    recorded = {(found.name, found.at) for found in facts.grant.approvals}
    created = _timestamp(one.created_at)
    outcome, counts = _counts(one, was_counted=(one.name, created) in recorded)
    return CheckResult(sanitize(one.approver), outcome, f"{decision} {counts}")


def _counts(one: AccessApprovalView, *, was_counted: bool) -> tuple[CheckOutcome, str]:
    if one.counted is None and not was_counted:
        return CheckOutcome.UNKNOWN, "The operator has not processed it yet."
    if one.counted is not None and not one.counted.status and not was_counted:
        why = sanitize(one.counted.message or one.counted.reason)
        return CheckOutcome.NOTED, f"Not counted: {why}"
    is_denial = one.decision == ApprovalDecision.DENY
    return CheckOutcome.WRONG if is_denial else CheckOutcome.FINE, "Counted."


def bindings(facts: GrantDescription) -> tuple[CheckResult, ...]:
    """Return every location of the binding, compared with the state of the grant."""
    return tuple(_binding(one, facts) for one in facts.binding)


def _binding(found: BindingLookup, facts: GrantDescription) -> CheckResult:
    location, line = sanitize(found.location), sanitize(found.line)
    if found.is_present is None:
        outcome = CheckOutcome.UNKNOWN
        text = f"{location}: unknown, {sanitize(found.problem)}."
    elif not found.is_managed:
        outcome = CheckOutcome.WRONG if found.has_returned else CheckOutcome.NOTED
        text = f"{location} contains {line}, which argogrant does not manage."
        if found.has_returned:
            text = (
                f"{location} contains {line} again: argogrant removed it when its grant"
                " ended, and another program added it. See argogrant review."
            )
    else:
        outcome, remark = _compare(facts, is_present=found.is_present)
        verb = "contains" if found.is_present else "does not contain"
        until = f", until {facts.when(found.until)}" if found.until else ""
        text = f"{location} {verb} {line}{until}{remark}"
    return CheckResult("Binding", outcome, text)


def _compare(facts: GrantDescription, *, is_present: bool) -> tuple[CheckOutcome, str]:
    """Return whether the binding should be there, and a remark if it should not.

    Two grants may require the same binding: when one ends, the binding remains.
    """
    state = facts.state
    if state is GrantState.ACTIVE and is_present:
        return CheckOutcome.FINE, ""
    if state is GrantState.ACTIVE:
        remark = "; the binding was removed, or the grant is for another Argo CD."
    elif not is_present or state in _MAY_BE_BOUND:
        return CheckOutcome.NOTED, ""
    elif state in (GrantState.OVERDUE, GrantState.ENDING):
        remark = "; the operator should have removed it."
    else:
        remark = "; another grant may require it (argogrant list)."
    return CheckOutcome.WRONG, remark


def next_step(facts: GrantDescription) -> tuple[str, str]:
    """Return a sentence about what to do next, and a command, which may be empty."""
    state = facts.state
    if state is GrantState.REFUSED and not is_over(facts.grant):
        return "Ready has the reason. To request something else:", _REQUEST
    _, text, command = _STATES[state]
    return text, command.format(name=facts.grant.name, namespace=facts.grant.namespace)
