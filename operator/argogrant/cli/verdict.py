"""What an approver sees before a decision, and what the decision is called. Pure."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final

from argogrant.api.announced import Announced
from argogrant.cli.tables import NONE, shown
from argogrant.cli.times import short, when
from argogrant.grants.approval import Verdict
from argogrant.grants.grant import Grant
from argogrant.grants.reasons import GrantCondition

MAX_NAME: Final = 253
"""Source: Kubernetes, "Object Names and IDs", DNS subdomain names."""
DONE: Final[Mapping[Verdict, str]] = {
    Verdict.APPROVE: "approved",
    Verdict.DENY: "denied",
}
DENIES: Final = "it holds deny rules, which take other rights away"
PERSISTS: Final = (
    "its holder can make access outlast the grant (argogrant roles -o wide says how)"
)


def vote_name(grant: Grant, verdict: Verdict, username: str) -> str:
    """Name an approval so that the same person's same decision has the same name.

    Args:
        grant: What it is about; one that is created anew has another uid.
        verdict: The decision.
        username: Who decides, for Kubernetes.
    """
    text = f"{grant.uid}\n{verdict}\n{username}"
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    person = re.sub(r"[^a-z0-9]+", "-", username.partition("@")[0].lower())
    tail = f"-{person[-30:].strip('-')}-{digest}".replace("--", "-")
    return f"{grant.name[: MAX_NAME - len(tail)].rstrip('.-')}{tail}"


def summary(
    grant: Grant,
    said: Announced,
    traits: Sequence[str] | None,
    now: datetime,
    zone: tzinfo | None = None,
) -> str:
    """Show what is decided about: who gets which role, until when, and why.

    Args:
        grant: What was asked for.
        said: What its status says.
        traits: What to be careful with about the role; None if that is not known.
        now: The time.
        zone: The one to write times in; the machine's if none is given.
    """
    asker = grant.requester.username if grant.requester else NONE
    role = shown(grant.role.bound_as)
    if grant.break_glass:
        role += " (break glass)"
    rows = [
        ("Subject", f"{grant.subject.kind} {shown(grant.subject.name)}"),
        ("Role", role),
        ("Careful", _careful(traits)),
        ("When", _when(grant, said, now, zone)),
        ("Why", shown(grant.justification)),
        ("Asked by", f"{shown(asker)}, {when(grant.created_at, now, zone)}"),
        ("Now", _now(said)),
    ]
    return "\n".join(f"{name + ':':<10}{text}" for name, text in rows if text)


def traits_of(status: Mapping[str, Any], grant: Grant) -> tuple[str, ...] | None:
    """Read what to be careful with about a role from the status of an ArgoCDInstance.

    Returns:
        None if the role is not listed there.
    """
    wanted = (grant.role.name, grant.role.project)
    for role in status.get("roles") or ():
        if (role.get("name"), role.get("project")) == wanted:
            traits = ((role.get("hasDeny"), DENIES), (role.get("canPersist"), PERSISTS))
            return tuple(text for is_so, text in traits if is_so)
    return None


def _careful(traits: Sequence[str] | None) -> str:
    if traits is None:
        return "what this role can do is not known (argogrant roles lists them)"
    return "; ".join(traits)


def _when(grant: Grant, said: Announced, now: datetime, zone: tzinfo | None) -> str:
    begins = grant.not_before
    start = f"from {when(begins, now, zone)} " if begins and begins > now else ""
    end = said.expires_at or grant.expires_at
    if end is not None:
        return f"{start}until {when(end, now, zone)}"
    return f"{start}for {short(grant.duration or timedelta(0))} from its start"


def _now(said: Announced) -> str:
    ready = said.conditions.get(GrantCondition.READY)
    return "" if ready is None else shown(ready.message or ready.reason)
"""How an answer of ``argogrant can`` is written, for people and for programs. Pure."""

import json
from collections.abc import Iterator
from typing import Any, Final

from argogrant.cli.ruling import Ruling
from argogrant.cli.tables import shown
from argogrant.rbac.citations import CitedLink, CitedRule
from argogrant.rbac.enforcement import Answer
from argogrant.rbac.judgement import Standing, Tried, Verdict

YES: Final = "yes"
NO: Final = "no"


def in_words(ruling: Ruling) -> str:
    """Write yes or no on a line of its own, and below it why."""
    return "\n".join([YES if ruling.is_allowed else NO, *map(_indented, _why(ruling))])


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
    decisive = _decisive(verdict)
    if decisive is not None:
        yield from _reasons(decisive)
    elif not verdict.is_allowed:
        yield f"No rule allows it to {_names(verdict)}."
    if ruling.assumed:
        now = YES if ruling.is_allowed_now else NO
        yield f"As things are, without {shown(ruling.assumed)}: {now}."
    yield from map(shown, _notes(ruling))


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


def _indented(text: str) -> str:
    return f"  {text}"


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
