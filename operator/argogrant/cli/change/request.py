"""``argogrant request``: creates an AccessGrant."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Final

import click

from argogrant.api.new_objects import GrantRequest, build_grant
from argogrant.cli.absence import NamespaceOrigin, describe_alternatives
from argogrant.cli.change.asking import RequestAnswers, ask_missing
from argogrant.cli.change.cautions import find_cautions
from argogrant.cli.change.readiness import check_instance, describe_ceiling
from argogrant.cli.change.submit import (
    parse_option,
    parse_output_options,
    run_change,
    submit,
)
from argogrant.cli.errors import CommandError
from argogrant.cli.formats import DryRun, ListFormat
from argogrant.cli.session import Session, utc_now
from argogrant.cli.terminal.questions import can_ask
from argogrant.cli.terminal.tables import print_warnings, sanitize
from argogrant.cli.terminal.times import (
    TimeContext,
    parse_duration_argument,
    parse_time,
    short,
    when,
)
from argogrant.grants.model.grant import RoleRef, Subject, SubjectKind
from argogrant.grants.model.identity import (
    SERVICE_ACCOUNT_PREFIX,
    SYSTEM_PREFIX,
    Identity,
    argocd_subject,
)
from argogrant.grants.model.validation import quote
from argogrant.grants.model.window import add_capped
from argogrant.kube.permissions import who_am_i

_PROJECT_ROLE: Final = re.compile(r"proj:([^:]+):([^:]+)")
_OBJECT_NAME: Final = re.compile(
    r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
)
"""Source: Kubernetes, "Object Names and IDs", DNS subdomain."""
_LONGEST_NAME: Final = 253
NAME_THE_SUBJECT: Final = "Name the Argo CD subject with --user or --group."


def request(  # noqa: PLR0913 - one for each option
    *,
    role: str,
    project: str,
    user: str,
    group: str,
    lasts: str,
    until: str,
    begins: str,
    reason: str,
    name: str,
    break_glass: bool,
    wait: bool,
    timeout: str,
    dry_run: DryRun,
    zone: str,
    output: ListFormat,
    instance: str,
    namespace: str,
    context: str,
) -> None:
    """Create an AccessGrant in the name of the caller."""
    options = parse_output_options(
        output, wait=wait, timeout=timeout, dry_run=dry_run, zone=zone
    )
    answers = RequestAnswers(
        role=parse_role(role, project) if role else None,
        reason=reason,
        has_window=bool(lasts or until),
    )
    if not can_ask():
        _require(role=role, reason=reason)
    named_subject = parse_subject(user, group)
    check_name(name)

    def parse_times(answer: str) -> RequestedWindow:
        return parse_window(
            lasts=answer or lasts,
            until=until,
            begins=begins,
            now=utc_now(),
            zone=options.zone,
        )

    if answers.has_window or not can_ask():
        parse_times("")

    async def create(api: Session) -> None:
        found = await check_instance(api, instance)
        requester, subject = await who_am_i(api.cluster), named_subject
        if subject is None and found is None:
            raise CommandError(await _describe_unknown_user(api, instance))
        if subject is None:
            assert found is not None
            subject = own_subject(requester, found.strip_prefix)
        complete = answers
        if answers.role is not None:
            cautions = await find_cautions(api, instance, subject, answers.role)
            # The user sees them before they answer questions about the grant.
            print_warnings(cautions)
        if not answers.is_complete:
            parties = (subject, requester)
            complete = await ask_missing(api, answers, parties, instance, project)
        assert complete.role is not None
        window = parse_times(complete.lasts)
        if answers.role is None:
            cautions = await find_cautions(api, instance, subject, complete.role)
            print_warnings(cautions)
        wanted = GrantRequest(
            instance=instance,
            subject=subject,
            role=complete.role,
            start=window.start,
            end=end_of_request(window, requester, utc_now()),
            name=name,
            prefix=generated_prefix(subject, complete.role),
            justification=complete.reason,
            break_glass=break_glass,
        )
        now = utc_now()
        description = describe_request(wanted, window.notes, now, options.zone)
        ceiling = describe_ceiling(wanted.start or now, wanted.end, found)
        description = f"{description} {ceiling}".rstrip()
        body = build_grant(wanted, requester)
        await submit(api, body, description, options, shown=cautions)

    run_change("request", create, options, context, namespace)


def _require(**options: str) -> None:
    """Check that options are given, since no user can be asked.

    Raises:
        click.MissingParameter: One is missing.
    """
    for name, value in options.items():
        if not value:
            raise click.MissingParameter(
                ctx=click.get_current_context(silent=True),
                param_hint=f"'--{name}'",
                param_type="option",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedWindow:
    """Requested start and end of a grant."""

    start: datetime | None
    """None for an immediate start."""
    end: datetime | timedelta
    notes: tuple[str, ...] = ()
    """How ambiguous times were read."""


def parse_window(
    *, lasts: str, until: str, begins: str, now: datetime, zone: tzinfo | None
) -> RequestedWindow:
    """Parse exactly one of ``--for`` and ``--until``, and ``--from``."""
    if bool(lasts) == bool(until):
        raise click.BadParameter("specify one of --for and --until", param_hint="--for")
    start, notes = None, [""]
    if begins:
        context = TimeContext(now=now, after=now, zone=zone, is_start=True)
        parsed = parse_option("--from", parse_time, begins, context)
        start, notes = parsed.instant, [parsed.note]
    end: datetime | timedelta
    if lasts:
        end = parse_option("--for", parse_duration_argument, lasts)
    else:
        context = TimeContext(now=now, after=start or now, zone=zone)
        parsed = parse_option("--until", parse_time, until, context)
        end, notes = parsed.instant, [*notes, parsed.note]
    return RequestedWindow(start=start, end=end, notes=tuple(filter(None, notes)))


def end_of_request(
    window: RequestedWindow, requester: Identity | None, now: datetime
) -> datetime | timedelta:
    """Return the end; the duration of a service account becomes a time.

    A pipeline can repeat its request, so the API server refuses a duration alone.
    """
    is_tool = requester is not None and requester.username.startswith(
        SERVICE_ACCOUNT_PREFIX
    )
    if is_tool and window.start is None and isinstance(window.end, timedelta):
        return add_capped(now, window.end)
    return window.end


def parse_role(name: str, project: str) -> RoleRef:
    """Parse ``--role`` and ``--project``; ``proj:team-a:deployer`` names both."""
    found = _PROJECT_ROLE.fullmatch(name)
    if found is None:
        return RoleRef(name=name, project=project or None)
    if project not in ("", found[1]):
        message = f"{quote(name)} is a role of project {found[1]}"
        raise click.BadParameter(message, param_hint="--project")
    return RoleRef(name=found[2], project=found[1])


def check_name(name: str) -> None:
    """Refuse a name that the API server refuses, with what is wanted.

    Raises:
        click.BadParameter: It is no name of an object.
    """
    if name and not (len(name) <= _LONGEST_NAME and _OBJECT_NAME.fullmatch(name)):
        message = (
            f"{quote(name)} is not a valid name of an AccessGrant. Write at most"
            f" {_LONGEST_NAME} lower-case letters, digits, '-' and '.', such as"
            " deploy-4711, with a letter or a digit at both ends."
        )
        raise click.BadParameter(message, param_hint="--name")


def parse_subject(user: str, group: str) -> Subject | None:
    """Parse at most one of ``--user`` and ``--group``; None is the requester."""
    if user and group:
        message = "specify one of --user and --group"
        raise click.BadParameter(message, param_hint="--user")
    if group:
        return Subject(kind=SubjectKind.GROUP, name=group)
    return Subject(kind=SubjectKind.USER, name=user) if user else None


async def _describe_unknown_user(api: Session, instance: str) -> str:
    """Return that the caller may not read the instance, and where others are.

    The usual cause is the namespace: that of the context is not served.
    """
    others = await describe_alternatives(api.cluster, NamespaceOrigin(api.namespace))
    return (
        "your Argo CD user is unknown, because you do not have permission to read"
        f" ArgoCDInstance {quote(instance)} (spec.identity.stripPrefix) in"
        f" {api.origin.describe()}.{others} {NAME_THE_SUBJECT}"
    )


def own_subject(identity: Identity | None, strip_prefix: str) -> Subject:
    """Return the Argo CD user of the caller.

    Args:
        identity: User of the caller.
        strip_prefix: Prefix that Argo CD's users lack.

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
    """Return the prefix of a generated name: ``alice-deployer-``.

    It has at most 40 characters; the API server adds five.
    """
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
