"""The command ``argogrant list``."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from argogrant.cli.errors import INTERRUPTED, interrupted, run_command
from argogrant.cli.inspect.grant_table import (
    GrantFilter,
    ListedGrant,
    TableOptions,
    format_change,
    format_grants,
    format_header,
    select_grants,
)
from argogrant.cli.inspect.watch import PrintedGrants, watch_grants
from argogrant.cli.options import Context, ListFormat, Namespace, Output, Selector
from argogrant.cli.session import Session, session, utc_now
from argogrant.cli.terminal.tables import columns, has_colours
from argogrant.grants.model.validation import quote
from argogrant.kube.client import Body
from argogrant.kube.informer import list_all
from argogrant.kube.resources import ACCESS_GRANTS, Collection


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOptions:
    """Options of the command."""

    filter: GrantFilter
    selector: str
    all_namespaces: bool
    output: ListFormat

    def collection(self, home: Session) -> Collection:
        """Return the collection to list."""
        namespace = "" if self.all_namespaces else home.namespace
        return Collection(ACCESS_GRANTS, namespace, labels=self.selector)

    def table(self) -> TableOptions:
        """Return the options of a table that is printed now."""
        return TableOptions(
            utc_now(),
            columns(),
            has_colours=has_colours(),
            has_namespaces=self.all_namespaces,
        )


def list_grants(  # noqa: PLR0913 - one for each option
    *,
    namespace: Namespace = "",
    all_namespaces: Annotated[
        bool, typer.Option("--all-namespaces", "-A", help="Grants of every namespace.")
    ] = False,
    selector: Selector = "",
    subject: Annotated[
        str, typer.Option(help="User or group that receives the role.")
    ] = "",
    role: Annotated[str, typer.Option(help="Role, such as proj:team-a:deployer.")] = "",
    include_ended: Annotated[
        bool, typer.Option("--all", "-a", help="Include grants that have ended.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Print every later change.")
    ] = False,
    context: Context = "",
    output: Output = ListFormat.TABLE,
) -> None:
    """List who has which role until when, and which grants are pending or refused.

    Sorted by the end. -o wide adds requester, approvers and the reason of Ready.

    Example: argogrant list --subject alice -o wide
    """
    options = ListOptions(
        filter=GrantFilter(subject, role, include_ended=include_ended),
        selector=selector,
        all_namespaces=all_namespaces,
        output=output,
    )
    try:
        work = _watch if watch else _list
        run_command("list", work(options, context, namespace))
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise typer.Exit(INTERRUPTED) from None


async def _list(options: ListOptions, context: str, namespace: str) -> None:
    async with session(context, namespace) as home:
        collection = options.collection(home)
        bodies = [one async for one in list_all(home.cluster, collection)]
    grants = select_grants(bodies, options.filter)
    if not grants and options.output not in (ListFormat.JSON, ListFormat.YAML):
        _print_none(bodies, collection.namespace)
        return
    typer.echo(format_grants(grants, options.output, options.table()))


async def _watch(options: ListOptions, context: str, namespace: str) -> None:
    """Print the list, then a line for each change, until Ctrl-C."""
    printed = PrintedGrants(options.filter)
    with interrupted():
        async with session(context, namespace) as home:
            collection = options.collection(home)
            async with watch_grants(home.cluster, collection) as (bodies, changes):
                grants: Sequence[ListedGrant] = printed.start(bodies)
                if grants:
                    typer.echo(format_header(grants, options.output, options.table()))
                else:
                    _print_none(bodies, collection.namespace)
                async for change in changes:
                    before = printed.grants
                    if not printed.record(change):
                        continue
                    table = options.table()
                    # The header of an empty list follows with the first grant.
                    text = (
                        format_change(before, change, options.output, table)
                        if grants
                        else format_header([change], options.output, table)
                    )
                    grants = grants or [change]
                    typer.echo(text)


def _print_none(bodies: Sequence[Body], namespace: str) -> None:
    """Print that there are no grants, as kubectl does, and which are not shown."""
    where = f" in namespace {quote(namespace)}" if namespace else ""
    hint = (
        " Grants that have ended (--all) or do not match the options are not shown."
        if bodies
        else ""
    )
    typer.echo(f"No grants{where}.{hint}", err=True)
