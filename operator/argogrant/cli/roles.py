"""``argogrant roles``: what a grant can name, with the caller's own rights."""

import asyncio
import shutil
from contextlib import AsyncExitStack
from typing import Annotated

import typer

from argogrant.api.argocdinstance import Instance, read_instance
from argogrant.cli.connecting import NoAPIServer, connect
from argogrant.cli.rolelist import Format, written
from argogrant.grants.approval import Owners
from argogrant.grants.errors import AccessGrantError
from argogrant.grants.names import quoted
from argogrant.instance.gather import owners_of
from argogrant.instance.observations import observe_config_map, observe_project
from argogrant.kube.cluster import Cluster, KubernetesCluster
from argogrant.kube.failures import ClusterError, Forbidden, NotFound
from argogrant.kube.listing import listed
from argogrant.kube.resources import (
    APP_PROJECTS,
    ARGOCD_INSTANCES,
    CONFIG_MAPS,
    Collection,
)
from argogrant.rbac.projects import Project
from argogrant.rbac.roles import DiscoveredRole, discover_roles
from argogrant.rbac.text import CONFIG_MAP_NAME


class NoRoles(Exception):
    """They can not be listed; the message says why, and what to do."""


def roles(
    *,
    namespace: Annotated[
        str, typer.Option("--namespace", "-n", help="Where the ArgoCDInstance is.")
    ] = "argogrant",
    instance: Annotated[
        str, typer.Option(help="The ArgoCDInstance whose roles are listed.")
    ] = "default",
    context: Annotated[
        str, typer.Option(help="The context of the kubeconfig.  [default: current]")
    ] = "",
    argocd_context: Annotated[
        str, typer.Option(help="The context of Argo CD's cluster, if that is another.")
    ] = "",
    output: Annotated[
        Format, typer.Option("--output", "-o", help="For people, or for programs.")
    ] = Format.TABLE,
) -> None:
    """List every role that a grant can name, and which to be careful with.

    DENIES: the role can take rights away. PERSISTS: its holder can make access outlast
    the grant; -o wide says by which rights. It only reads, with your own rights.

    Example: argogrant roles -n argogrant -o wide
    """
    try:
        found, owners = asyncio.run(
            _look(namespace, instance, context=context, argocd_context=argocd_context)
        )
    except NoRoles as error:
        typer.echo(f"argogrant roles: {error}", err=True)
        raise typer.Exit(1) from error
    width = shutil.get_terminal_size().columns
    typer.echo(written(found, owners, output=output, width=width))


async def _look(
    namespace: str, name: str, *, context: str, argocd_context: str
) -> tuple[tuple[DiscoveredRole, ...], Owners]:
    async with AsyncExitStack() as stack:
        ours = await _connect(context, stack)
        try:
            instance = await _instance(ours, namespace, name)
            there = await _connect(argocd_context, stack) if argocd_context else ours
            if instance.cluster is not None and not argocd_context:
                raise NoRoles(
                    f"ArgoCDInstance {quoted(name)} is in another cluster; name a"
                    " context of your kubeconfig that reaches it (--argocd-context)."
                )
            return await _discover(there, instance)
        except Forbidden as error:
            raise NoRoles(f"{error} Ask for the right to read it.") from error
        except ClusterError as error:
            raise NoRoles(f"{error} Does kubectl reach that cluster?") from error


async def _connect(context: str, stack: AsyncExitStack) -> KubernetesCluster:
    try:
        cluster = await connect(context)
    except NoAPIServer as error:
        raise NoRoles(
            f"no API server is configured: {error}; look at kubectl config"
            " get-contexts."
        ) from error
    stack.push_async_callback(cluster.close)
    return cluster


async def _instance(cluster: Cluster, namespace: str, name: str) -> Instance:
    try:
        return read_instance(await cluster.get(ARGOCD_INSTANCES.path(namespace, name)))
    except NotFound as error:
        raise NoRoles(
            f"there is no ArgoCDInstance {quoted(name)} in namespace"
            f" {quoted(namespace)}; kubectl get argocdinstances -A lists them."
        ) from error
    except ClusterError:
        raise
    except AccessGrantError as error:
        raise NoRoles(
            f"ArgoCDInstance {quoted(name)} can not be understood: {error}; apply the"
            " CRDs of this version."
        ) from error


async def _discover(
    cluster: Cluster, instance: Instance
) -> tuple[tuple[DiscoveredRole, ...], Owners]:
    namespace = instance.argocd_namespace
    try:
        body = await cluster.get(CONFIG_MAPS.path(namespace, CONFIG_MAP_NAME))
    except NotFound as error:
        raise NoRoles(
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
