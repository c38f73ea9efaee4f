"""One sweep of an Argo CD by its ConfigMap alone."""

from argogrant.argocd.policy_csv import CONFIG_MAP_NAME, OVERLAY_KEY
from argogrant.argocd.sweep import Swept, sweep_overlay
from argogrant.controller.apply import Clock
from argogrant.controller.argocd_state import overlay_patch
from argogrant.grants.model.errors import AccessGrantError
from argogrant.kube.client import Cluster
from argogrant.kube.errors import ClusterError, Conflict, NotFound
from argogrant.kube.resources import CONFIG_MAPS

ATTEMPTS = 5


class SweepFailed(AccessGrantError):
    """The ConfigMap could not be read or written; the message says why."""


async def sweep_config_map(cluster: Cluster, namespace: str, clock: Clock) -> Swept:
    """Remove what is past its end from our key; nothing else is touched.

    Args:
        cluster: Where Argo CD runs.
        namespace: Where its ConfigMap is.
        clock: Tells the time in UTC.

    Raises:
        SweepFailed: It is missing, or could not be read or written.
    """
    path = CONFIG_MAPS.path(namespace, CONFIG_MAP_NAME)
    try:
        for _ in range(ATTEMPTS):
            config_map = await cluster.get(path)
            text = (config_map.get("data") or {}).get(OVERLAY_KEY, "")
            swept = sweep_overlay(text, clock())
            if not swept.removed:
                return swept
            try:
                version = config_map["metadata"]["resourceVersion"]
                await cluster.merge_patch(path, overlay_patch(swept.text, version))
            except Conflict:
                continue
            return swept
    except NotFound as error:
        raise SweepFailed(
            "there is no such ConfigMap, so Argo CD keeps its last rules in memory."
            " Restore it, or restart argocd-server to drop them."
        ) from error
    except ClusterError as error:
        raise SweepFailed(f"{error}. Nothing was removed.") from error
    raise SweepFailed(f"it changed {ATTEMPTS} times while it was written; try again.")
