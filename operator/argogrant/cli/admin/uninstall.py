"""``argogrant uninstall``: what ``helm uninstall`` runs before the release goes."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer

from argogrant.cli.session import connect
from argogrant.controller.uninstall import Step
from argogrant.controller.uninstall import uninstall as uninstall_namespace


def uninstall(
    namespace: Annotated[
        list[str], typer.Option(help="A namespace to clear; may be repeated.")
    ],
    *,
    deployment: Annotated[
        str,
        typer.Option(help="The operator's Deployment, which is scaled to 0 replicas."),
    ] = "",
    wait_seconds: Annotated[
        float, typer.Option(help="How long a running operator may take.", min=0)
    ] = 30,
) -> None:
    """Remove every binding and every finalizer of argogrant, so that it can go.

    The ArgoCDInstances are deleted, which a running operator answers by removing what
    it has bound. Then the operator is stopped, and what is left is removed here. The
    AccessGrants stay, without finalizers. It can be run again; the exit status is 0
    when nothing is left, and 1 when something could not be removed.

    Example: argogrant uninstall --namespace argogrant --deployment argogrant
    """
    steps = asyncio.run(
        _uninstall(namespace, deployment=deployment, wait_seconds=wait_seconds)
    )
    if any(step.failed for step in steps):
        raise typer.Exit(1)


async def _uninstall(
    namespaces: Sequence[str], *, deployment: str, wait_seconds: float
) -> list[Step]:
    steps: list[Step] = []
    cluster = await connect()
    try:
        for namespace in namespaces:
            async for step in uninstall_namespace(
                cluster, namespace, deployment=deployment, wait_seconds=wait_seconds
            ):
                typer.echo(step.text, err=step.failed)
                steps.append(step)
    finally:
        await cluster.close()
    return steps
