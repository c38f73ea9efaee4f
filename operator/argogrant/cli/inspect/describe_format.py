"""How the story of a grant is written: for a terminal, and for programs. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import click

from argogrant.cli.inspect.describe import (
    GrantDescription,
    approvals,
    bindings,
    checks,
    next_step,
    summary_line,
)
from argogrant.cli.terminal.checklist import (
    NAME,
    CheckResult,
    Symbols,
    checklist,
    wrapped,
)
from argogrant.cli.terminal.tables import sanitize
from argogrant.grants.model.window import format_instant


def show(facts: GrantDescription, *, width: int, marks: Symbols) -> Iterator[str]:
    """Write the story, a section after another.

    Args:
        facts: What was read.
        width: Columns of the terminal.
        marks: The signs for what is so and what is not.
    """
    grant = facts.grant
    title = f"AccessGrant {sanitize(grant.namespace)}/{sanitize(grant.name)}"
    first, *rest = wrapped(f"{title}: {facts.state}", width, breaks=True)
    yield click.style(first, bold=True)
    yield from rest
    yield from wrapped(summary_line(facts), width, breaks=True)
    yield ""
    for label, text in _details(facts):
        yield from _detail(label, text, width)
    yield from _section("Checks", checks(facts), width, marks)
    yield from _section("Approvals", approvals(facts), width, marks)
    yield from _section("Argo CD", bindings(facts), width, marks)
    remedy, command = next_step(facts)
    yield ""
    yield from wrapped(remedy, width, breaks=True)
    if command:
        yield f"$ {command}"


def to_json(facts: GrantDescription) -> dict[str, Any]:
    """Write the story for programs; what is not known is null, times are in UTC."""
    grant = facts.grant
    remedy, command = next_step(facts)
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
        "createdAt": _stamp(grant.created_at),
        "notBefore": _stamp(grant.not_before),
        "startedAt": _stamp(grant.started_at),
        "expiresAt": _stamp(grant.expires_at),
        "endedAt": _stamp(grant.ended_at),
        "policy": grant.stored.policy,
        "checks": _told(checks(facts)),
        "approvals": _told(approvals(facts)),
        "argocd": [
            {
                "place": one.place,
                "line": one.line,
                "present": one.is_present,
                "ours": one.is_managed,
                "until": _stamp(one.until),
                "problem": one.problem or None,
            }
            for one in facts.binding
        ],
        "next": {"text": remedy, "command": command or None},
    }


def _stamp(moment: datetime | None) -> str | None:
    return format_instant(moment) if moment else None


def _told(results: Sequence[CheckResult]) -> list[dict[str, str]]:
    return [
        {"name": str(one.check), "outcome": str(one.outcome), "text": one.text}
        for one in results
    ]


def _details(facts: GrantDescription) -> Iterator[tuple[str, str]]:
    """Give what was asked for and what was promised, as far as it is known."""
    grant = facts.grant
    asked = f", {facts.when(grant.created_at)}" if grant.created_at else ""
    emergency = "yes: nobody had to approve it" if grant.is_break_glass else ""
    known = (
        ("Asked by", f"{grant.requester or 'somebody unnamed'}{asked}"),
        ("Because", grant.justification),
        ("Emergency", emergency),
        *_window(facts),
        ("Policy", grant.stored.policy),
        ("Continues", grant.extends),
        ("Continued by", grant.extended_by),
        ("Argo CD", grant.url),
        ("Details", grant.details),
    )
    yield from ((label, sanitize(text)) for label, text in known if text)


def _window(facts: GrantDescription) -> Iterator[tuple[str, str]]:
    grant = facts.grant
    start = grant.started_at or grant.not_before
    if start:
        yield "From", facts.when(start)
    if grant.ended_at:
        yield "Ended", facts.when(grant.ended_at)
    elif grant.expires_at:
        yield "Until", facts.when(grant.expires_at)
    elif grant.duration:
        yield "For", f"{grant.duration}, from when it is approved"


def _detail(label: str, text: str, width: int) -> Iterator[str]:
    lines = wrapped(text, width - NAME - 3, breaks=True)
    for number, line in enumerate(lines):
        yield f"  {label if number == 0 else '':<{NAME}} {line}"


def _section(
    title: str, results: Sequence[CheckResult], width: int, marks: Symbols
) -> Iterator[str]:
    if results:
        yield f"\n{click.style(title, bold=True)}"
    for one in results:
        yield from checklist(one, width, marks, breaks=True)
