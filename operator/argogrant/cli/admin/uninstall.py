"""``argogrant uninstall``: the pre-delete hook of the Helm chart."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer

from argogrant.cli.session import connect
from argogrant.controller.uninstall import Step
from argogrant.controller.uninstall import uninstall as uninstall_namespace


def uninstall(
    namespace: Annotated[
        list[str], typer.Option(help="Namespace to clean up; may be repeated.")
    ],
    *,
    deployment: Annotated[
        str,
        typer.Option(help="Deployment of the operator, scaled to 0 replicas."),
    ] = "",
    wait_seconds: Annotated[
        float, typer.Option(help="Seconds to wait for a running operator.", min=0)
    ] = 30,
) -> None:
    """Remove all bindings and finalizers of argogrant before uninstalling.

    Deletes the ArgoCDInstances, waits until a running operator has removed its
    bindings, stops the operator, and removes what is left. AccessGrants remain, without
    finalizers. The command can be repeated. The exit status is 0 if nothing is left,
    and 1 if something could not be removed.

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
