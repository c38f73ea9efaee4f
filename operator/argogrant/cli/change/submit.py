"""A grant on its way: created, told of, and waited for."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta, tzinfo

import typer

from argogrant.api.stored_status import Announced, read_announced
from argogrant.cli.change.arguments import UsageRefused, patience_of, told_access
from argogrant.cli.change.time_arguments import MomentRefused, parse_zone
from argogrant.cli.change.wait import until_in_force, wait_for
from argogrant.cli.errors import CommandFailed, refusal
from argogrant.cli.options import DryRun, Format
from argogrant.cli.session import Session, utc_now
from argogrant.cli.terminal.serialize import READABLE, object_name, written_object
from argogrant.cli.terminal.tables import shown
from argogrant.grants.model.reasons import GrantCondition
from argogrant.grants.model.validation import quoted
from argogrant.kube.client import Body
from argogrant.kube.errors import Conflict, Forbidden, Refused
from argogrant.kube.resources import ACCESS_GRANTS, Collection


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """How something that was written is told of."""

    output: Format
    zone: tzinfo | None
    """In which times are read and written; None: the machine's."""
    is_trial: bool
    patience: timedelta | None
    """How long is waited for what comes of it; None: not at all."""

    @property
    def is_read(self) -> bool:
        """Whether people read it, to whom sentences are told."""
        return self.output in READABLE

    @property
    def mark(self) -> str:
        """What stands behind the name of what is not kept."""
        return " (server dry run)" if self.is_trial else ""


def telling_of(
    output: Format, *, wait: bool, timeout: str, dry_run: DryRun, zone: str = ""
) -> Telling:
    """Read the options for what is told, and when.

    Raises:
        UsageRefused: An option can not be meant so.
    """
    is_trial = dry_run is DryRun.SERVER
    if wait and is_trial:
        raise UsageRefused("--wait", "nothing comes of what is not kept (--dry-run)")
    try:
        where = parse_zone(zone)
    except MomentRefused as error:
        raise UsageRefused("--zone", str(error)) from error
    return Telling(
        output=output,
        zone=where,
        is_trial=is_trial,
        patience=patience_of(timeout, wait=wait),
    )


@contextmanager
def usage() -> Iterator[None]:
    """Turn what can not be meant into an error of usage: exit status 2."""
    try:
        yield
    except UsageRefused as error:
        raise typer.BadParameter(str(error), param_hint=error.option) from error


async def submit(asked: Session, body: Body, told: str, telling: Telling) -> None:
    """Create a grant, say so, and wait until it is in force if that is wished.

    Raises:
        CommandFailed: It is refused, or it never comes into force, or not in time.
        ClusterError: The API server does not answer.
    """
    made = await create(asked, body)
    if telling.is_read:
        typer.echo(f"{object_name(made)} created{telling.mark}")
        typer.echo(told)
    if telling.patience is None:
        if not telling.is_read:
            typer.echo(written_object(made, telling.output))
        return
    metadata = made["metadata"]
    one = Collection(ACCESS_GRANTS, asked.namespace, metadata["name"])
    question = until_in_force(metadata["uid"])
    await wait_for(asked.cluster, one, question, telling.patience)
    now = await asked.cluster.get(ACCESS_GRANTS.path(asked.namespace, one.name))
    tell_access(now, telling)


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
        raise CommandFailed(
            f"there is an AccessGrant {quoted(name)} in namespace"
            f" {quoted(asked.namespace)} already; choose another --name."
        ) from error
    except (Refused, Forbidden) as error:
        raise CommandFailed(refusal(error)) from error


def tell_access(body: Body, telling: Telling) -> None:
    """Say that access is in force; a doubt whether it helps goes to stderr."""
    grant = read_announced(body)
    if telling.is_read:
        typer.echo(told_access(grant, utc_now(), telling.zone))
    else:
        typer.echo(written_object(body, telling.output))
    doubt = doubt_about(grant)
    if doubt:
        typer.echo(f"but: {shown(doubt)}", err=True)


def doubt_about(grant: Announced) -> str:
    """Why Argo CD may not know the subject; empty if nothing is said against it."""
    said = grant.conditions.get(GrantCondition.EFFECTIVE)
    return said.message if said is not None and said.status is False else ""
