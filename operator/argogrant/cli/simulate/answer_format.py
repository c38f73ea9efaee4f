"""How an answer of ``argogrant can`` is written, for people and for programs. Pure."""

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


def in_words(ruling: SimulationResult, width: int = 0) -> str:
    """Write yes or no on a line of its own, and below it why.

    Args:
        ruling: What was found.
        width: Columns of the terminal; 0 for any.
    """
    why = (wrap(f"  {line}", width, 4) for line in _why(ruling))
    return "\n".join([ANSWER_YES if ruling.is_allowed else ANSWER_NO, *why])


def as_json(ruling: SimulationResult) -> str:
    """Write everything that is known, for programs."""
    decisive = _decisive(ruling.result)
    answer = decisive.result if decisive is not None else None
    body: dict[str, Any] = {
        "allowed": ruling.is_allowed,
        "allowedNow": ruling.is_allowed_now,
        "assumed": ruling.assumed or None,
        "rule": _rule_item(answer.rule) if answer and answer.rule else None,
        "chain": [_link_item(one) for one in answer.chain] if answer else [],
        "asked": [_tried_item(one) for one in ruling.result.attempts],
        "broken": str(ruling.result.broken) if ruling.result.broken else None,
        "notes": list(_notes(ruling)),
    }
    return json.dumps(body, indent=2)


def _why(ruling: SimulationResult) -> Iterator[str]:
    verdict = ruling.result
    if verdict.broken is not None:
        yield f"Argo CD can not read {sanitize(str(verdict.broken))}."
        yield sanitize(verdict.broken.consequence)
        return
    notes = list(map(sanitize, _notes(ruling)))
    if verdict.is_allowed and not ruling.is_allowed:
        # The rules are not what stands in the way.
        yield from notes
        notes.clear()
    decisive = _decisive(verdict)
    if decisive is not None:
        yield from _reasons(decisive)
    elif not verdict.is_allowed:
        yield f"No rule allows it to {_names(verdict)}."
    if ruling.assumed:
        now = ANSWER_YES if ruling.is_allowed_now else ANSWER_NO
        yield f"As things are, without {sanitize(ruling.assumed)}: {now}."
    yield from notes


def _decisive(verdict: AccessResult) -> Attempt | None:
    """Find what allows it; or else the first rule that denies it."""
    if verdict.is_allowed:
        return verdict.attempts[-1]
    return next(
        (one for one in verdict.attempts if one.result.rule or one.result.unreadable),
        None,
    )


def _reasons(tried: Attempt) -> Iterator[str]:
    answer = tried.result
    if answer.unreadable:
        yield (
            f"A rule of {_name(tried)} has a pattern that is no regular expression,"
            f" {sanitize(answer.unreadable)}; Argo CD refuses whatever looks at it."
        )
        return
    if answer.rule is not None:
        word = "Allowed" if answer.is_allowed else "Denied"
        yield f"{word} by {_line(answer.rule)}"
    yield f"for {_name(tried)}{_path(answer)}"


def _path(answer: EnforceResult) -> str:
    return "".join(
        f" > {sanitize(one.binding.role)} ({sanitize(one.source)})"
        for one in answer.chain
    )


def _name(tried: Attempt) -> str:
    match tried.source:
        case SubjectSource.EVERYONE:
            return "everybody"
        case SubjectSource.DEFAULT_ROLE:
            return f"everybody, by policy.default {sanitize(tried.result.name)}"
        case _:
            return f"{sanitize(tried.result.name)} ({tried.source})"


def _names(verdict: AccessResult) -> str:
    """Name the strings that were asked about."""
    named = [_name(one) for one in verdict.attempts]
    return ", or to ".join(dict.fromkeys(named))


def _notes(ruling: SimulationResult) -> Iterator[str]:
    yield from ruling.notes
    verdict = ruling.result
    if verdict.broken_project is not None:
        yield (
            f"No role of the project counts: Argo CD can not read"
            f" {verdict.broken_project}."
        )
    for name in verdict.unbound if not verdict.is_allowed else ():
        yield f"No g line binds {name}, so Argo CD does not look at its p lines."


def _line(cited: SourcedRule) -> str:
    rule = cited.rule
    fields = (rule.subject, rule.resource, rule.action, rule.object, rule.effect)
    return f"{sanitize(', '.join(['p', *fields]))} ({sanitize(cited.source)})"


def _rule_item(cited: SourcedRule) -> dict[str, str]:
    rule = cited.rule
    return {
        "subject": rule.subject,
        "resource": rule.resource,
        "action": rule.action,
        "object": rule.object,
        "effect": rule.effect,
        "source": cited.source,
    }


def _link_item(cited: SourcedBinding) -> dict[str, str]:
    subject, role = cited.binding
    return {"subject": subject, "role": role, "source": cited.source}


def _tried_item(tried: Attempt) -> dict[str, Any]:
    answer = tried.result
    return {
        "name": answer.name,
        "as": str(tried.source),
        "allowed": answer.is_allowed,
        "rule": _rule_item(answer.rule) if answer.rule else None,
    }
