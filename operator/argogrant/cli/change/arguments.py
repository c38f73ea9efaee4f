"""What somebody typed, as what is asked for. Pure."""

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
"""Characters of a name that is made up; the API server adds five."""
_PROJECT_ROLE: Final = re.compile(r"proj:([^:]+):([^:]+)")
NAME_IT: Final = "name the subject that Argo CD knows: --user or --group"


class UsageRefused(Exception):
    """An option can not be meant so; the message says how to give it."""

    def __init__(self, option: str, message: str) -> None:
        super().__init__(message)
        self.option = option


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedWindow:
    """When access begins and ends, and what was made of the words for it."""

    start: datetime | None
    """None: at once."""
    end: datetime | timedelta
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantArguments:
    """What is asked for, before it is known who asks."""

    subject: Subject | None
    """None: whoever asks."""
    role: RoleRef
    window: RequestedWindow
    instance: str
    name: str
    """Empty: one is made up."""
    justification: str
    break_glass: bool

    def request(self, subject: Subject) -> GrantRequest:
        """Put in who receives access."""
        return GrantRequest(
            instance=self.instance,
            subject=subject,
            role=self.role,
            start=self.window.start,
            end=self.window.end,
            name=self.name,
            prefix=prefix_of(subject, self.role),
            justification=self.justification,
            break_glass=self.break_glass,
        )


def parse_window(
    *, lasts: str, until: str, begins: str, now: datetime, zone: tzinfo | None
) -> RequestedWindow:
    """Read the options for when and how long.

    Raises:
        UsageRefused: There is no end, or there are two; or a text is no moment.
    """
    if bool(lasts) == bool(until):
        raise UsageRefused("--for", "give one of --for and --until")
    start, notes = None, []
    if begins:
        clock = TimeContext(now=now, after=now, zone=zone, is_start=True)
        moment = _read("--from", begins, clock)
        start, notes = moment.instant, [moment.note]
    if lasts:
        return RequestedWindow(
            start=start, end=length_of("--for", lasts), notes=_kept(notes)
        )
    clock = TimeContext(now=now, after=start or now, zone=zone)
    moment = _read("--until", until, clock)
    return RequestedWindow(
        start=start, end=moment.instant, notes=_kept([*notes, moment.note])
    )


def length_of(option: str, text: str) -> timedelta:
    """Read a length of time.

    Raises:
        UsageRefused: It is none.
    """
    try:
        return parse_duration_argument(text)
    except InvalidTime as error:
        raise UsageRefused(option, str(error)) from error


def parse_timeout(timeout: str, *, wait: bool) -> timedelta | None:
    """Read how long to wait; None if nobody wants to.

    Raises:
        UsageRefused: It is no length of time.
    """
    return length_of("--timeout", timeout) if wait else None


def _read(option: str, text: str, clock: TimeContext) -> ParsedTime:
    try:
        return parse_time(text, clock)
    except InvalidTime as error:
        raise UsageRefused(option, str(error)) from error


def _kept(notes: list[str]) -> tuple[str, ...]:
    return tuple(note for note in notes if note)


def role_of(name: str, project: str) -> RoleRef:
    """Read which role is meant; ``proj:team-a:deployer`` is what Argo CD calls one.

    Raises:
        UsageRefused: Two projects are named.
    """
    found = _PROJECT_ROLE.fullmatch(name)
    if found is None:
        return RoleRef(name=name, project=project or None)
    if project not in ("", found[1]):
        raise UsageRefused("--project", f"{quote(name)} is a role of {found[1]}")
    return RoleRef(name=found[2], project=found[1])


def named_subject(user: str, group: str) -> Subject | None:
    """Read who receives access; None if it is whoever asks.

    Raises:
        UsageRefused: Two are named.
    """
    if user and group:
        raise UsageRefused("--user", "give one of --user and --group")
    if group:
        return Subject(kind=SubjectKind.GROUP, name=group)
    return Subject(kind=SubjectKind.USER, name=user) if user else None


def own_subject(identity: Identity | None, strip_prefix: str) -> Subject:
    """Find what Argo CD calls whoever asks.

    Raises:
        CommandFailed: That can not be known, with what to type instead.
    """
    if identity is None:
        raise CommandError(f"the API server does not tell who you are; {NAME_IT}.")
    who = quote(identity.username)
    if strip_prefix == "" and identity.username.startswith(SYSTEM_PREFIX):
        raise CommandError(
            f"you are {who} to the API server, and nobody of that name signs in to"
            f" Argo CD; {NAME_IT}."
        )
    name = argocd_subject(identity, strip_prefix)
    if name is None:
        raise CommandError(
            f"you are {who} to the API server, which does not begin with"
            f" {quote(strip_prefix)} (spec.identity.stripPrefix of the"
            f" ArgoCDInstance), so that Argo CD's name for you is not known; {NAME_IT}."
        )
    return Subject(kind=SubjectKind.USER, name=name)


def prefix_of(subject: Subject, role: RoleRef) -> str:
    """Make up the beginning of a grant's name: ``alice-deployer-``."""
    person = subject.name.partition("@")[0]
    return f"{_slug(person, 20) or 'grant'}-{_slug(role.name.split(':')[-1], 18)}-"


def _slug(text: str, length: int) -> str:
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    return plain[:length].rstrip("-")


def describe_request(
    wish: GrantRequest, notes: Sequence[str], now: datetime, zone: tzinfo | None
) -> str:
    """Say what was asked for, with the zone, so that an error is seen."""
    what = f"{sanitize(wish.role.bound_as)} for {sanitize(wish.subject.name)}"
    begins = f" from {when(wish.start, now, zone)}" if wish.start else ""
    if isinstance(wish.end, timedelta):
        after = "" if wish.start else ", once it is in force"
        ends = f" for {short(wish.end)}{after}"
    else:
        ends = f" until {when(wish.end, now, zone)}"
    said = f" ({'; '.join(notes)})" if notes else ""
    return f"Asked for {what}{begins}{ends}{said}."


def describe_access(grant: StoredStatus, now: datetime, zone: tzinfo | None) -> str:
    """Say that access is in force, until when, and how to get in."""
    end = f" until {when(grant.expires_at, now, zone)}" if grant.expires_at else ""
    lines = [f"{sanitize(grant.name)} is in force{end}."]
    details = grant.details or grant.url
    lines += [sanitize(line) for line in details.splitlines() if line.strip()]
    return "\n".join(lines)
