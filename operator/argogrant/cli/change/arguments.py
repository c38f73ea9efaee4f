"""Arguments of ``request`` and ``extend``, parsed and described. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Final

from argogrant.api.accessgrant_view import StoredStatus
from argogrant.api.new_objects import GrantRequest
from argogrant.cli.errors import CommandError
from argogrant.cli.terminal.tables import sanitize
from argogrant.cli.terminal.times import (
    InvalidTime,
    ParsedTime,
    TimeContext,
    parse_duration_argument,
    parse_time,
    short,
    when,
)
from argogrant.grants.model.grant import RoleRef, Subject, SubjectKind
from argogrant.grants.model.identity import SYSTEM_PREFIX, Identity, argocd_subject
from argogrant.grants.model.validation import quote

MAX_PREFIX: Final = 40
"""Characters of a generated name; the API server adds five."""
_PROJECT_ROLE: Final = re.compile(r"proj:([^:]+):([^:]+)")
NAME_THE_SUBJECT: Final = "Name the Argo CD subject with --user or --group."


class InvalidOption(Exception):
    """An option has an invalid value; the message names the valid ones."""

    def __init__(self, option: str, message: str) -> None:
        super().__init__(message)
        self.option = option


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedWindow:
    """Requested start and end of a grant."""

    start: datetime | None
    """None for an immediate start."""
    end: datetime | timedelta
    notes: tuple[str, ...] = ()
    """How ambiguous times were read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantArguments:
    """Parsed command line of ``request``."""

    subject: Subject | None
    """None for the requester."""
    role: RoleRef
    window: RequestedWindow
    instance: str
    name: str
    """Empty for a generated name."""
    justification: str
    break_glass: bool

    def request(self, subject: Subject) -> GrantRequest:
        """Return the request for a subject."""
        return GrantRequest(
            instance=self.instance,
            subject=subject,
            role=self.role,
            start=self.window.start,
            end=self.window.end,
            name=self.name,
            prefix=generated_prefix(subject, self.role),
            justification=self.justification,
            break_glass=self.break_glass,
        )


def parse_window(
    *, lasts: str, until: str, begins: str, now: datetime, zone: tzinfo | None
) -> RequestedWindow:
    """Parse ``--for`` or ``--until``, and ``--from``.

    Raises:
        InvalidOption: Not exactly one end is given, or a time is invalid.
    """
    if bool(lasts) == bool(until):
        raise InvalidOption("--for", "specify one of --for and --until")
    start, notes = None, []
    if begins:
        context = TimeContext(now=now, after=now, zone=zone, is_start=True)
        parsed = _parse_time("--from", begins, context)
        start, notes = parsed.instant, [parsed.note]
    if lasts:
        return RequestedWindow(
            start=start,
            end=parse_duration_option("--for", lasts),
            notes=_not_empty(notes),
        )
    context = TimeContext(now=now, after=start or now, zone=zone)
    parsed = _parse_time("--until", until, context)
    return RequestedWindow(
        start=start, end=parsed.instant, notes=_not_empty([*notes, parsed.note])
    )


def parse_duration_option(option: str, text: str) -> timedelta:
    """Parse the duration of an option.

    Raises:
        InvalidOption: The text is not a duration.
    """
    try:
        return parse_duration_argument(text)
    except InvalidTime as error:
        raise InvalidOption(option, str(error)) from error


def parse_timeout(timeout: str, *, wait: bool) -> timedelta | None:
    """Parse ``--timeout``; return None without ``--wait``.

    Raises:
        InvalidOption: The text is not a duration.
    """
    return parse_duration_option("--timeout", timeout) if wait else None


def _parse_time(option: str, text: str, context: TimeContext) -> ParsedTime:
    try:
        return parse_time(text, context)
    except InvalidTime as error:
        raise InvalidOption(option, str(error)) from error


def _not_empty(notes: list[str]) -> tuple[str, ...]:
    return tuple(note for note in notes if note)


def parse_role(name: str, project: str) -> RoleRef:
    """Parse ``--role`` and ``--project``; ``proj:team-a:deployer`` names both.

    Raises:
        InvalidOption: The options name two projects.
    """
    found = _PROJECT_ROLE.fullmatch(name)
    if found is None:
        return RoleRef(name=name, project=project or None)
    if project not in ("", found[1]):
        raise InvalidOption(
            "--project", f"{quote(name)} is a role of project {found[1]}"
        )
    return RoleRef(name=found[2], project=found[1])


def parse_subject(user: str, group: str) -> Subject | None:
    """Parse ``--user`` and ``--group``; return None for the requester.

    Raises:
        InvalidOption: Both are given.
    """
    if user and group:
        raise InvalidOption("--user", "specify one of --user and --group")
    if group:
        return Subject(kind=SubjectKind.GROUP, name=group)
    return Subject(kind=SubjectKind.USER, name=user) if user else None


def own_subject(identity: Identity | None, strip_prefix: str) -> Subject:
    """Return the Argo CD user of the caller.

    Raises:
        CommandError: The user is unknown; the message names the options to use.
    """
    if identity is None:
        raise CommandError(
            f"the API server does not report your user name. {NAME_THE_SUBJECT}"
        )
    username = quote(identity.username)
    if strip_prefix == "" and identity.username.startswith(SYSTEM_PREFIX):
        raise CommandError(
            f"you are {username} to the API server, which is no user of Argo CD."
            f" {NAME_THE_SUBJECT}"
        )
    name = argocd_subject(identity, strip_prefix)
    if name is None:
        raise CommandError(
            f"you are {username} to the API server. Your Argo CD user is unknown,"
            f" because this name does not start with {quote(strip_prefix)}"
            f" (spec.identity.stripPrefix of the ArgoCDInstance). {NAME_THE_SUBJECT}"
        )
    return Subject(kind=SubjectKind.USER, name=name)


def generated_prefix(subject: Subject, role: RoleRef) -> str:
    """Return the prefix of a generated name: ``alice-deployer-``."""
    user = subject.name.partition("@")[0]
    return f"{_slug(user, 20) or 'grant'}-{_slug(role.name.split(':')[-1], 18)}-"


def _slug(text: str, length: int) -> str:
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    return plain[:length].rstrip("-")


def describe_request(
    request: GrantRequest, notes: Sequence[str], now: datetime, zone: tzinfo | None
) -> str:
    """Return the request in one sentence; times have their zone to reveal mistakes."""
    role = f"{sanitize(request.role.bound_as)} for {sanitize(request.subject.name)}"
    start = f" from {when(request.start, now, zone)}" if request.start else ""
    if isinstance(request.end, timedelta):
        suffix = "" if request.start else ", once the grant is active"
        end = f" for {short(request.end)}{suffix}"
    else:
        end = f" until {when(request.end, now, zone)}"
    note = f" ({'; '.join(notes)})" if notes else ""
    return f"Requested {role}{start}{end}{note}."


def describe_access(grant: StoredStatus, now: datetime, zone: tzinfo | None) -> str:
    """Return until when a grant is active, and how to log in."""
    end = f" until {when(grant.expires_at, now, zone)}" if grant.expires_at else ""
    lines = [f"{sanitize(grant.name)} is active{end}."]
    details = grant.details or grant.url
    lines += [sanitize(line) for line in details.splitlines() if line.strip()]
    return "\n".join(lines)
