"""``argogrant sweep``: the second path to every revocation, without the operator."""

import asyncio
from typing import Annotated

import typer

from argogrant.argocd.appproject.sweep import SweptMembers
from argogrant.argocd.sweep import Swept
from argogrant.cli.session import APIServerNotReachable, connect, utc_now
from argogrant.controller.sweep import SweepFailed, sweep_config_map, sweep_projects


def sweep(
    argocd_namespace: Annotated[
        str, typer.Option(help="Where argocd-rbac-cm is.")
    ] = "argocd",
) -> None:
    """Remove the bindings from argocd-rbac-cm whose end has passed.

    It needs nothing but that ConfigMap, and keeps whatever it can not read. If it may
    list AppProjects, it removes the members whose end has passed from them as well,
    with the tokens that were made meanwhile. The exit status is 0 when that was done,
    also if there was nothing to do, and 1 when something could not be read or written.

    Example: argogrant sweep --argocd-namespace argocd
    """
    try:
        swept, members = asyncio.run(_sweep(argocd_namespace))
    except SweepFailed as error:
        typer.echo(f"sweep of {argocd_namespace}/argocd-rbac-cm: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(
        f"sweep of {argocd_namespace}/argocd-rbac-cm: {swept.removed} removed,"
        f" {swept.kept} kept, {swept.unreadable} unreadable"
    )
    _print_members(argocd_namespace, members)


def _print_members(namespace: str, members: SweptMembers | SweepFailed | None) -> None:
    what = f"sweep of the AppProjects in {namespace}:"
    if members is None:
        typer.echo(f"{what} they may not be listed, so they were left alone", err=True)
    elif isinstance(members, SweepFailed):
        typer.echo(f"{what} {members}", err=True)
        raise typer.Exit(1)
    elif members != SweptMembers():
        typer.echo(
            f"{what} {members.removed} members and {members.tokens} tokens removed,"
            f" {members.kept} kept, {members.unreadable} projects unreadable"
        )


async def _sweep(namespace: str) -> tuple[Swept, SweptMembers | SweepFailed | None]:
    try:
        cluster = await connect()
    except APIServerNotReachable as error:
        raise SweepFailed(f"no API server is configured: {error}") from error
    try:
        swept = await sweep_config_map(cluster, namespace, utc_now)
        try:
            return swept, await sweep_projects(cluster, namespace, utc_now)
        except SweepFailed as error:
            return swept, error
    finally:
        await cluster.close()
