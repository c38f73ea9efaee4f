"""What every command that asks an API server begins with.

How the commands reach an API server: as kubectl does, or as their pod may.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from argogrant.api.argocdinstance import Instance, read_instance
from argogrant.cli.errors import CommandError
from argogrant.grants.model.errors import AccessGrantError
from argogrant.grants.model.validation import PROJECT_NAME, quote
from argogrant.kube.auth import namespace_of_context
from argogrant.kube.client import Cluster, KubernetesCluster
from argogrant.kube.errors import ClusterError, NotFound
from argogrant.kube.resources import ARGOCD_INSTANCES


class APIServerNotReachable(Exception):
    """None is configured; the message is that of who read the configuration."""


def utc_now() -> datetime:
    """Read the clock; the only place of the commands that does."""
    return datetime.now(UTC)


async def connect(context: str = "", *, dry_run: bool = False) -> KubernetesCluster:
    """Use the pod's service account, or else the kubeconfig.

    Args:
        context: One of the kubeconfig, whatever the pod; empty for the current.
        dry_run: What is written is judged and filled in, but not kept.

    Raises:
        NoAPIServer: There is neither, or the kubeconfig can not be understood.
    """
    try:
        return await KubernetesCluster.connect(utc_now, context, dry_run=dry_run)
    except Exception as error:  # a kubeconfig can be wrong in many ways
        raise APIServerNotReachable(str(error)) from error


DEFAULT_NAMESPACE: Final = "argogrant"
"""Where the chart and the manifests put an ArgoCDInstance."""


@dataclass(frozen=True, slots=True)
class Session:
    """An API server, and the namespace that a command is about."""

    cluster: Cluster
    namespace: str


@asynccontextmanager
async def session(
    context: str = "", namespace: str = "", *, dry_run: bool = False
) -> AsyncIterator[Session]:
    """Connect with the caller's own rights.

    Args:
        context: One of the kubeconfig; empty for the current one.
        namespace: Empty for that of the context, or else ``argogrant``.
        dry_run: What is written is judged and filled in, but not kept.

    Raises:
        CommandFailed: There is no kubeconfig and no pod's account.
    """
    try:
        cluster = await connect(context, dry_run=dry_run)
    except APIServerNotReachable as error:
        raise CommandError(
            f"no API server is configured: {error}; look at kubectl config"
            " get-contexts."
        ) from error
    try:
        yield Session(cluster, resolve_namespace(namespace, context))
    finally:
        await cluster.close()


def resolve_namespace(namespace: str, context: str) -> str:
    """Tell which namespace a command is about.

    Args:
        namespace: What was typed; empty for that of the context, or ``argogrant``.
        context: One of the kubeconfig; empty for the current one.
    """
    return namespace or namespace_of_context(context) or DEFAULT_NAMESPACE


def check_name(kind: str, name: str) -> None:
    """Let no name that was typed lead to another path.

    Raises:
        CommandFailed: No object can be called that.
    """
    if not PROJECT_NAME.fullmatch(name):  # the pattern of any object's name
        raise CommandError(f"{quote(name)} is no name of an {kind}.")


async def instance_of(asked: Session, name: str) -> Instance:
    """Read the ArgoCDInstance that a command is about.

    Raises:
        CommandFailed: There is none, or it is not understood.
        ClusterError: It can not be read.
    """
    check_name("ArgoCDInstance", name)
    try:
        body = await asked.cluster.get(ARGOCD_INSTANCES.path(asked.namespace, name))
        return read_instance(body)
    except NotFound as error:
        raise CommandError(
            f"there is no ArgoCDInstance {quote(name)} in namespace"
            f" {quote(asked.namespace)}; kubectl get argocdinstances -A lists them."
        ) from error
    except ClusterError:
        raise
    except AccessGrantError as error:
        raise CommandError(
            f"ArgoCDInstance {quote(name)} can not be understood: {error}; apply the"
            " CRDs of this version."
        ) from error
