"""``argogrant roles``: what a grant can name, with the caller's own rights."""

from typing import Annotated

import typer

from argogrant.api.argocdinstance import Instance
from argogrant.cli.failing import CommandFailed, perform
from argogrant.cli.options import Context, Format, InstanceName, Namespace, Output
from argogrant.cli.rolelist import written
from argogrant.cli.session import instance_of, session
from argogrant.cli.terminal import columns
from argogrant.grants.approval import Owners
from argogrant.grants.names import quoted
from argogrant.instance.gather import owners_of
from argogrant.instance.observations import observe_config_map, observe_project
from argogrant.kube.cluster import Cluster
from argogrant.kube.failures import NotFound
from argogrant.kube.listing import listed
from argogrant.kube.resources import (
    APP_PROJECTS,
    CONFIG_MAPS,
    Collection,
)
from argogrant.rbac.projects import Project
from argogrant.rbac.roles import DiscoveredRole, discover_roles
from argogrant.rbac.text import CONFIG_MAP_NAME


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
        if argocd_context:
            async with session(argocd_context) as there:
                return await _discover(there.cluster, instance)
        if instance.cluster is not None:
            raise CommandFailed(
                f"ArgoCDInstance {quoted(name)} is in another cluster; name a"
                " context of your kubeconfig that reaches it (--argocd-context)."
            )
        return await _discover(ours.cluster, instance)


async def _discover(
    cluster: Cluster, instance: Instance
) -> tuple[tuple[DiscoveredRole, ...], Owners]:
    namespace = instance.argocd_namespace
    try:
        body = await cluster.get(CONFIG_MAPS.path(namespace, CONFIG_MAP_NAME))
    except NotFound as error:
        raise CommandFailed(
            f"there is no {CONFIG_MAP_NAME} in namespace {quoted(namespace)}; is that"
            " where Argo CD runs (spec.namespace of the ArgoCDInstance)?"
        ) from error
    config_map = observe_config_map(body)
    projects = await _projects(cluster, namespace)
    found = discover_roles(config_map.others, projects)
    return found, owners_of(instance, projects, config_map.marks)


async def _projects(cluster: Cluster, namespace: str) -> tuple[Project, ...]:
    collection = Collection(APP_PROJECTS, namespace)
    return tuple([observe_project(one) async for one in listed(cluster, collection)])
