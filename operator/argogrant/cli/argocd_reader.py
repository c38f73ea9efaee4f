"""One Argo CD as a command sees it, with the caller's own rights."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from argogrant.api.argocdinstance import Instance
from argogrant.argocd.appproject.project import Project
from argogrant.argocd.argocd_cm import SETTINGS_NAME
from argogrant.argocd.policy_csv import CONFIG_MAP_NAME
from argogrant.cli.errors import CommandError
from argogrant.cli.session import Session, session
from argogrant.controller.argocd_state import (
    ObservedConfigMap,
    observe_config_map,
    observe_project,
)
from argogrant.grants.model.validation import quote
from argogrant.kube.client import Cluster
from argogrant.kube.errors import Forbidden, NotFound
from argogrant.kube.informer import list_all
from argogrant.kube.resources import APP_PROJECTS, CONFIG_MAPS, Collection


@dataclass(frozen=True, slots=True, kw_only=True)
class ArgoCDSeen:
    """What an Argo CD judges by."""

    config_map: ObservedConfigMap
    projects: tuple[Project, ...]


@asynccontextmanager
async def argocd_of(
    ours: Session, instance: Instance, context: str
) -> AsyncIterator[Cluster]:
    """Reach the cluster of an instance's Argo CD.

    Args:
        ours: Where the instance itself is.
        instance: Says whether Argo CD is elsewhere.
        context: One of the kubeconfig that reaches it; empty if it is here.

    Raises:
        CommandFailed: It is elsewhere, and no context says how to go there.
    """
    if context:
        async with session(context) as there:
            yield there.cluster
        return
    if instance.cluster is not None:
        raise CommandError(
            f"ArgoCDInstance {quote(instance.name)} is in another cluster; name a"
            " context of your kubeconfig that reaches it (--argocd-context)."
        )
    yield ours.cluster


async def read_rules(cluster: Cluster, namespace: str) -> ArgoCDSeen:
    """Read the RBAC text and the AppProjects.

    Raises:
        CommandFailed: There is no RBAC ConfigMap.
        ClusterError: Something can not be read.
    """
    try:
        body = await cluster.get(CONFIG_MAPS.path(namespace, CONFIG_MAP_NAME))
    except NotFound as error:
        raise CommandError(
            f"there is no {CONFIG_MAP_NAME} in namespace {quote(namespace)}; is that"
            " where Argo CD runs (spec.namespace of the ArgoCDInstance)?"
        ) from error
    collection = Collection(APP_PROJECTS, namespace)
    return ArgoCDSeen(
        config_map=observe_config_map(body),
        projects=tuple(
            [observe_project(one) async for one in list_all(cluster, collection)]
        ),
    )


async def read_argocd_settings(
    cluster: Cluster, namespace: str
) -> Mapping[str, str] | None:
    """Read ``argocd-cm``; None if the caller may not, or it is not there."""
    try:
        body = await cluster.get(CONFIG_MAPS.path(namespace, SETTINGS_NAME))
    except (Forbidden, NotFound):
        return None
    return dict(body.get("data") or {})
