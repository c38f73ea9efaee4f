"""A grant on its way: created, told of, and waited for."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta, tzinfo

import typer

from argogrant.api.accessgrant_view import StoredStatus, read_stored_status
from argogrant.cli.change.arguments import UsageRefused, describe_access, parse_timeout
from argogrant.cli.change.wait import is_ready, wait_for
from argogrant.cli.errors import CommandError, summarize_api_error
from argogrant.cli.options import DryRun, ListFormat
from argogrant.cli.session import Session, utc_now
from argogrant.cli.terminal.serialize import READABLE, object_name, serialize_object
from argogrant.cli.terminal.tables import sanitize
from argogrant.cli.terminal.times import InvalidTime, parse_zone
from argogrant.grants.model.reasons import GrantCondition
from argogrant.grants.model.validation import quote
from argogrant.kube.client import Body
from argogrant.kube.errors import Conflict, Forbidden, Invalid
from argogrant.kube.resources import ACCESS_GRANTS, Collection


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputOptions:
    """How something that was written is told of."""

    output: ListFormat
    zone: tzinfo | None
    """In which times are read and written; None: the machine's."""
    is_dry_run: bool
    timeout: timedelta | None
    """How long is waited for what comes of it; None: not at all."""

    @property
    def is_read(self) -> bool:
        """Whether people read it, to whom sentences are told."""
        return self.output in READABLE

    @property
    def mark(self) -> str:
        """What stands behind the name of what is not kept."""
        return " (server dry run)" if self.is_dry_run else ""


def parse_output_options(
    output: ListFormat, *, wait: bool, timeout: str, dry_run: DryRun, zone: str = ""
) -> OutputOptions:
    """Read the options for what is told, and when.

    Raises:
        UsageRefused: An option can not be meant so.
    """
    is_trial = dry_run is DryRun.SERVER
    if wait and is_trial:
        raise UsageRefused("--wait", "nothing comes of what is not kept (--dry-run)")
    try:
        where = parse_zone(zone)
    except InvalidTime as error:
        raise UsageRefused("--zone", str(error)) from error
    return OutputOptions(
        output=output,
        zone=where,
        is_dry_run=is_trial,
        timeout=parse_timeout(timeout, wait=wait),
    )


@contextmanager
def usage_errors() -> Iterator[None]:
    """Turn what can not be meant into an error of usage: exit status 2."""
    try:
        yield
    except UsageRefused as error:
        raise typer.BadParameter(str(error), param_hint=error.option) from error


async def submit(asked: Session, body: Body, told: str, telling: OutputOptions) -> None:
    """Create a grant, say so, and wait until it is in force if that is wished.

    Raises:
        CommandFailed: It is refused, or it never comes into force, or not in time.
        ClusterError: The API server does not answer.
    """
    made = await create(asked, body)
    if telling.is_read:
        typer.echo(f"{object_name(made)} created{telling.mark}")
        typer.echo(told)
    if telling.timeout is None:
        if not telling.is_read:
            typer.echo(serialize_object(made, telling.output))
        return
    metadata = made["metadata"]
    one = Collection(ACCESS_GRANTS, asked.namespace, metadata["name"])
    await wait_for(asked.cluster, one, metadata["uid"], is_ready, telling.timeout)
    now = await asked.cluster.get(ACCESS_GRANTS.path(asked.namespace, one.name))
    print_access(now, telling)


async def create(asked: Session, body: Body) -> Body:
    """Create an AccessGrant.

    Raises:
        CommandFailed: The API server refuses it; one sentence says why.
        ClusterError: It does not answer.
    """
    try:
        return await asked.cluster.create(ACCESS_GRANTS.path(asked.namespace), body)
    except Conflict as error:
        name = body["metadata"].get("name", "")
        raise CommandError(
            f"there is an AccessGrant {quote(name)} in namespace"
            f" {quote(asked.namespace)} already; choose another --name."
        ) from error
    except (Invalid, Forbidden) as error:
        raise CommandError(summarize_api_error(error)) from error


def print_access(body: Body, telling: OutputOptions) -> None:
    """Say that access is in force; a doubt whether it helps goes to stderr."""
    grant = read_stored_status(body)
    if telling.is_read:
        typer.echo(describe_access(grant, utc_now(), telling.zone))
    else:
        typer.echo(serialize_object(body, telling.output))
    doubt = effectiveness_warning(grant)
    if doubt:
        typer.echo(f"but: {sanitize(doubt)}", err=True)


def effectiveness_warning(grant: StoredStatus) -> str:
    """Why Argo CD may not know the subject; empty if nothing is said against it."""
    said = grant.conditions.get(GrantCondition.EFFECTIVE)
    return said.message if said is not None and said.status is False else ""
