"""Removal of expired bindings without the operator, for ``argogrant sweep``.

A CronJob runs it as a second path to every revocation. It reads no AccessGrant: the
managed key of ``argocd-rbac-cm`` and the members annotation of AppProjects contain the
expiry of each binding.
"""

from argogrant.argocd.appproject.sweep import SweptMembers, sweep_members
from argogrant.argocd.policy_csv import CONFIG_MAP_NAME, OVERLAY_KEY
from argogrant.argocd.sweep import Swept, sweep_overlay
from argogrant.controller.apply import Clock
from argogrant.controller.appproject.patch import project_patch
from argogrant.controller.argocd_state import observe_project, overlay_patch
from argogrant.grants.model.errors import AccessGrantError
from argogrant.kube.client import Body, Cluster
from argogrant.kube.errors import ClusterError, Conflict, Forbidden, NotFound
from argogrant.kube.informer import list_all
from argogrant.kube.resources import APP_PROJECTS, CONFIG_MAPS, Collection

ATTEMPTS = 5


class SweepFailed(AccessGrantError):
    """A ConfigMap or an AppProject could not be read or written."""


async def sweep_config_map(cluster: Cluster, namespace: str, clock: Clock) -> Swept:
    """Remove expired bindings from the managed key, and change nothing else.

    Args:
        cluster: API server of Argo CD.
        namespace: Namespace of its ConfigMap.
        clock: Current time in UTC.

    Raises:
        SweepFailed: The ConfigMap is missing or could not be read or written.
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
            "the ConfigMap does not exist, so Argo CD keeps its last policy in memory."
            " Restore the ConfigMap, or restart argocd-server to drop the policy."
        ) from error
    except ClusterError as error:
        raise SweepFailed(f"{error}. Nothing was removed.") from error
    raise SweepFailed(f"it changed {ATTEMPTS} times while it was written. Try again.")


async def sweep_projects(
    cluster: Cluster, namespace: str, clock: Clock
) -> SweptMembers | None:
    """Remove expired members of AppProjects, and the tokens they could have issued.

    Args:
        cluster: API server of Argo CD.
        namespace: Namespace of its AppProjects.
        clock: Current time in UTC.

    Returns:
        The removed members; None if AppProjects may not be listed or are not served.

    Raises:
        SweepFailed: An AppProject could not be read or written.
    """
    total = SweptMembers()
    try:
        async for body in list_all(cluster, Collection(APP_PROJECTS, namespace)):
            total += await _sweep_project(cluster, namespace, body, clock)
    except (Forbidden, NotFound) as error:
        if "PATCH" not in str(error):
            return None
        raise SweepFailed(f"{error}.") from error
    except ClusterError as error:
        raise SweepFailed(f"{error}.") from error
    return total


async def _sweep_project(
    cluster: Cluster, namespace: str, body: Body, clock: Clock
) -> SweptMembers:
    path = APP_PROJECTS.path(namespace, body["metadata"]["name"])
    for _ in range(ATTEMPTS):
        swept, planned = sweep_members(observe_project(body), clock())
        if planned is None:
            return swept
        try:
            await cluster.merge_patch(path, project_patch(body, planned))
        except Conflict:
            body = await cluster.get(path)
            continue
        return swept
    raise Conflict(f"PATCH {path}: it changed {ATTEMPTS} times while it was written")
