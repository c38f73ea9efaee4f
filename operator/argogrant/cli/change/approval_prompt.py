"""What an approver sees before a decision, and what the decision is called. Pure."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final

from argogrant.api.accessgrant_view import StoredStatus
from argogrant.cli.terminal.tables import NONE, sanitize
from argogrant.cli.terminal.times import short, when
from argogrant.grants.access.policy import ApprovalDecision
from argogrant.grants.model.grant import Grant
from argogrant.grants.model.reasons import GrantCondition

MAX_NAME: Final = 253
"""Source: Kubernetes, "Object Names and IDs", DNS subdomain names."""
DONE: Final[Mapping[ApprovalDecision, str]] = {
    ApprovalDecision.APPROVE: "approved",
    ApprovalDecision.DENY: "denied",
}
NAMES: Final = 10
"""Columns for the names of a summary."""
DENIES: Final = "it holds deny rules, which take other rights away"
PERSISTS: Final = (
    "its holder can make access outlast the grant (argogrant roles -o wide says how)"
)


def approval_name(grant: Grant, verdict: ApprovalDecision, username: str) -> str:
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
    said: StoredStatus,
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
    role = sanitize(grant.role.bound_as)
    if grant.break_glass:
        role += " (break glass)"
    rows = [
        ("Subject", f"{grant.subject.kind} {sanitize(grant.subject.name)}"),
        ("Role", role),
        ("Careful", _risk_line(traits)),
        ("When", _when(grant, said, now, zone)),
        ("Why", sanitize(grant.justification)),
        ("Asked by", f"{sanitize(asker)}, {when(grant.created_at, now, zone)}"),
        ("Now", _now(said)),
    ]
    return "\n".join(f"{name + ':':<{NAMES}}{text}" for name, text in rows if text)


def role_risks(status: Mapping[str, Any], grant: Grant) -> tuple[str, ...] | None:
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


def _risk_line(traits: Sequence[str] | None) -> str:
    if traits is None:
        return "what this role can do is not known (argogrant roles lists them)"
    return "; ".join(traits)


def _when(grant: Grant, said: StoredStatus, now: datetime, zone: tzinfo | None) -> str:
    begins = grant.not_before
    start = f"from {when(begins, now, zone)} " if begins and begins > now else ""
    end = said.expires_at or grant.expires_at
    if end is not None:
        return f"{start}until {when(end, now, zone)}"
    return f"{start}for {short(grant.duration or timedelta(0))} from its start"


def _now(said: StoredStatus) -> str:
    ready = said.conditions.get(GrantCondition.READY)
    return "" if ready is None else sanitize(ready.message or ready.reason)
