"""Connection of a command to API servers, and the objects that it reads there.

Everything is read with the permissions of the caller, configured as in kubectl. A
function that sends a request raises ``ClusterError`` if it fails.
"""

import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import fields, replace
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
from argogrant.cli.commands.connection import given_options
from argogrant.cli.confirmed_writes import ConfirmedWrites
from argogrant.cli.errors import CommandError, describe_api_error
from argogrant.cli.terminal.tables import sanitize
from argogrant.controller.argocd_state import (
    ObservedConfigMap,
    observe_config_map,
    observe_project,
)
from argogrant.grants.conditions import Conditions
from argogrant.grants.model.errors import AccessGrantError
from argogrant.grants.model.grant import Grant
from argogrant.grants.model.validation import PROJECT_NAME, quote, with_full_stop
from argogrant.kube.client import Body, Cluster, KubernetesCluster, Timeouts
from argogrant.kube.errors import CredentialUnavailable, Forbidden, NotFound
from argogrant.kube.exec_plugin import PluginTerminal
from argogrant.kube.informer import list_all
from argogrant.kube.kubeconfig.choosing import (
    ClientConfig,
    ConnectionOptions,
    read_client_config,
)
from argogrant.kube.kubeconfig.durations import parse_timeout
from argogrant.kube.kubeconfig.entries import InvalidKubeconfig
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
    """No usable kubeconfig, service account or credential; the message is complete."""


def utc_now() -> datetime:
    """Return the current time; no other code of the commands reads the clock."""
    return datetime.now(UTC)


def connection_options() -> ConnectionOptions:
    """Return the options of the command that choose API server and credential."""
    names = {one.name for one in fields(ConnectionOptions)}
    values = {key: one for key, one in given_options().items() if key in names}
    return ConnectionOptions(**values)


def request_timeouts(text: str) -> Timeouts:
    """Return the limits of a request for ``--request-timeout``; by default none.

    kubectl waits for as long as the API server and its webhooks take.

    Raises:
        APIServerNotReachable: The text is no duration.
    """
    seconds = parse_timeout(text)
    if seconds is None:
        raise APIServerNotReachable(
            f"--request-timeout {quote(text)} is no duration. Write a number of"
            " seconds, or a duration such as 1s, 2m or 3h; 0 is no limit."
        )
    return Timeouts.of(seconds)


def plugin_terminal() -> PluginTerminal:
    """Return what an exec plugin may use of the terminal of the command."""
    return PluginTerminal(
        has_input=sys.stdin is not None and sys.stdin.isatty(),
        shows_errors=sys.stderr is not None and sys.stderr.isatty(),
        forward=_forward,
    )


def _forward(piece: bytes) -> None:
    with suppress(OSError, ValueError):
        sys.stderr.buffer.write(piece)
        sys.stderr.flush()


def client_config(context: str = "") -> ClientConfig:
    """Choose API server, credential and namespace, as kubectl does.

    Args:
        context: Kubeconfig context; empty for that of the options, or the current one.

    Raises:
        APIServerNotReachable: The kubeconfig names none that can be used.
    """
    options = connection_options()
    chosen = replace(options, context=context or options.context)
    try:
        return read_client_config(chosen, os.environ)
    except InvalidKubeconfig as error:
        raise APIServerNotReachable(str(error)) from error


async def connect(
    config: ClientConfig | str = "", *, dry_run: bool = False, limit: str = "0"
) -> KubernetesCluster:
    """Connect to an API server, and get the credential for it.

    Args:
        config: What was chosen, or the name of a context; empty for the choice of the
            options.
        dry_run: Whether the API server validates writes without persisting them.
        limit: Time limit of a request without ``--request-timeout``; 0 for none.

    Raises:
        APIServerNotReachable: There is no usable API server or credential.
    """
    try:
        cluster = KubernetesCluster.connect(
            client_config(config) if isinstance(config, str) else config,
            utc_now,
            environment=os.environ,
            terminal=plugin_terminal(),
            dry_run=dry_run,
            timeouts=request_timeouts(connection_options().request_timeout or limit),
        )
        await cluster.log_in()
    except (InvalidKubeconfig, CredentialUnavailable) as error:
        raise APIServerNotReachable(str(error)) from error
    return cluster


class Session(NamedTuple):
    """Connection to an API server, and the namespace of the command."""

    cluster: Cluster
    namespace: str
    source: str = ""
    """Where the namespace comes from, as a clause; empty if an option names it."""
    place: str = ""
    """Where requests go, such as ``context one``."""

    @property
    def origin(self) -> NamespaceOrigin:
        """The namespace, and where it comes from."""
        return NamespaceOrigin(self.namespace, self.source)

    @property
    def where(self) -> str:
        """Where objects are written: ``(context one, namespace argogrant)``."""
        return sanitize(f"({self.place}, namespace {self.namespace})")


@asynccontextmanager
async def session(
    context: str = "", namespace: str = "", *, dry_run: bool = False
) -> AsyncIterator[Session]:
    """Connect to an API server, and resolve the namespace of the command.

    Raises:
        CommandError: There is no usable API server or credential.
    """
    try:
        config = client_config(context)
        cluster = await connect(config, dry_run=dry_run)
    except APIServerNotReachable as error:
        raise CommandError(str(error)) from error
    try:
        writes = cluster if dry_run else ConfirmedWrites(cluster, utc_now)
        source = _namespace_source(namespace, config)
        where = resolve_namespace(namespace, config)
        yield Session(writes, where, source, config.place)
    finally:
        await cluster.close()


def resolve_namespace(namespace: str, config: ClientConfig) -> str:
    """Return the option, or else the namespace of the context, or ``argogrant``."""
    before_command = str(given_options().get("namespace") or "")
    if namespace == os.environ.get(NAMESPACE_VARIABLE):
        namespace = before_command or namespace
    return namespace or before_command or config.namespace or DEFAULT_NAMESPACE


def _namespace_source(namespace: str, config: ClientConfig) -> str:
    if given_options().get("namespace"):
        return ""
    if namespace:
        is_default = namespace == os.environ.get(NAMESPACE_VARIABLE)
        return f"which {NAMESPACE_VARIABLE} names" if is_default else ""
    if not config.namespace:
        return "the default"
    if config.in_cluster:
        return "the namespace of this pod"
    return f"the namespace of context {quote(config.context)}"


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
