"""``argogrant list``: who has what, until when."""

from typing import Annotated

import typer

from argogrant.cli.connecting import utc_now
from argogrant.cli.failing import perform
from argogrant.cli.grantlist import Body, Page, Wanted, chosen, written
from argogrant.cli.options import Context, Format, Namespace, Output
from argogrant.cli.session import session
from argogrant.cli.terminal import columns, has_colours
from argogrant.grants.names import quoted
from argogrant.kube.listing import listed
from argogrant.kube.resources import ACCESS_GRANTS, Collection


def list_grants(  # noqa: PLR0913 - one for each option
    *,
    namespace: Namespace = "",
    everywhere: Annotated[
        bool, typer.Option("--all-namespaces", "-A", help="Of every namespace.")
    ] = False,
    selector: Annotated[
        str, typer.Option("--selector", "-l", help="Those with these labels, as k=v.")
    ] = "",
    subject: Annotated[str, typer.Option(help="Those of this user or group.")] = "",
    role: Annotated[
        str, typer.Option(help="Those of this role, as proj:team-a:deployer.")
    ] = "",
    and_ended: Annotated[
        bool, typer.Option("--all", "-a", help="Also those that have ended.")
    ] = False,
    context: Context = "",
    output: Output = Format.TABLE,
) -> None:
    """Say who has which role until when, and what waits or was refused.

    What ends first is first. -o wide says who asked, who agreed, and why not.

    Example: argogrant list --subject alice -o wide
    """
    place, bodies = perform(
        "list", _read(context, namespace, selector, everywhere=everywhere)
    )
    grants = chosen(bodies, Wanted(subject, role, and_ended=and_ended))
    if not grants and output not in (Format.JSON, Format.YAML):
        typer.echo(_none(bodies, "" if everywhere else place), err=True)
        return
    page = Page(
        utc_now(), columns(), has_colours=has_colours(), names_namespaces=everywhere
    )
    typer.echo(written(grants, output, page))


async def _read(
    context: str, namespace: str, selector: str, *, everywhere: bool
) -> tuple[str, list[Body]]:
    async with session(context, namespace) as ours:
        place = "" if everywhere else ours.namespace
        collection = Collection(ACCESS_GRANTS, place, labels=selector)
        return ours.namespace, [one async for one in listed(ours.cluster, collection)]


def _none(bodies: list[Body], namespace: str) -> str:
    """Say that there is nothing, as kubectl does, and what might be."""
    where = f" in namespace {quoted(namespace)}" if namespace else ""
    hint = " Those that have ended, or are others', are left out." if bodies else ""
    return f"No grants{where}.{hint}"
