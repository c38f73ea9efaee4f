"""Answer of ``argogrant can`` to a caller who may not read Argo CD's rules.

The shipped Roles of requesters and approvers allow nothing in Argo CD's namespace. What
a role allows is nowhere else, so the answer is neither yes nor no. It contains what the
caller may read: the status of the ArgoCDInstance, and the AccessGrants.
"""

import json
from collections.abc import AsyncIterator, Collection, Iterator
from dataclasses import dataclass
from typing import Final

from argogrant.api.accessgrant_view import view_grant
from argogrant.api.json_fields import get_dict
from argogrant.cli.session import Session, utc_now
from argogrant.cli.status_roles import StatusRoles, read_status_roles
from argogrant.cli.terminal.grant_state import GrantState, grant_state
from argogrant.cli.terminal.tables import sanitize, wrap
from argogrant.cli.terminal.times import when
from argogrant.grants.effectiveness import describe_empty_role
from argogrant.grants.model.validation import quote
from argogrant.kube.client import Body
from argogrant.kube.errors import ClusterError
from argogrant.kube.informer import list_all
from argogrant.kube.resources import ACCESS_GRANTS
from argogrant.kube.resources import Collection as ObjectCollection

MOST_GRANTS: Final = 10
"""Number of active grants that the answer lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownAnswer:
    """Why there is no answer, what is known, and who can ask Argo CD."""

    cause: str
    known: tuple[str, ...]
    """Sentences about the role, the default role and the grants; sanitized."""
    subject: str
    command: str
    """Command with which the subject asks Argo CD; sanitized."""
    assumed: str = ""
    """Name of the assumed grant or role; empty without one."""

    def to_text(self, width: int) -> str:
        """Format ``unknown`` on the first line, and the reasons below it."""
        ask = f"To ask Argo CD, {quote(self.subject)} runs: {self.command}"
        lines = [
            wrap(f"  {line}", width, 4, whole=self.command)
            for line in (self.cause, *self.known, ask)
        ]
        return "\n".join(["unknown", *lines])

    def to_json(self) -> str:
        """Format the answer with the fields of a known one, and its own."""
        body = {
            "allowed": None,
            "allowedNow": None,
            "assumed": self.assumed or None,
            "rule": None,
            "chain": [],
            "asked": [],
            "broken": None,
            "notes": list(self.known),
            "unknown": self.cause,
            "command": self.command,
        }
        return json.dumps(body, indent=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The command line of ``can``, as far as the answer refers to it."""

    names: tuple[str, ...]
    """Subject, and then its groups."""
    command: str
    """Command that asks Argo CD."""
    assumed: str = ""
    """Name of the assumed grant or role; empty without one."""
    role: str = ""
    """The assumed role, as Argo CD names it; empty without one."""


async def describe_unknown(
    home: Session, instance: Body, question: Question, cause: str
) -> UnknownAnswer:
    """Return what is known about access without Argo CD's rules.

    Args:
        home: Where the ArgoCDInstance is.
        instance: The ArgoCDInstance.
        question: The question.
        cause: Why the rules are unknown, as a sentence.
    """
    status = read_status_roles(get_dict(instance, "status"))
    known = list(_about_roles(status, question.role))
    instance_name = str(get_dict(instance, "metadata").get("name", ""))
    try:
        known += [
            one async for one in _active_grants(home, instance_name, question.names)
        ]
    except ClusterError:
        known.append("Active grants of the subject are unknown: they cannot be listed.")
    return UnknownAnswer(
        cause=cause,
        known=tuple(map(sanitize, known)),
        subject=question.names[0],
        command=sanitize(question.command),
        assumed=question.assumed,
    )


def _about_roles(status: StatusRoles, assumed: str) -> Iterator[str]:
    if assumed:
        yield from _about_role(status, assumed)
    if status.default_role:
        yield f"Every user has {quote(status.default_role)} (policy.default)."


def _about_role(status: StatusRoles, name: str) -> Iterator[str]:
    role = status.find(name)
    if role is None:
        if status.are_complete and status.roles:
            yield f"Role {quote(name)} does not exist. To list roles: argogrant roles."
        return
    if role.allows_nothing:
        yield describe_empty_role(name, role.allows_nothing)
        return
    notes = [
        text
        for is_so, text in (
            (role.risks.has_deny, "has deny rules"),
            (role.risks.can_persist, "permits access that outlives a grant"),
        )
        if is_so
    ]
    yield (
        f"Role {quote(name)} exists{''.join(f' and {one}' for one in notes)}. The"
        " status of the ArgoCDInstance does not list what it allows."
    )


async def _active_grants(
    home: Session, instance: str, names: Collection[str]
) -> AsyncIterator[str]:
    now, count = utc_now(), 0
    async for body in list_all(
        home.cluster, ObjectCollection(ACCESS_GRANTS, home.namespace)
    ):
        grant = view_grant(body)
        if grant.instance != instance or grant.subject not in names:
            continue
        if grant_state(grant, now) is not GrantState.ACTIVE:
            continue
        count += 1
        if count <= MOST_GRANTS:
            end = f" until {when(grant.expires_at, now)}" if grant.expires_at else ""
            yield (
                f"{quote(grant.subject)} has {quote(grant.role)}{end} (AccessGrant"
                f" {grant.name})."
            )
    if count > MOST_GRANTS:
        yield f"Other active grants: {count - MOST_GRANTS}."
