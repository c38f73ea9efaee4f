"""How an answer of ``argogrant can`` is written, for people and for programs. Pure."""

import json
from collections.abc import Iterator
from typing import Any, Final

from argogrant.argocd.simulation.enforcer import Answer
from argogrant.argocd.simulation.evaluate import Standing, Tried, Verdict
from argogrant.argocd.simulation.sourced_lines import CitedLink, CitedRule
from argogrant.cli.simulate.answer import Ruling
from argogrant.cli.terminal.tables import folded, shown

YES: Final = "yes"
NO: Final = "no"


def in_words(ruling: Ruling, width: int = 0) -> str:
    """Write yes or no on a line of its own, and below it why.

    Args:
        ruling: What was found.
        width: Columns of the terminal; 0 for any.
    """
    why = (folded(f"  {line}", width, 4) for line in _why(ruling))
    return "\n".join([YES if ruling.is_allowed else NO, *why])


def as_json(ruling: Ruling) -> str:
    """Write everything that is known, for programs."""
    decisive = _decisive(ruling.verdict)
    answer = decisive.answer if decisive is not None else None
    body: dict[str, Any] = {
        "allowed": ruling.is_allowed,
        "allowedNow": ruling.is_allowed_now,
        "assumed": ruling.assumed or None,
        "rule": _rule_item(answer.rule) if answer and answer.rule else None,
        "chain": [_link_item(one) for one in answer.chain] if answer else [],
        "asked": [_tried_item(one) for one in ruling.verdict.tried],
        "broken": str(ruling.verdict.broken) if ruling.verdict.broken else None,
        "notes": list(_notes(ruling)),
    }
    return json.dumps(body, indent=2)


def _why(ruling: Ruling) -> Iterator[str]:
    verdict = ruling.verdict
    if verdict.broken is not None:
        yield f"Argo CD can not read {shown(str(verdict.broken))}."
        yield shown(verdict.broken.consequence)
        return
    notes = list(map(shown, _notes(ruling)))
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
        now = YES if ruling.is_allowed_now else NO
        yield f"As things are, without {shown(ruling.assumed)}: {now}."
    yield from notes


def _decisive(verdict: Verdict) -> Tried | None:
    """Find what allows it; or else the first rule that denies it."""
    if verdict.is_allowed:
        return verdict.tried[-1]
    return next(
        (one for one in verdict.tried if one.answer.rule or one.answer.unreadable), None
    )


def _reasons(tried: Tried) -> Iterator[str]:
    answer = tried.answer
    if answer.unreadable:
        yield (
            f"A rule of {_name(tried)} has a pattern that is no regular expression,"
            f" {shown(answer.unreadable)}; Argo CD refuses whatever looks at it."
        )
        return
    if answer.rule is not None:
        word = "Allowed" if answer.is_allowed else "Denied"
        yield f"{word} by {_line(answer.rule)}"
    yield f"for {_name(tried)}{_path(answer)}"


def _path(answer: Answer) -> str:
    return "".join(
        f" > {shown(one.binding.role)} ({shown(one.source)})" for one in answer.chain
    )


def _name(tried: Tried) -> str:
    match tried.standing:
        case Standing.EVERYBODY:
            return "everybody"
        case Standing.DEFAULT_ROLE:
            return f"everybody, by policy.default {shown(tried.answer.name)}"
        case _:
            return f"{shown(tried.answer.name)} ({tried.standing})"


def _names(verdict: Verdict) -> str:
    """Name the strings that were asked about."""
    named = [_name(one) for one in verdict.tried]
    return ", or to ".join(dict.fromkeys(named))


def _notes(ruling: Ruling) -> Iterator[str]:
    yield from ruling.notes
    verdict = ruling.verdict
    if verdict.broken_project is not None:
        yield (
            f"No role of the project counts: Argo CD can not read"
            f" {verdict.broken_project}."
        )
    for name in verdict.unbound if not verdict.is_allowed else ():
        yield f"No g line binds {name}, so Argo CD does not look at its p lines."


def _line(cited: CitedRule) -> str:
    rule = cited.rule
    fields = (rule.subject, rule.resource, rule.action, rule.object, rule.effect)
    return f"{shown(', '.join(['p', *fields]))} ({shown(cited.source)})"


def _rule_item(cited: CitedRule) -> dict[str, str]:
    rule = cited.rule
    return {
        "subject": rule.subject,
        "resource": rule.resource,
        "action": rule.action,
        "object": rule.object,
        "effect": rule.effect,
        "source": cited.source,
    }


def _link_item(cited: CitedLink) -> dict[str, str]:
    subject, role = cited.binding
    return {"subject": subject, "role": role, "source": cited.source}


def _tried_item(tried: Tried) -> dict[str, Any]:
    answer = tried.answer
    return {
        "name": answer.name,
        "as": str(tried.standing),
        "allowed": answer.is_allowed,
        "rule": _rule_item(answer.rule) if answer.rule else None,
    }
