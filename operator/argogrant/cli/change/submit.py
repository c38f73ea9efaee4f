"""Options, writes and ``--wait`` of the commands that change objects."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final, TypeVar, TypeVarTuple

import click

from argogrant.api.accessgrant_view import StoredStatus, read_stored_status
from argogrant.cli.errors import CommandError, run_command, summarize_api_error
from argogrant.cli.formats import READABLE, DryRun, ListFormat
from argogrant.cli.serialization import object_name, serialize_objects
from argogrant.cli.session import Session, session, utc_now
from argogrant.cli.terminal.tables import sanitize
from argogrant.cli.terminal.times import (
    InvalidTime,
    parse_duration_argument,
    parse_zone,
    short,
    when,
)
from argogrant.grants.access.subject_rules import subject_caution
from argogrant.grants.conditions import StoredCondition
from argogrant.grants.model.reasons import (
    REFUSED_REASONS,
    ApprovalCondition,
    GrantCondition,
    Reason,
)
from argogrant.grants.model.validation import quote, with_full_stop
from argogrant.kube.client import Body, Cluster
from argogrant.kube.errors import Conflict, Forbidden, Invalid
from argogrant.kube.informer import Informer, stop
from argogrant.kube.resources import ACCESS_GRANTS, Collection, Resource

Arguments = TypeVarTuple("Arguments")
Parsed = TypeVar("Parsed")
ENDED_REASONS: Final = frozenset(
    {
        Reason.EXPIRED,
        Reason.REVOKED,
        Reason.DENIED,
        Reason.APPROVAL_TIMED_OUT,
        Reason.DELETED,
    }
)
DELETED: Final = "the object was deleted"
NOT_OBSERVED: Final = (
    "the operator has not processed the object yet. Is the operator running?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputOptions:
    """Output, dry-run and wait options of a command that writes objects."""

    output: ListFormat
    zone: tzinfo | None
    """Time zone of input and output; None for the local one."""
    is_dry_run: bool
    timeout: timedelta | None
    """Time to wait for the effect; None for no wait."""

    @property
    def is_for_people(self) -> bool:
        """True for output for people: sentences instead of objects."""
        return self.output in READABLE

    @property
    def dry_run_suffix(self) -> str:
        """Suffix of a result that was not persisted, as in kubectl."""
        return " (server dry run)" if self.is_dry_run else ""

    def echo(self, sentence: str, *bodies: Body) -> None:
        """Print a sentence for people; for programs the objects, if there are any."""
        if self.is_for_people and sentence:
            click.echo(sentence)
        elif bodies and not self.is_for_people:
            click.echo(serialize_objects(self.output, *bodies))


def parse_output_options(
    output: ListFormat, *, wait: bool, timeout: str, dry_run: DryRun, zone: str = ""
) -> OutputOptions:
    """Parse the options; ``--wait`` and ``--dry-run`` exclude each other."""
    is_dry_run = dry_run is DryRun.SERVER
    if wait and is_dry_run:
        message = "--wait cannot be combined with --dry-run"
        raise click.BadParameter(message, param_hint="--wait")
    time_zone, limit = parse_option("--zone", parse_zone, zone), None
    if wait:
        limit = parse_option("--timeout", parse_duration_argument, timeout)
    return OutputOptions(
        output=output, zone=time_zone, is_dry_run=is_dry_run, timeout=limit
    )


def parse_option(
    option: str, parse: Callable[[*Arguments], Parsed], *arguments: *Arguments
) -> Parsed:
    """Parse a time; an invalid one is a usage error of the option."""
    try:
        return parse(*arguments)
    except InvalidTime as error:
        raise click.BadParameter(str(error), param_hint=option) from error


def run_change(
    command: str,
    work: Callable[[Session], Coroutine[Any, Any, None]],
    options: OutputOptions,
    context: str,
    namespace: str,
) -> None:
    """Run the work of a command; on an error, print its message and exit."""

    async def run() -> None:
        async with session(context, namespace, dry_run=options.is_dry_run) as api:
            await work(api)

    run_command(command, run())


async def submit(
    api: Session, body: Body, description: str, options: OutputOptions
) -> None:
    """Create a grant, print it, and wait until it is active if requested.

    Raises:
        CommandError: The API server rejects the grant, the grant cannot become active,
            or the timeout expired.
    """
    created = await _create(api, body)
    options.echo(f"{object_name(created)} created{options.dry_run_suffix}")
    options.echo(description)
    if options.timeout is None:
        options.echo("", created)
        return
    await wait_until(api, ACCESS_GRANTS, created, is_ready, options.timeout)
    path = ACCESS_GRANTS.path(api.namespace, created["metadata"]["name"])
    _print_access(await api.cluster.get(path), options)


async def _create(api: Session, body: Body) -> Body:
    try:
        return await api.cluster.create(ACCESS_GRANTS.path(api.namespace), body)
    except Conflict as error:
        name = body["metadata"].get("name", "")
        raise CommandError(
            f"AccessGrant {quote(name)} already exists in namespace"
            f" {quote(api.namespace)}. Choose another --name."
        ) from error
    except (Invalid, Forbidden) as error:
        raise CommandError(summarize_api_error(error)) from error


async def patch_grant(api: Session, name: str, patch: dict[str, Any]) -> Body:
    """Change an AccessGrant.

    Raises:
        CommandError: The API server rejects the change; the message says why.
    """
    path = ACCESS_GRANTS.path(api.namespace, name)
    try:
        return await api.cluster.merge_patch(path, patch)
    except (Invalid, Forbidden, Conflict) as error:
        raise CommandError(summarize_api_error(error)) from error


def _print_access(body: Body, options: OutputOptions) -> None:
    """Print that access is active; a warning about its effect goes to stderr."""
    grant = read_stored_status(body)
    options.echo(describe_access(grant, utc_now(), options.zone), body)
    if grant.subject_rules.total:
        caution = subject_caution(grant.subject_rules)
        click.echo(f"Warning: {sanitize(caution)}", err=True)
    effective = grant.conditions.get(GrantCondition.EFFECTIVE)
    if effective is not None and effective.status is False and effective.message:
        click.echo(f"Warning: {sanitize(effective.message)}", err=True)


def describe_access(grant: StoredStatus, now: datetime, zone: tzinfo | None) -> str:
    """Return until when a grant is active, and how to log in."""
    end = f" until {when(grant.expires_at, now, zone)}" if grant.expires_at else ""
    lines = [f"{sanitize(grant.name)} is active{end}."]
    details = grant.details or grant.url
    lines += [sanitize(line) for line in details.splitlines() if line.strip()]
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class WaitStatus:
    """Progress towards a condition."""

    text: str
    """The current message of the object; unsanitized."""
    is_met: bool | None
    """False if the condition cannot be met any more; None to continue waiting."""


NOT_YET: Final = WaitStatus(NOT_OBSERVED, is_met=None)
WaitCondition = Callable[[StoredStatus | None], WaitStatus]
"""Evaluates an object; None if the object was deleted."""


def is_ready(grant: StoredStatus | None) -> WaitStatus:
    """Return whether Argo CD has the binding of a grant."""
    if grant is None:
        return WaitStatus(DELETED, is_met=False)
    if grant.condition_is_true(GrantCondition.ENDED):
        return _status(grant.conditions[GrantCondition.ENDED], is_met=False)
    ready = _current(grant, GrantCondition.READY)
    if ready is None:
        return NOT_YET
    if ready.status or ready.reason in REFUSED_REASONS | ENDED_REASONS:
        return _status(ready, is_met=ready.status is True)
    hint = ""
    if ready.reason == Reason.AWAITING_APPROVAL:
        hint = f" To approve, an approver runs: argogrant approve {grant.name}"
    return _status(ready, hint, is_met=None)


def has_ended(grant: StoredStatus | None) -> WaitStatus:
    """Return whether a grant has ended, and the operator has confirmed it."""
    if grant is None:
        return WaitStatus(DELETED, is_met=True)
    if grant.condition_is_true(GrantCondition.ENDED):
        return _status(grant.conditions[GrantCondition.ENDED], is_met=True)
    ready = _current(grant, GrantCondition.READY)
    return NOT_YET if ready is None else _status(ready, is_met=None)


def is_counted(approval: StoredStatus | None) -> WaitStatus:
    """Return whether an approval counts."""
    if approval is None:
        return WaitStatus(DELETED, is_met=False)
    counted = _current(approval, ApprovalCondition.COUNTED)
    return NOT_YET if counted is None else _status(counted, is_met=counted.status)


def _current(stored: StoredStatus, condition: str) -> StoredCondition | None:
    """Return a condition; None if it is not about the current generation."""
    return stored.conditions.get(condition) if stored.is_current else None


def _status(
    condition: StoredCondition, hint: str = "", *, is_met: bool | None
) -> WaitStatus:
    return WaitStatus(f"{condition.message or condition.reason}{hint}", is_met=is_met)


async def wait_until(
    api: Session,
    resource: Resource,
    body: Body,
    condition: WaitCondition,
    limit: timedelta,
) -> str:
    """Wait until an object meets a condition; return its message for a terminal.

    Raises:
        CommandError: The condition cannot be met any more, or was not met in time.
    """
    name, uid = body["metadata"]["name"], body["metadata"]["uid"]
    collection = Collection(resource, api.namespace, name)
    status = await wait_for(api.cluster, collection, uid, condition, limit)
    return with_full_stop(sanitize(status.text))


async def wait_for(
    cluster: Cluster,
    collection: Collection,
    uid: str,
    condition: WaitCondition,
    limit: timedelta,
) -> WaitStatus:
    """Wait until an object meets a condition; print each change of its message.

    A watch that breaks is opened again. While the API server does not answer, its error
    is printed instead. Messages go to stderr, because stdout is for the result. An
    object of the same name with another uid counts as deleted.

    Raises:
        CommandError: The condition cannot be met any more, or was not met in time.
        Forbidden: The caller does not have permission to watch the object.
    """
    changed = asyncio.Event()
    informer = Informer(
        cluster, collection, read=read_stored_status, on_change=lambda *_: changed.set()
    )
    task = asyncio.create_task(informer.run())
    status, printed = NOT_YET, ""
    try:
        async with asyncio.timeout(limit.total_seconds()):
            await informer.attempted.wait()
            while status.is_met is None:
                changed.clear()
                status = _observe(informer, uid, condition)
                if status.is_met is None:
                    if status.text != printed:
                        click.echo(f"waiting: {sanitize(status.text)}", err=True)
                        printed = status.text
                    await changed.wait()
    except TimeoutError:
        raise CommandError(
            f"timed out after {short(limit)}: {with_full_stop(sanitize(status.text))}"
            " The operator continues without this command."
        ) from None
    finally:
        await stop(task)
    if not status.is_met:
        raise CommandError(with_full_stop(sanitize(status.text)))
    return status


def _observe(
    informer: Informer[StoredStatus], uid: str, condition: WaitCondition
) -> WaitStatus:
    if isinstance(informer.error, Forbidden):
        raise informer.error
    if informer.error is not None:
        return WaitStatus(f"{informer.error}; retrying", is_met=None)
    stored = informer.objects.get(informer.collection.name)
    return condition(stored if stored is not None and stored.uid == uid else None)
