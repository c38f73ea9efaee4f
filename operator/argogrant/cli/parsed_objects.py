"""Objects that commands read and parse.

These functions are apart from ``session``, because the models that parse objects take
longer to import than most lists take to read.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple, TypeVar

from argogrant.api.accessgrant import read_grant
from argogrant.api.accessgrant_view import (
    StoredStatus,
    read_conditions,
    read_stored_status,
)
from argogrant.api.argocdinstance import Instance, read_instance
from argogrant.api.json_fields import get_dict
from argogrant.argocd.appproject.project import Project
from argogrant.argocd.argocd_cm import SETTINGS_NAME
from argogrant.argocd.policy_csv import CONFIG_MAP_NAME
from argogrant.cli.errors import CommandError
from argogrant.cli.session import Session, grant_body, instance_body, session
from argogrant.controller.argocd_state import (
    ObservedConfigMap,
    observe_config_map,
    observe_project,
)
from argogrant.grants.model.errors import AccessGrantError
from argogrant.grants.model.grant import Grant
from argogrant.grants.model.stored_condition import Conditions
from argogrant.grants.model.validation import quote, with_full_stop
from argogrant.kube.client import Body, Cluster
from argogrant.kube.errors import Forbidden, NotFound
from argogrant.kube.informer import list_all
from argogrant.kube.resources import (
    APP_PROJECTS,
    CONFIG_MAPS,
    Collection,
)

Parsed = TypeVar("Parsed")


async def instance_of(api: Session, name: str) -> Instance:
    """Read and parse an ArgoCDInstance.

    Raises:
        CommandError: The instance does not exist, or is invalid.
    """
    return parse_instance(name, await instance_body(api, name))


def parse_instance(name: str, body: Body) -> Instance:
    """Parse an ArgoCDInstance.

    Raises:
        CommandError: It is invalid.
    """
    return _parse("ArgoCDInstance", name, body, read_instance)


async def instance_conditions(api: Session, name: str) -> Conditions:
    """Read the conditions that the operator reported about an ArgoCDInstance.

    Raises:
        CommandError: The instance does not exist.
    """
    return read_conditions(get_dict(await instance_body(api, name), "status"))


class GrantLookup(NamedTuple):
    """AccessGrant with its stored status."""

    grant: Grant
    stored: StoredStatus


async def find_grant(api: Session, name: str) -> GrantLookup:
    """Read and parse an AccessGrant.

    Raises:
        CommandError: The grant does not exist, or is invalid.
    """
    body = await grant_body(api, name)
    grant = _parse("AccessGrant", name, body, read_grant)
    return GrantLookup(grant, read_stored_status(body))


def _parse(kind: str, name: str, body: Body, read: Callable[[Body], Parsed]) -> Parsed:
    try:
        return read(body)
    except AccessGrantError as error:
        raise CommandError(
            f"{kind} {quote(name)} is invalid: {with_full_stop(str(error))} Apply the"
            " CRDs of this version."
        ) from error


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


class ArgoCDRBAC(NamedTuple):
    """RBAC policy and AppProjects that Argo CD evaluates requests with."""

    config_map: ObservedConfigMap
    projects: tuple[Project, ...]


async def read_rules(cluster: Cluster, namespace: str) -> ArgoCDRBAC:
    """Read the RBAC policy and the AppProjects.

    Raises:
        CommandError: The RBAC ConfigMap does not exist.
    """
    config_map = await read_config_map(cluster, namespace)
    return ArgoCDRBAC(config_map, await read_projects(cluster, namespace))


async def read_config_map(cluster: Cluster, namespace: str) -> ObservedConfigMap:
    """Read the RBAC policy.

    Raises:
        CommandError: The RBAC ConfigMap does not exist.
    """
    try:
        body = await cluster.get(CONFIG_MAPS.path(namespace, CONFIG_MAP_NAME))
    except NotFound as error:
        raise CommandError(
            f"ConfigMap {CONFIG_MAP_NAME} does not exist in namespace"
            f" {quote(namespace)}. Does Argo CD run there (spec.namespace of the"
            " ArgoCDInstance)?"
        ) from error
    return observe_config_map(body)


async def read_projects(cluster: Cluster, namespace: str) -> tuple[Project, ...]:
    """Read the AppProjects."""
    bodies = list_all(cluster, Collection(APP_PROJECTS, namespace))
    return tuple([observe_project(one) async for one in bodies])


async def read_argocd_settings(
    cluster: Cluster, namespace: str
) -> Mapping[str, str] | None:
    """Return the data of ``argocd-cm``; None if it does not exist or is forbidden."""
    try:
        body = await cluster.get(CONFIG_MAPS.path(namespace, SETTINGS_NAME))
    except (Forbidden, NotFound):
        return None
    return dict(body.get("data") or {})
