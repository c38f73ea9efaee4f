"""``argogrant list``: who has what, until when."""

import asyncio
from dataclasses import dataclass
from typing import Annotated

import typer

from argogrant.cli.errors import INTERRUPTED, interrupted, run_command
from argogrant.cli.inspect.grant_table import (
    Body,
    GrantFilter,
    TableOptions,
    TableRow,
    chosen,
    format_change,
    format_grants,
    format_header,
)
from argogrant.cli.inspect.watch import Follower, following
from argogrant.cli.options import Context, ListFormat, Namespace, Output, Selector
from argogrant.cli.session import Session, session, utc_now
from argogrant.cli.terminal.tables import columns, has_colours
from argogrant.grants.model.validation import quote
from argogrant.kube.informer import list_all
from argogrant.kube.resources import ACCESS_GRANTS, Collection


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOptions:
    """What somebody typed."""

    filter: GrantFilter
    selector: str
    is_everywhere: bool
    output: ListFormat

    def collection(self, asked: Session) -> Collection:
        """Name what is listed."""
        place = "" if self.is_everywhere else asked.namespace
        return Collection(ACCESS_GRANTS, place, labels=self.selector)

    def page(self) -> TableOptions:
        """Describe what it is written on, now."""
        return TableOptions(
            utc_now(),
            columns(),
            has_colours=has_colours(),
            names_namespaces=self.is_everywhere,
        )


def list_grants(  # noqa: PLR0913 - one for each option
    *,
    namespace: Namespace = "",
    everywhere: Annotated[
        bool, typer.Option("--all-namespaces", "-A", help="Of every namespace.")
    ] = False,
    selector: Selector = "",
    subject: Annotated[str, typer.Option(help="Those of this user or group.")] = "",
    role: Annotated[
        str, typer.Option(help="Those of this role, as proj:team-a:deployer.")
    ] = "",
    and_ended: Annotated[
        bool, typer.Option("--all", "-a", help="Also those that have ended.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Go on: a line for each change.")
    ] = False,
    context: Context = "",
    output: Output = ListFormat.TABLE,
) -> None:
    """Say who has which role until when, and what waits or was refused.

    What ends first is first. -o wide says who asked, who agreed, and why not.

    Example: argogrant list --subject alice -o wide
    """
    listing = ListOptions(
        filter=GrantFilter(subject, role, and_ended=and_ended),
        selector=selector,
        is_everywhere=everywhere,
        output=output,
    )
    try:
        work = _follow if watch else _list
        run_command("list", work(listing, context, namespace))
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise typer.Exit(INTERRUPTED) from None


async def _list(listing: ListOptions, context: str, namespace: str) -> None:
    async with session(context, namespace) as asked:
        collection = listing.collection(asked)
        bodies = [one async for one in list_all(asked.cluster, collection)]
    grants = chosen(bodies, listing.filter)
    if not grants and listing.output not in (ListFormat.JSON, ListFormat.YAML):
        typer.echo(_none(bodies, collection.namespace), err=True)
        return
    typer.echo(format_grants(grants, listing.output, listing.page()))


async def _follow(listing: ListOptions, context: str, namespace: str) -> None:
    """List, then write a line for each change until somebody interrupts it."""
    with interrupted():
        await _write_changes(listing, context, namespace)


async def _write_changes(listing: ListOptions, context: str, namespace: str) -> None:
    follower = Follower(listing.filter)
    async with session(context, namespace) as asked:
        collection = listing.collection(asked)
        async with following(asked.cluster, collection) as (bodies, changes):
            grants = follower.begin(bodies)
            if grants:
                typer.echo(format_header(grants, listing.output, listing.page()))
            else:
                typer.echo(_none(bodies, collection.namespace), err=True)
            async for change in changes:
                told, grant = follower.told, follower.take(change)
                if grant is None:
                    continue
                if grants:
                    line = TableRow(change.body, grant, is_gone=change.is_gone)
                    text = format_change(told, line, listing.output, listing.page())
                else:
                    grants = [(change.body, grant)]
                    text = format_header(grants, listing.output, listing.page())
                typer.echo(text)


def _none(bodies: list[Body], namespace: str) -> str:
    """Say that there is nothing, as kubectl does, and what might be."""
    where = f" in namespace {quote(namespace)}" if namespace else ""
    hint = " Those that have ended, or are others', are left out." if bodies else ""
    return f"No grants{where}.{hint}"
