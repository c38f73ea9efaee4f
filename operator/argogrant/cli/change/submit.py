"""Creation of an AccessGrant: request, output, and waiting."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta, tzinfo

import typer

from argogrant.api.accessgrant_view import StoredStatus, read_stored_status
from argogrant.cli.change.arguments import InvalidOption, describe_access, parse_timeout
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


def parse_output_options(
    output: ListFormat, *, wait: bool, timeout: str, dry_run: DryRun, zone: str = ""
) -> OutputOptions:
    """Parse the options for output, dry run and waiting.

    Raises:
        InvalidOption: An option is invalid, or two options exclude each other.
    """
    is_dry_run = dry_run is DryRun.SERVER
    if wait and is_dry_run:
        raise InvalidOption("--wait", "--wait cannot be combined with --dry-run")
    try:
        time_zone = parse_zone(zone)
    except InvalidTime as error:
        raise InvalidOption("--zone", str(error)) from error
    return OutputOptions(
        output=output,
        zone=time_zone,
        is_dry_run=is_dry_run,
        timeout=parse_timeout(timeout, wait=wait),
    )


@contextmanager
def usage_errors() -> Iterator[None]:
    """Turn an invalid option into a usage error with exit status 2."""
    try:
        yield
    except InvalidOption as error:
        raise typer.BadParameter(str(error), param_hint=error.option) from error


async def submit(
    api: Session, body: Body, description: str, options: OutputOptions
) -> None:
    """Create a grant, print it, and wait until it is active if requested.

    Raises:
        CommandError: The API server rejects the grant, the grant cannot become active,
            or the timeout expired.
        ClusterError: A request failed.
    """
    created = await create(api, body)
    if options.is_for_people:
        typer.echo(f"{object_name(created)} created{options.dry_run_suffix}")
        typer.echo(description)
    if options.timeout is None:
        if not options.is_for_people:
            typer.echo(serialize_object(created, options.output))
        return
    metadata = created["metadata"]
    collection = Collection(ACCESS_GRANTS, api.namespace, metadata["name"])
    await wait_for(api.cluster, collection, metadata["uid"], is_ready, options.timeout)
    path = ACCESS_GRANTS.path(api.namespace, collection.name)
    print_access(await api.cluster.get(path), options)


async def create(api: Session, body: Body) -> Body:
    """Create an AccessGrant.

    Raises:
        CommandError: The API server rejects the grant; the message says why.
        ClusterError: The request failed.
    """
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


def print_access(body: Body, options: OutputOptions) -> None:
    """Print that access is active; a warning about its effect goes to stderr."""
    grant = read_stored_status(body)
    if options.is_for_people:
        typer.echo(describe_access(grant, utc_now(), options.zone))
    else:
        typer.echo(serialize_object(body, options.output))
    warning = effectiveness_warning(grant)
    if warning:
        typer.echo(f"Warning: {sanitize(warning)}", err=True)


def effectiveness_warning(grant: StoredStatus) -> str:
    """Return why Argo CD may not match the subject; empty without a problem."""
    effective = grant.conditions.get(GrantCondition.EFFECTIVE)
    is_false = effective is not None and effective.status is False
    return effective.message if effective is not None and is_false else ""
