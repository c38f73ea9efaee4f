"""Connection of a command to the API server, configured as in kubectl."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from argogrant.api.argocdinstance import Instance, read_instance
from argogrant.cli.errors import CommandError
from argogrant.grants.model.errors import AccessGrantError
from argogrant.grants.model.validation import PROJECT_NAME, quote, with_full_stop
from argogrant.kube.client import Cluster, KubernetesCluster, namespace_of_context
from argogrant.kube.errors import ClusterError, NotFound
from argogrant.kube.resources import ARGOCD_INSTANCES


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


DEFAULT_NAMESPACE: Final = "argogrant"
"""Namespace in which the chart and the manifests create the ArgoCDInstance."""


@dataclass(frozen=True, slots=True)
class Session:
    """Connection to an API server, and the namespace of the command."""

    cluster: Cluster
    namespace: str


@asynccontextmanager
async def session(
    context: str = "", namespace: str = "", *, dry_run: bool = False
) -> AsyncIterator[Session]:
    """Connect with the permissions of the caller.

    Args:
        context: Kubeconfig context; empty for the current one.
        namespace: Empty for the namespace of the context, or else ``argogrant``.
        dry_run: Whether the API server validates writes without persisting them.

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
        yield Session(cluster, resolve_namespace(namespace, context))
    finally:
        await cluster.close()


def resolve_namespace(namespace: str, context: str) -> str:
    """Return the namespace of a command.

    Args:
        namespace: The option; empty for the namespace of the context, or ``argogrant``.
        context: Kubeconfig context; empty for the current one.
    """
    return namespace or namespace_of_context(context) or DEFAULT_NAMESPACE


def check_name(kind: str, name: str) -> None:
    """Reject names that would lead to another path of the API server.

    Raises:
        CommandError: The name is not valid for an object.
    """
    # The pattern of project names is that of the names of all objects.
    if not PROJECT_NAME.fullmatch(name):
        raise CommandError(f"{quote(name)} is not a valid name of an {kind}.")


async def instance_of(api: Session, name: str) -> Instance:
    """Read and parse an ArgoCDInstance.

    Raises:
        CommandError: The instance does not exist, or is invalid.
        ClusterError: The request failed.
    """
    check_name("ArgoCDInstance", name)
    try:
        body = await api.cluster.get(ARGOCD_INSTANCES.path(api.namespace, name))
        return read_instance(body)
    except NotFound as error:
        raise CommandError(
            f"ArgoCDInstance {quote(name)} does not exist in namespace"
            f" {quote(api.namespace)}. To list instances, run: kubectl get"
            " argocdinstances -A."
        ) from error
    except ClusterError:
        raise
    except AccessGrantError as error:
        raise CommandError(
            f"ArgoCDInstance {quote(name)} is invalid: {with_full_stop(str(error))}"
            " Apply the CRDs of this version."
        ) from error
