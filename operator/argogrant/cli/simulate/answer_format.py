"""Output of ``argogrant can``: text and JSON. Pure."""

import json
from collections.abc import Iterator
from typing import Any, Final

from argogrant.argocd.simulation.enforcer import EnforceResult
from argogrant.argocd.simulation.evaluate import AccessResult, Attempt, SubjectSource
from argogrant.argocd.simulation.sourced_lines import SourcedBinding, SourcedRule
from argogrant.cli.simulate.answer import SimulationResult
from argogrant.cli.terminal.tables import sanitize, wrap

ANSWER_YES: Final = "yes"
ANSWER_NO: Final = "no"


def in_words(answer: SimulationResult, width: int = 0) -> str:
    """Format yes or no on the first line, and the reasons below it.

    Args:
        answer: The result of the simulation.
        width: Width of the terminal; 0 for no limit.
    """
    reasons = (wrap(f"  {line}", width, 4) for line in _reasons(answer))
    return "\n".join([ANSWER_YES if answer.is_allowed else ANSWER_NO, *reasons])


def as_json(answer: SimulationResult) -> str:
    """Format the answer, all evaluated names and all rules as JSON."""
    decisive = _decisive(answer.result)
    result = decisive.result if decisive is not None else None
    body: dict[str, Any] = {
        "allowed": answer.is_allowed,
        "allowedNow": answer.is_allowed_now,
        "assumed": answer.assumed or None,
        "rule": _rule_item(result.rule) if result and result.rule else None,
        "chain": [_binding_item(one) for one in result.chain] if result else [],
        "asked": [_attempt_item(one) for one in answer.result.attempts],
        "broken": str(answer.result.broken) if answer.result.broken else None,
        "notes": list(_notes(answer)),
    }
    return json.dumps(body, indent=2)


def _reasons(answer: SimulationResult) -> Iterator[str]:
    result = answer.result
    if result.broken is not None:
        yield f"Argo CD cannot parse {sanitize(str(result.broken))}."
        yield sanitize(result.broken.consequence)
        return
    notes = list(map(sanitize, _notes(answer)))
    if result.is_allowed and not answer.is_allowed:
        # The rules allow the request; the notes say why the user cannot log in.
        yield from notes
        notes.clear()
    decisive = _decisive(result)
    if decisive is not None:
        yield from _decisive_rule(decisive)
    elif not result.is_allowed:
        yield f"No rule allows it for {_names(result)}."
    if answer.assumed:
        now = ANSWER_YES if answer.is_allowed_now else ANSWER_NO
        yield f"Currently, without {sanitize(answer.assumed)}: {now}."
    yield from notes


def _decisive(result: AccessResult) -> Attempt | None:
    """Return the attempt that was allowed, or else the first that a rule denied."""
    if result.is_allowed:
        return result.attempts[-1]
    return next(
        (one for one in result.attempts if one.result.rule or one.result.unreadable),
        None,
    )


def _decisive_rule(attempt: Attempt) -> Iterator[str]:
    result = attempt.result
    if result.unreadable:
        yield (
            f"A rule of {_name(attempt)} has an invalid regular expression,"
            f" {sanitize(result.unreadable)}; Argo CD denies every request that it"
            " compares with this rule."
        )
        return
    if result.rule is not None:
        word = "Allowed" if result.is_allowed else "Denied"
        yield f"{word} by {_line(result.rule)}"
    yield f"for {_name(attempt)}{_path(result)}"


def _path(result: EnforceResult) -> str:
    return "".join(
        f" > {sanitize(one.binding.role)} ({sanitize(one.source)})"
        for one in result.chain
    )


def _name(attempt: Attempt) -> str:
    match attempt.source:
        case SubjectSource.EVERYONE:
            return "everyone"
        case SubjectSource.DEFAULT_ROLE:
            return f"everyone, by policy.default {sanitize(attempt.result.name)}"
        case _:
            return f"{sanitize(attempt.result.name)} ({attempt.source})"


def _names(result: AccessResult) -> str:
    """Return the names that the rules were evaluated for."""
    names = [_name(one) for one in result.attempts]
    return ", or for ".join(dict.fromkeys(names))


def _notes(answer: SimulationResult) -> Iterator[str]:
    yield from answer.notes
    result = answer.result
    if result.broken_project is not None:
        yield (
            f"The roles of the project have no effect: Argo CD cannot parse"
            f" {result.broken_project}."
        )
    for name in result.unbound if not result.is_allowed else ():
        yield f"No g line binds {name}, so Argo CD ignores its p lines."


def _line(sourced: SourcedRule) -> str:
    rule = sourced.rule
    fields = (rule.subject, rule.resource, rule.action, rule.object, rule.effect)
    return f"{sanitize(', '.join(['p', *fields]))} ({sanitize(sourced.source)})"


def _rule_item(sourced: SourcedRule) -> dict[str, str]:
    rule = sourced.rule
    return {
        "subject": rule.subject,
        "resource": rule.resource,
        "action": rule.action,
        "object": rule.object,
        "effect": rule.effect,
        "source": sourced.source,
    }


def _binding_item(sourced: SourcedBinding) -> dict[str, str]:
    subject, role = sourced.binding
    return {"subject": subject, "role": role, "source": sourced.source}


def _attempt_item(attempt: Attempt) -> dict[str, Any]:
    result = attempt.result
    return {
        "name": result.name,
        "as": str(attempt.source),
        "allowed": result.is_allowed,
        "rule": _rule_item(result.rule) if result.rule else None,
    }
