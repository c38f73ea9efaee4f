"""Connection of a command to API servers, and the objects that it reads there.

Everything is read with the permissions of the caller, configured as in kubectl. A
function that sends a request raises ``ClusterError`` if it fails.
"""

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final, NamedTuple, TypeVar

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
from argogrant.cli.absence import (
    DEFAULT_NAMESPACE,
    NamespaceOrigin,
    describe_absence,
    describe_alternatives,
)
from argogrant.cli.errors import CommandError, describe_api_error
from argogrant.controller.argocd_state import (
    ObservedConfigMap,
    observe_config_map,
    observe_project,
)
from argogrant.grants.conditions import Conditions
from argogrant.grants.model.errors import AccessGrantError
from argogrant.grants.model.grant import Grant
from argogrant.grants.model.validation import PROJECT_NAME, quote, with_full_stop
from argogrant.kube.client import (
    Body,
    Cluster,
    KubernetesCluster,
    namespace_of_context,
)
from argogrant.kube.errors import Forbidden, NotFound
from argogrant.kube.informer import list_all
from argogrant.kube.resources import (
    ACCESS_GRANTS,
    APP_PROJECTS,
    ARGOCD_INSTANCES,
    CONFIG_MAPS,
    Collection,
    Resource,
)

Parsed = TypeVar("Parsed")
NAMESPACE_VARIABLE: Final = "ARGOGRANT_NAMESPACE"


class APIServerNotReachable(Exception):
    """No usable kubeconfig or service account; the message is the client's."""


def utc_now() -> datetime:
    """Return the current time; no other code of the commands reads the clock."""
    return datetime.now(UTC)


async def connect(context: str = "", *, dry_run: bool = False) -> KubernetesCluster:
    """Connect with the service account of the pod, or else with the kubeconfig.

    Args:
        context: Kubeconfig context, also used inside a pod; empty for the current one.
        dry_run: Whether the API server validates writes without persisting them.

    Raises:
        APIServerNotReachable: Neither exists, or the kubeconfig is invalid.
    """
    try:
        return await KubernetesCluster.connect(utc_now, context, dry_run=dry_run)
    except Exception as error:
        # The client library raises many types of errors for an invalid kubeconfig.
        raise APIServerNotReachable(str(error)) from error


class Session(NamedTuple):
    """Connection to an API server, and the namespace of the command."""

    cluster: Cluster
    namespace: str
    source: str = ""
    """Where the namespace comes from, as a clause; empty if an option names it."""

    @property
    def origin(self) -> NamespaceOrigin:
        """The namespace, and where it comes from."""
        return NamespaceOrigin(self.namespace, self.source)


@asynccontextmanager
async def session(
    context: str = "", namespace: str = "", *, dry_run: bool = False
) -> AsyncIterator[Session]:
    """Connect to an API server, and resolve the namespace of the command.

    Raises:
        CommandError: No kubeconfig and no service account exists.
    """
    try:
        cluster = await connect(context, dry_run=dry_run)
    except APIServerNotReachable as error:
        raise CommandError(
            f"no API server is configured: {with_full_stop(str(error))} To list"
            " contexts, run: kubectl config get-contexts."
        ) from error
    try:
        source = _namespace_source(namespace, context)
        yield Session(cluster, resolve_namespace(namespace, context), source)
    finally:
        await cluster.close()


def resolve_namespace(namespace: str, context: str) -> str:
    """Return the option, or else the namespace of the context, or ``argogrant``."""
    return namespace or namespace_of_context(context) or DEFAULT_NAMESPACE


def _namespace_source(namespace: str, context: str) -> str:
    if namespace:
        is_default = namespace == os.environ.get(NAMESPACE_VARIABLE)
        return f"which {NAMESPACE_VARIABLE} names" if is_default else ""
    if not namespace_of_context(context):
        return "the default"
    name = f"context {quote(context)}" if context else "the current context"
    return f"the namespace of {name}"


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


async def instance_body(api: Session, name: str) -> Body:
    """Read an ArgoCDInstance without parsing it.

    Raises:
        CommandError: The instance does not exist, or the name is invalid.
    """
    return await _get(api, ARGOCD_INSTANCES, "ArgoCDInstance", name)


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


async def grant_body(api: Session, name: str) -> Body:
    """Read an AccessGrant without parsing it.

    Raises:
        CommandError: The grant does not exist, the name is invalid, or the caller may
            not read grants in this namespace.
    """
    try:
        return await _get(api, ACCESS_GRANTS, "AccessGrant", name)
    except Forbidden as error:
        hint = await describe_alternatives(api.cluster, api.origin)
        raise CommandError(f"{describe_api_error(error)}{hint}") from error


async def _get(api: Session, resource: Resource, kind: str, name: str) -> Body:
    # Other names would lead to another path of the API server. The pattern of project
    # names is that of the names of all objects.
    if not PROJECT_NAME.fullmatch(name):
        raise CommandError(f"{quote(name)} is not a valid name of an {kind}.")
    try:
        return await api.cluster.get(resource.path(api.namespace, name))
    except NotFound as error:
        raise CommandError(
            await describe_absence(api.cluster, api.origin, kind, name)
        ) from error


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
    try:
        body = await cluster.get(CONFIG_MAPS.path(namespace, CONFIG_MAP_NAME))
    except NotFound as error:
        raise CommandError(
            f"ConfigMap {CONFIG_MAP_NAME} does not exist in namespace"
            f" {quote(namespace)}. Does Argo CD run there (spec.namespace of the"
            " ArgoCDInstance)?"
        ) from error
    bodies = list_all(cluster, Collection(APP_PROJECTS, namespace))
    projects = tuple([observe_project(one) async for one in bodies])
    return ArgoCDRBAC(observe_config_map(body), projects)


async def read_argocd_settings(
    cluster: Cluster, namespace: str
) -> Mapping[str, str] | None:
    """Return the data of ``argocd-cm``; None if it does not exist or is forbidden."""
    try:
        body = await cluster.get(CONFIG_MAPS.path(namespace, SETTINGS_NAME))
    except (Forbidden, NotFound):
        return None
    return dict(body.get("data") or {})
