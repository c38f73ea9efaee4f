"""Summary that an approver confirms, and the name of the AccessApproval. Pure."""

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
LABEL_WIDTH: Final = 10
"""Width of the labels of the summary."""
DENIES: Final = "contains deny rules, which revoke other permissions of the subject"
PERSISTS: Final = (
    "permits access that outlives the grant (for details: argogrant roles -o wide)"
)


def approval_name(grant: Grant, decision: ApprovalDecision, username: str) -> str:
    """Return the name of the approval that records a decision of a user.

    The name is deterministic: a repeated command creates no second object.

    Args:
        grant: The grant; its uid makes the name differ after it is created again.
        decision: The decision.
        username: Kubernetes user name of the approver.
    """
    text = f"{grant.uid}\n{decision}\n{username}"
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    approver = re.sub(r"[^a-z0-9]+", "-", username.partition("@")[0].lower())
    suffix = f"-{approver[-30:].strip('-')}-{digest}".replace("--", "-")
    return f"{grant.name[: MAX_NAME - len(suffix)].rstrip('.-')}{suffix}"


def summary(
    grant: Grant,
    stored: StoredStatus,
    risks: Sequence[str] | None,
    now: datetime,
    zone: tzinfo | None = None,
) -> str:
    """Format who requests which role, until when and why.

    Args:
        grant: The requested grant.
        stored: Its status.
        risks: Risks of the role; None if unknown.
        now: The current time.
        zone: Time zone of the output; None for the local one.
    """
    requester = grant.requester.username if grant.requester else NONE
    role = sanitize(grant.role.bound_as)
    if grant.break_glass:
        role += " (break glass)"
    requested_at = when(grant.created_at, now, zone)
    rows = [
        ("Subject", f"{grant.subject.kind} {sanitize(grant.subject.name)}"),
        ("Role", role),
        ("Risks", _risk_line(risks)),
        ("When", _when(grant, stored, now, zone)),
        ("Reason", sanitize(grant.justification)),
        ("Requester", f"{sanitize(requester)}, {requested_at}"),
        ("Status", _ready_message(stored)),
    ]
    return "\n".join(
        f"{name + ':':<{LABEL_WIDTH}} {text}" for name, text in rows if text
    )


def role_risks(status: Mapping[str, Any], grant: Grant) -> tuple[str, ...] | None:
    """Return the risks of a role from the status of an ArgoCDInstance.

    Returns:
        None if the status does not list the role.
    """
    wanted = (grant.role.name, grant.role.project)
    for role in status.get("roles") or ():
        if (role.get("name"), role.get("project")) == wanted:
            risks = ((role.get("hasDeny"), DENIES), (role.get("canPersist"), PERSISTS))
            return tuple(text for is_present, text in risks if is_present)
    return None


def _risk_line(risks: Sequence[str] | None) -> str:
    if risks is None:
        return "unknown; the status of the ArgoCDInstance does not list this role"
    return "; ".join(risks)


def _when(
    grant: Grant, stored: StoredStatus, now: datetime, zone: tzinfo | None
) -> str:
    not_before = grant.not_before
    is_later = not_before is not None and not_before > now
    start = f"from {when(not_before, now, zone)} " if not_before and is_later else ""
    end = stored.expires_at or grant.expires_at
    if end is not None:
        return f"{start}until {when(end, now, zone)}"
    return f"{start}for {short(grant.duration or timedelta(0))} from its start"


def _ready_message(stored: StoredStatus) -> str:
    ready = stored.conditions.get(GrantCondition.READY)
    return "" if ready is None else sanitize(ready.message or ready.reason)
