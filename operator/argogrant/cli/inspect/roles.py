"""``argogrant roles``: what a grant can name, with the caller's own rights."""

from typing import Annotated

import typer

from argogrant.argocd.roles import DiscoveredRole, discover_roles
from argogrant.cli.argocd_reader import argocd_of, look_at_rules
from argogrant.cli.errors import perform
from argogrant.cli.inspect.rolelist import written
from argogrant.cli.options import Context, Format, InstanceName, Namespace, Output
from argogrant.cli.session import instance_of, session
from argogrant.cli.terminal.terminal import columns
from argogrant.controller.gather import owners_of
from argogrant.grants.access.approval import Owners


def roles(
    *,
    namespace: Namespace = "",
    instance: InstanceName = "default",
    context: Context = "",
    argocd_context: Annotated[
        str, typer.Option(help="The context of Argo CD's cluster, if that is another.")
    ] = "",
    output: Output = Format.TABLE,
) -> None:
    """List every role that a grant can name, and which to be careful with.

    DENIES: the role can take rights away. PERSISTS: its holder can make access outlast
    the grant; -o wide says by which rights. It only reads, with your own rights.

    Example: argogrant roles -n argogrant -o wide
    """
    found, owners = perform(
        "roles",
        _look(namespace, instance, context=context, argocd_context=argocd_context),
    )
    typer.echo(written(found, owners, output=output, width=columns()))


async def _look(
    namespace: str, name: str, *, context: str, argocd_context: str
) -> tuple[tuple[DiscoveredRole, ...], Owners]:
    async with session(context, namespace) as ours:
        instance = await instance_of(ours, name)
        async with argocd_of(ours, instance, argocd_context) as cluster:
            seen = await look_at_rules(cluster, instance.argocd_namespace)
    found = discover_roles(seen.config_map.others, seen.projects)
    return found, owners_of(instance, seen.projects, seen.config_map.marks)
