"""``argogrant sweep``: removes expired bindings without the operator.

A CronJob runs it as a second path to every revocation, in case the operator is down.
"""

import asyncio
from typing import Annotated

import typer

from argogrant.argocd.appproject.sweep import SweptMembers
from argogrant.argocd.sweep import Swept
from argogrant.cli.session import APIServerNotReachable, connect, utc_now
from argogrant.controller.sweep import SweepFailed, sweep_config_map, sweep_projects


def sweep(
    argocd_namespace: Annotated[
        str, typer.Option(help="Namespace of argocd-rbac-cm.")
    ] = "argocd",
) -> None:
    """Remove expired bindings from argocd-rbac-cm.

    Needs only this ConfigMap, and keeps lines that it cannot parse. With permission to
    list AppProjects, also removes expired members and the tokens that they issued. The
    exit status is 0 if everything expired was removed, also if there was nothing to
    remove, and 1 if a read or a write failed.

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
    prefix = f"sweep of the AppProjects in {namespace}:"
    if members is None:
        typer.echo(f"{prefix} skipped, no permission to list them", err=True)
    elif isinstance(members, SweepFailed):
        typer.echo(f"{prefix} {members}", err=True)
        raise typer.Exit(1)
    elif members != SweptMembers():
        typer.echo(
            f"{prefix} {members.removed} members and {members.tokens} tokens removed,"
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
