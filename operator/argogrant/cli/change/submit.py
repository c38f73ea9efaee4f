"""Options, writes and ``--wait`` of the commands that change objects.

Without ``--wait``, a command waits two seconds for the operator's first report about
its object, and prints the next step or why the object has no effect.
"""

from collections.abc import Callable, Collection, Coroutine
from dataclasses import dataclass
from datetime import timedelta, tzinfo
from typing import Any, TypeVar, TypeVarTuple

import click

from argogrant.api.accessgrant_view import read_stored_status
from argogrant.cli.absence import describe_alternatives
from argogrant.cli.change.verdict import (
    Verdict,
    describe_access,
    effect_warnings,
    verdict_on_grant,
)
from argogrant.cli.change.wait import is_ready, wait_until, watched_object
from argogrant.cli.errors import CommandError, run_command, summarize_api_error
from argogrant.cli.formats import READABLE, DryRun, ListFormat
from argogrant.cli.serialization import object_name, serialize_objects
from argogrant.cli.session import Session, session, utc_now
from argogrant.cli.terminal.tables import print_warnings
from argogrant.cli.terminal.times import (
    InvalidTime,
    parse_duration_argument,
    parse_zone,
)
from argogrant.grants.model.validation import quote
from argogrant.kube.client import Body
from argogrant.kube.errors import Conflict, Forbidden, Invalid
from argogrant.kube.refusals import Cause, refusal_of
from argogrant.kube.resources import ACCESS_GRANTS

Arguments = TypeVarTuple("Arguments")
Parsed = TypeVar("Parsed")


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
    api: Session,
    body: Body,
    description: str,
    options: OutputOptions,
    *,
    shown: Collection[str] = (),
) -> None:
    """Create a grant, print it, and wait until it is active if requested.

    Without ``--wait``, print what the operator reports about it first.

    Args:
        api: Where the grant is created.
        body: The grant.
        description: The request in a sentence.
        options: Options of the command.
        shown: Warnings that were printed before, which are not printed again.

    Raises:
        CommandError: The API server or the operator rejects the grant, the grant cannot
            become active, or the timeout expired.
    """
    created = await _create(api, body)
    instance = body["spec"]["instance"]
    result = f"created{options.dry_run_suffix} {api.where}"
    options.echo(f"{object_name(created)} {result}")
    options.echo(description)
    if options.timeout is None:
        options.echo("", created)
        if not options.is_dry_run:
            verdict = await verdict_on_grant(api, created, instance, options.zone)
            print_verdict(verdict, options, shown=shown)
        return
    watched = watched_object(api, ACCESS_GRANTS, created, instance)
    await wait_until(api, watched, is_ready, options.timeout)
    path = ACCESS_GRANTS.path(api.namespace, created["metadata"]["name"])
    body = await api.cluster.get(path)
    grant = read_stored_status(body)
    options.echo(describe_access(grant, utc_now(), options.zone), body)
    print_warnings(one for one in effect_warnings(grant) if one not in shown)


def print_verdict(
    verdict: Verdict, options: OutputOptions, *, shown: Collection[str] = ()
) -> None:
    """Print the first report about an object, without the warnings that were shown.

    Raises:
        CommandError: The operator refuses the object.
    """
    for sentence in verdict.sentences:
        options.echo(sentence)
    print_warnings(one for one in verdict.warnings if one not in shown)
    if verdict.refusal:
        raise CommandError(verdict.refusal)


async def _create(api: Session, body: Body) -> Body:
    try:
        return await api.cluster.create(ACCESS_GRANTS.path(api.namespace), body)
    except Conflict as error:
        if refusal_of(error).cause is not Cause.EXISTS:
            raise  # Such as a quota that changed meanwhile.
        name = body["metadata"].get("name", "")
        raise CommandError(
            f"AccessGrant {quote(name)} already exists in namespace"
            f" {quote(api.namespace)}. Choose another --name."
        ) from error
    except Forbidden as error:
        hint = await describe_alternatives(api.cluster, api.origin)
        raise CommandError(f"{summarize_api_error(error)}{hint}") from error
    except Invalid as error:
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
