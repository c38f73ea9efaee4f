"""How the commands reach an API server: as kubectl does, or as their pod may."""

from datetime import UTC, datetime

from argogrant.kube.client import KubernetesCluster


class NoAPIServer(Exception):
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
        raise NoAPIServer(str(error)) from error
