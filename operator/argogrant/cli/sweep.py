"""``argogrant sweep``: the second path to every revocation, without the operator."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer

from argogrant.instance.sweep import SweepFailed, sweep_config_map
from argogrant.kube.cluster import KubernetesCluster
from argogrant.rbac.sweep import Swept


def sweep(
    argocd_namespace: Annotated[
        str, typer.Option(help="Where argocd-rbac-cm is.")
    ] = "argocd",
) -> None:
    """Remove the bindings from argocd-rbac-cm whose end has passed.

    It needs nothing but that ConfigMap, and keeps whatever it can not read. The exit
    status is 0 when that was done, also if there was nothing to do, and 1 when the
    ConfigMap could not be read or written.

    Example: argogrant sweep --argocd-namespace argocd
    """
    try:
        swept = asyncio.run(_sweep(argocd_namespace))
    except SweepFailed as error:
        typer.echo(f"sweep of {argocd_namespace}/argocd-rbac-cm: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(
        f"sweep of {argocd_namespace}/argocd-rbac-cm: {swept.removed} removed,"
        f" {swept.kept} kept, {swept.unreadable} unreadable"
    )


async def _sweep(namespace: str) -> Swept:
    def clock() -> datetime:
        return datetime.now(UTC)

    try:
        cluster = await KubernetesCluster.connect(clock)
    except Exception as error:
        raise SweepFailed(f"no API server is configured: {error}") from error
    try:
        return await sweep_config_map(cluster, namespace, clock)
    finally:
        await cluster.close()
