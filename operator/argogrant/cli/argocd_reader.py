"""State of one Argo CD, read with the permissions of the caller."""

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
class ArgoCDRBAC:
    """RBAC policy and AppProjects that Argo CD evaluates requests with."""

    config_map: ObservedConfigMap
    projects: tuple[Project, ...]


@asynccontextmanager
async def argocd_of(
    home: Session, instance: Instance, context: str
) -> AsyncIterator[Cluster]:
    """Connect to the cluster in which the Argo CD of an instance runs.

    Args:
        home: The cluster of the ArgoCDInstance.
        instance: The instance; ``spec.cluster`` is set if Argo CD runs elsewhere.
        context: Kubeconfig context of Argo CD's cluster; empty for ``home``.

    Raises:
        CommandError: Argo CD runs in another cluster, and ``context`` is empty.
    """
    if context:
        async with session(context) as remote:
            yield remote.cluster
        return
    if instance.cluster is not None:
        raise CommandError(
            f"the Argo CD of ArgoCDInstance {quote(instance.name)} runs in another"
            " cluster. Name a kubeconfig context of that cluster (--argocd-context)."
        )
    yield home.cluster


async def read_rules(cluster: Cluster, namespace: str) -> ArgoCDRBAC:
    """Read the RBAC policy and the AppProjects.

    Raises:
        CommandError: The RBAC ConfigMap does not exist.
        ClusterError: A request failed.
    """
    try:
        body = await cluster.get(CONFIG_MAPS.path(namespace, CONFIG_MAP_NAME))
    except NotFound as error:
        raise CommandError(
            f"ConfigMap {CONFIG_MAP_NAME} does not exist in namespace"
            f" {quote(namespace)}. Does Argo CD run there (spec.namespace of the"
            " ArgoCDInstance)?"
        ) from error
    collection = Collection(APP_PROJECTS, namespace)
    return ArgoCDRBAC(
        config_map=observe_config_map(body),
        projects=tuple(
            [observe_project(one) async for one in list_all(cluster, collection)]
        ),
    )


async def read_argocd_settings(
    cluster: Cluster, namespace: str
) -> Mapping[str, str] | None:
    """Return the data of ``argocd-cm``; None if it does not exist or is forbidden."""
    try:
        body = await cluster.get(CONFIG_MAPS.path(namespace, SETTINGS_NAME))
    except (Forbidden, NotFound):
        return None
    return dict(body.get("data") or {})
