"""Why a grant gives access, or why it does not: one sentence after another. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final

from argogrant.api.accessgrant_view import ToldApproval, ToldGrant
from argogrant.cli.inspect.binding_lookup import Held
from argogrant.cli.terminal.checklist import Outcome, Result
from argogrant.cli.terminal.grant_state import Standing, is_over, standing
from argogrant.cli.terminal.tables import shown
from argogrant.cli.terminal.times import when
from argogrant.grants.access.policy import Verdict
from argogrant.grants.model.reasons import GrantCondition, Reason
from argogrant.grants.model.stored_condition import Said
from argogrant.grants.model.validation import sentence

_WAITS: Final = frozenset({Reason.AWAITING_APPROVAL, Reason.SCHEDULED, Reason.BINDING})
_ASK: Final = "argogrant request"
_DOCTOR: Final = "argogrant doctor -n {namespace}"
_EXAMINE: Final = ("Ready says what to do; what may be wrong:", _DOCTOR)
_ANEW: Final = ("It never gives access again; to ask anew:", _ASK)
_STEPS: Final = {
    Standing.IN_FORCE: ("For more time:", "argogrant extend {name} -n {namespace}"),
    Standing.AWAITING: (
        "Who may approve it:",
        "argogrant approve {name} -n {namespace}",
    ),
    Standing.SCHEDULED: ("Nothing has to be done.", ""),
    Standing.BEGINNING: ("It takes a second; if it stays:", _DOCTOR),
    Standing.OVERDUE: _EXAMINE,
    Standing.ENDING: _EXAMINE,
    Standing.BLOCKED: _EXAMINE,
    Standing.REFUSED: _ANEW,
    Standing.ENDED: _ANEW,
}
_MAY_BE_THERE: Final = frozenset({Standing.BEGINNING, Standing.BLOCKED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was read of a grant, and when."""

    grant: ToldGrant
    is_stale: bool = False
    """The operator has not looked at the latest change of the grant."""
    approvals: Sequence[ToldApproval] = ()
    approvals_problem: str = ""
    """Why they could not be read; empty if they could."""
    held: Sequence[Held] = ()
    now: datetime
    zone: tzinfo | None = None

    def when(self, moment: datetime) -> str:
        """Write a moment, absolute and relative."""
        return when(moment, self.now, self.zone)

    @property
    def standing(self) -> Standing:
        """How the grant stands."""
        return standing(self.grant, self.now)


def headline(facts: Facts) -> str:
    """Say in a sentence who has what until when, or that nobody does."""
    return _SENTENCES[facts.standing](facts)


def checks(facts: Facts) -> tuple[Result, ...]:
    """Give the conditions in their order, and what was never said."""
    said = facts.grant.recorded.conditions
    found = [_condition(kind, said.get(kind)) for kind in GrantCondition]
    if facts.is_stale:
        text = "The operator has not looked at the latest change of the grant yet."
        found.append(Result(check="Operator", outcome=Outcome.UNKNOWN, text=text))
    return tuple(found)


def approvals(facts: Facts) -> tuple[Result, ...]:
    """Give what each approver said, whether it counts and why."""
    found = [_approval(one, facts) for one in facts.approvals]
    if facts.approvals_problem:
        text = f"AccessApprovals: {shown(facts.approvals_problem)}."
        found.append(Result(check="Others", outcome=Outcome.UNKNOWN, text=text))
    present = {one.name for one in facts.approvals}
    found += [
        Result(
            check=shown(one.approver),
            outcome=Outcome.NOTED,
            text=f"{shown(one.verdict)} at {shown(one.at)}, as the grant has recorded.",
        )
        for one in facts.grant.recorded.approvals
        if one.name not in present
    ]
    return tuple(found)


def bindings(facts: Facts) -> tuple[Result, ...]:
    """Say whether Argo CD has the binding, and whether that is as it should be."""
    return tuple(_held(one, facts) for one in facts.held)


def next_step(facts: Facts) -> tuple[str, str]:
    """Say what to do now: a sentence, and a command; both may be empty."""
    stands = facts.standing
    if stands is Standing.REFUSED and not is_over(facts.grant):
        return "Ready says what was missing; to ask for something else:", _ASK
    remedy, command = _STEPS[stands]
    return remedy, command.format(
        name=facts.grant.name, namespace=facts.grant.namespace
    )


def _condition(kind: GrantCondition, said: Said | None) -> Result:
    if said is None:
        return Result(check=kind, outcome=Outcome.NOTED, text=_UNSAID[kind])
    reason = shown(said.reason)
    text = f"{reason}: {shown(said.message)}" if said.message else reason
    return Result(check=kind, outcome=_outcome(kind, said), text=text)


def _outcome(kind: GrantCondition, said: Said) -> Outcome:
    if kind is GrantCondition.ENDED or said.reason in _WAITS:
        return Outcome.NOTED
    if said.status is None:
        return Outcome.UNKNOWN
    return Outcome.FINE if said.status else Outcome.WRONG


_UNSAID: Final = {
    GrantCondition.APPROVED: "Nothing is said of it yet.",
    GrantCondition.READY: "Nothing is said of it yet; does the operator run?",
    GrantCondition.EFFECTIVE: "Nothing is certain about whom Argo CD can match.",
    GrantCondition.ENDED: "Not yet.",
}


def _approval(one: ToldApproval, facts: Facts) -> Result:
    at = f", {facts.when(one.created_at)}" if one.created_at else ""
    comment = f': "{shown(one.comment)}"' if one.comment else ""
    text = f"{sentence(f'{shown(one.decision)}{at}{comment}')} {_counts(one)}"
    return Result(check=shown(one.approver), outcome=_verdict(one), text=text)


def _counts(one: ToldApproval) -> str:
    if one.counted is None:
        return "Nobody has said yet whether it counts."
    if one.counted.status:
        return "It counts."
    why = shown(one.counted.message or one.counted.reason)
    return f"It does not count: {why}"


def _verdict(one: ToldApproval) -> Outcome:
    if one.counted is None:
        return Outcome.UNKNOWN
    if not one.counted.status:
        return Outcome.NOTED
    return Outcome.WRONG if one.decision == Verdict.DENY else Outcome.FINE


def _held(held: Held, facts: Facts) -> Result:
    place, line = shown(held.place), shown(held.line)
    if held.is_there is None:
        text = f"{place}: {shown(held.problem)}, so nobody can say here."
        return Result(check="Binding", outcome=Outcome.UNKNOWN, text=text)
    if not held.is_ours:
        text = f"{place} has the same by somebody else's hand, and keeps it: {line}"
        return Result(check="Binding", outcome=Outcome.NOTED, text=text)
    end = f", until {facts.when(held.until)}" if held.until else ""
    text = f"{place} has: {line}{end}" if held.is_there else f"{place} has no {line}"
    outcome, remark = _judged(facts, is_there=held.is_there)
    return Result(check="Binding", outcome=outcome, text=f"{text}{remark}")


def _judged(facts: Facts, *, is_there: bool) -> tuple[Outcome, str]:
    """Say whether the binding should be there; another grant may want it as well."""
    stands = facts.standing
    if stands is Standing.IN_FORCE:
        return (
            (Outcome.FINE, "")
            if is_there
            else (Outcome.WRONG, "; it was taken away, or is of another Argo CD.")
        )
    if not is_there or stands in _MAY_BE_THERE:
        return Outcome.NOTED, ""
    if stands in (Standing.OVERDUE, Standing.ENDING):
        return Outcome.WRONG, "; it should be gone."
    return Outcome.WRONG, "; another grant may give it (argogrant list)."


def _who(facts: Facts) -> tuple[str, str]:
    grant = facts.grant
    on = f"{shown(grant.role)} on {shown(grant.instance)}"
    return shown(grant.subject), on


def _until(facts: Facts) -> str:
    end = facts.grant.ended_at or facts.grant.expires_at
    return facts.when(end) if end else "an end that nobody knows yet"


def _in_force(facts: Facts) -> str:
    subject, role = _who(facts)
    effective = facts.grant.recorded.conditions.get(GrantCondition.EFFECTIVE)
    if effective is not None and effective.status is False:
        return f"{subject} is bound to {role}, which changes nothing: see Effective."
    return f"{subject} has {role} until {_until(facts)}."


def _awaiting(facts: Facts) -> str:
    subject, role = _who(facts)
    return f"{subject} does not have {role} yet: somebody has to approve it."


def _scheduled(facts: Facts) -> str:
    subject, role = _who(facts)
    start = facts.grant.not_before
    since = f" from {facts.when(start)}" if start else ""
    return f"{subject} will have {role}{since} until {_until(facts)}."


def _beginning(facts: Facts) -> str:
    subject, role = _who(facts)
    return f"{subject} does not have {role} yet: the operator has to look at it."


def _blocked(facts: Facts) -> str:
    subject, role = _who(facts)
    if facts.grant.recorded.has_been_bound:
        return f"{subject} may have {role}: something stands in the way of knowing."
    return f"{subject} does not have {role}: something stands in the way."


def _ending(facts: Facts) -> str:
    subject, role = _who(facts)
    return f"{subject} may still have {role}: it is being taken away."


def _overdue(facts: Facts) -> str:
    subject, role = _who(facts)
    return f"{subject} may still have {role}, although the end was {_until(facts)}."


def _refused(facts: Facts) -> str:
    subject, role = _who(facts)
    return f"{subject} does not get {role}: it was refused."


def _ended(facts: Facts) -> str:
    subject, role = _who(facts)
    if facts.grant.started_at is None:
        return f"{subject} never had {role} by this grant; it is over."
    return f"{subject} no longer has {role} by this grant: it ended {_until(facts)}."


_SENTENCES: Final[dict[Standing, Callable[[Facts], str]]] = {
    Standing.IN_FORCE: _in_force,
    Standing.AWAITING: _awaiting,
    Standing.SCHEDULED: _scheduled,
    Standing.BEGINNING: _beginning,
    Standing.BLOCKED: _blocked,
    Standing.ENDING: _ending,
    Standing.OVERDUE: _overdue,
    Standing.REFUSED: _refused,
    Standing.ENDED: _ended,
}
