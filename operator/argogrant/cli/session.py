"""Connection of a command to API servers, and the objects that it reads there.

Everything is read with the permissions of the caller, configured as in kubectl. A
function that sends a request raises ``ClusterError`` if it fails.
"""

import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Final, NamedTuple, TypeVar

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
from argogrant.grants.model.validation import PROJECT_NAME, quote
from argogrant.kube.client import Body, Cluster, KubernetesCluster, Timeouts
from argogrant.kube.errors import CredentialUnavailable, Forbidden, NotFound
from argogrant.kube.exec_plugin import PluginTerminal
from argogrant.kube.kubeconfig.choosing import (
    ClientConfig,
    ConnectionOptions,
    read_client_config,
)
from argogrant.kube.kubeconfig.durations import parse_timeout
from argogrant.kube.kubeconfig.entries import InvalidKubeconfig
from argogrant.kube.resources import (
    ACCESS_GRANTS,
    ARGOCD_INSTANCES,
    Resource,
)

Parsed = TypeVar("Parsed")
NAMESPACE_VARIABLE: Final = "ARGOGRANT_NAMESPACE"
NAMESPACE_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
"""Source: RFC 1123, "label"; Kubernetes, "Object Names and IDs"."""


class APIServerNotReachable(Exception):
    """No usable kubeconfig, credential or namespace; the message is complete."""


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
        return where(self.place, self.namespace)


def where(place: str, namespace: str) -> str:
    """Return where objects are written, for a message.

    Args:
        place: Where requests go, such as ``context one``.
        namespace: Namespace of the objects.
    """
    return sanitize(f"({place}, namespace {namespace})")


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
        where = resolve_namespace(namespace, config)
        cluster = await connect(config, dry_run=dry_run)
    except APIServerNotReachable as error:
        raise CommandError(str(error)) from error
    try:
        writes = cluster if dry_run else ConfirmedWrites(cluster, utc_now)
        source = _namespace_source(namespace, config)
        yield Session(writes, where, source, config.place)
    finally:
        await cluster.close()


def resolve_namespace(namespace: str, config: ClientConfig) -> str:
    """Return the option, or else the namespace of the context, or ``argogrant``.

    Raises:
        APIServerNotReachable: It is no name of a namespace; another text could lead to
            another path of the API server.
    """
    before_command = str(given_options().get("namespace") or "")
    if namespace == os.environ.get(NAMESPACE_VARIABLE):
        namespace = before_command or namespace
    chosen = namespace or before_command or config.namespace or DEFAULT_NAMESPACE
    if not NAMESPACE_NAME.fullmatch(chosen):
        source = _namespace_source(namespace, config)
        raise APIServerNotReachable(
            f"{quote(chosen)}{f', {source},' if source else ''} is no name of a"
            " namespace. It has at most 63 lower-case letters, digits and hyphens, such"
            " as argogrant. To list namespaces, run: kubectl get namespaces."
        )
    return chosen


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


async def instance_body(api: Session, name: str) -> Body:
    """Read an ArgoCDInstance without parsing it.

    Raises:
        CommandError: The instance does not exist, or the name is invalid.
    """
    return await _get(api, ARGOCD_INSTANCES, "ArgoCDInstance", name)


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
        raise CommandError(
            f"{quote(name)} is not a valid name of an {kind}. Names have lower-case"
            " letters, digits, '-' and '.', such as deploy-4711."
        )
    try:
        return await api.cluster.get(resource.path(api.namespace, name))
    except NotFound as error:
        raise CommandError(
            await describe_absence(api.cluster, api.origin, kind, name)
        ) from error
