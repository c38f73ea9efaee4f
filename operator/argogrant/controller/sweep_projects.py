"""One sweep of the AppProjects, by the annotation that says whose their members are."""

from argogrant.argocd.appproject.sweep import SweptMembers, sweep_members
from argogrant.controller.apply import Clock
from argogrant.controller.appproject.patch import project_patch
from argogrant.controller.observations import observe_project
from argogrant.controller.sweep import ATTEMPTS, SweepFailed
from argogrant.kube.client import Body, Cluster
from argogrant.kube.errors import ClusterError, Conflict, Forbidden, NotFound
from argogrant.kube.listing import listed
from argogrant.kube.resources import APP_PROJECTS, Collection


async def sweep_projects(
    cluster: Cluster, namespace: str, clock: Clock
) -> SweptMembers | None:
    """Remove the members whose end has passed, with the tokens made meanwhile.

    Args:
        cluster: Where Argo CD runs.
        namespace: Where its AppProjects are.
        clock: Tells the time in UTC.

    Returns:
        What was removed; None if AppProjects may not be listed, or there are none.

    Raises:
        SweepFailed: They could not be read or written.
    """
    total = SweptMembers()
    try:
        async for body in listed(cluster, Collection(APP_PROJECTS, namespace)):
            total += await _sweep_one(cluster, namespace, body, clock)
    except (Forbidden, NotFound) as error:
        if "PATCH" not in str(error):
            return None
        raise SweepFailed(f"{error}.") from error
    except ClusterError as error:
        raise SweepFailed(f"{error}.") from error
    return total


async def _sweep_one(
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
